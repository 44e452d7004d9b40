// What goes through the gateway to the API, and what comes back.

import { connect } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { GatewayUser } from '../support/gateway-user.mjs';
import { startIdentityProvider } from '../support/identity-provider.mjs';
import { startStack } from '../support/stack.mjs';
import { startUpstream } from '../support/upstream.mjs';

const TEXT = 'some text '.repeat(1_000);

let stack;
let provider;
let api;
let user;
beforeAll(async () => {
  stack = await startStack({ only: ['gateway'], gateway: { GATEPASS_RELAY_LARGEST_BODY: '200000', GATEPASS_RELAY_TIMEOUT: '2' } });
  [provider, api] = await Promise.all([startIdentityProvider(stack), startUpstream(stack.api)]);
  user = new GatewayUser(stack);
  await user.signIn();
});
afterAll(async () => {
  await stack?.stop();
  await Promise.all([provider?.stop(), api?.stop()]);
});

test('a request goes as it is, with a token, and without what is between browser and gateway', async () => {
  const response = await user.call('/api/things/1;v=2?a=b&a=c%20d', {
    method: 'PATCH',
    body: '{"a":1}',
    headers: {
      'content-type': 'application/merge-patch+json', 'if-match': '"1"', authorization: 'Bearer mine', 'x-forwarded-for': '6.6.6.6', dpop: 'x', 'x-own': 'kept',
    },
  });
  expect(response.status).toBe(200);
  const { method, url, headers, body } = api.seen.at(-1);
  expect([method, url, body]).toEqual(['PATCH', '/api/things/1;v=2?a=b&a=c%20d', '{"a":1}']);
  expect(headers).toMatchObject({
    'content-type': 'application/merge-patch+json', 'if-match': '"1"', 'x-own': 'kept', authorization: expect.stringMatching(/^Bearer (?!mine)/),
    'x-forwarded-host': new URL(stack.gateway).host, 'x-forwarded-proto': 'http',
  });
  for (const name of ['cookie', 'x-gatepass-csrf', 'origin', 'sec-fetch-site', 'dpop']) expect(headers[name]).toBeUndefined();
  expect(headers['x-forwarded-for'] ?? '').not.toContain('6.6.6.6');
});

test.each([
  'X-Forwarded', 'X_Forwarded_For', 'X-Client-IP', 'X-Original-URL', 'X-Rewrite-URL', 'X_Real_IP', 'Client-Cert', 'X-SSL-Client-S-DN', 'Ssl_Client_Verify', 'Remote-User', 'X-Remote-User',
])('%s, which some servers believe, stays here', async (name) => {
  await user.call('/api/x', { headers: { [name]: '/admin' } });
  expect(JSON.stringify(api.seen.at(-1).headers)).not.toContain('/admin');
});

/** A request byte by byte, and the beginning of its answer. @param {(string | number)[]} parts a number is a pause in milliseconds */
function spoken(...parts) {
  const { host, hostname, port } = new URL(stack.gateway);
  const cookie = [...user.jar()].map(([name, value]) => `${name}=${value}`).join('; ');
  const [line, ...rest] = parts;
  const head = `${line}\r\nHost: ${host}\r\nConnection: close\r\nX-Gatepass-CSRF: 1\r\nOrigin: ${stack.gateway}\r\nCookie: ${cookie}\r\n`;
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    const heard = [];
    socket.on('data', (chunk) => heard.push(chunk)).on('error', reject);
    socket.on('close', () => {
      const all = Buffer.concat(heard);
      const at = all.indexOf('\r\n\r\n');
      resolve({ status: Number(all.toString().split(' ')[1]), head: all.subarray(0, at).toString(), rest: all.subarray(at + 4) });
    });
    (async () => {
      for (const part of [head, ...rest]) {
        if (typeof part === 'number') await new Promise((go) => { setTimeout(go, part); });
        else socket.write(part);
      }
    })();
  });
}

// As browsers send them: they have encoded whatever else there is.
test.each([
  '/api/a;b=c/d,e/f:g@h!$&\'()*+=~_-.', '/api/%c3%a9/%E2%82%AC/%7e%41', '/api/|[x]', '/api/100%25/x%3fy%23z/', '/api/x?', '/api/x?a=b?c=/../d&&=;%2f%00%zz&e', "/api/x?q=|^`{}[]\\", `/api/${'x'.repeat(8_000)}?${'y'.repeat(8_000)}`,
])('%s goes along byte by byte', async (path) => {
  const { status } = await spoken(`GET ${path} HTTP/1.1`, '\r\n');
  expect([status, api.seen.at(-1).url]).toEqual([200, path.replace(/\?$/, '')]);
});

describe('a method', () => {
  test.each(['PROPFIND', 'PURGE', 'REPORT', 'QUERY', 'DELETE', 'OPTIONS'])('%s goes along as what it is', async (method) => {
    const { status } = await spoken(`${method} /api/x HTTP/1.1`, '\r\n');
    expect([status, api.seen.at(-1).method]).toEqual([200, method]);
  });

  test('that the gateway does not know is none that changes nothing', async () => {
    const { host } = new URL(stack.gateway);
    const seen = api.seen.length;
    const { request } = await import('node:http');
    const status = await new Promise((resolve, reject) => {
      const cookie = `__Host-gatepass_session=${user.session}`;
      request({ host: host.split(':')[0], port: host.split(':')[1], method: 'PURGE', path: '/api/x', headers: { cookie, 'x-gatepass-csrf': '1' } }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode));
      }).on('error', reject).end();
    });
    expect([status, api.seen.length]).toEqual([403, seen]);
  });

  test('TRACE, by which an API would send the token back, stays here', async () => {
    const seen = api.seen.length;
    expect((await spoken('TRACE /api/x HTTP/1.1', '\r\n')).status).toBe(405);
    expect(api.seen.length).toBe(seen);
  });

  test.each(['GET', 'HEAD', 'POST'])('%s with a body of which it says that it is empty goes along without one', async (method) => {
    const { status } = await spoken(`${method} /api/x HTTP/1.1`, 'Content-Length: 0\r\n\r\n');
    const { method: came, body } = api.seen.at(-1);
    expect([status, came, body]).toEqual([200, method, '']);
  });

  test.each(['GET', 'HEAD'])('%s with a body is refused', async (method) => {
    const seen = api.seen.length;
    expect((await spoken(`${method} /api/x HTTP/1.1`, 'Content-Length: 5\r\n\r\nhello')).status).toBe(400);
    expect((await spoken(`${method} /api/x HTTP/1.1`, 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n')).status).toBe(400);
    expect(api.seen.length).toBe(seen);
  });
});

test.each([101, 600, 999])('an API that answers %s breaks nothing', async (status) => {
  api.answers['/api/odd'] = (request) => request.socket.end(`HTTP/1.1 ${status} Odd\r\nContent-Length: 0\r\n\r\n`);
  const [odd, ...others] = await Promise.all([user.call('/api/odd'), ...Array.from({ length: 10 }, () => user.call('/api/x'))]);
  expect([odd.status, (await odd.json()).code]).toEqual([502, 'api_unreachable']);
  expect(others.map((other) => other.status)).toEqual(Array(10).fill(200));
  expect(stack.logs().filter((line) => line.includes('panicked'))).toEqual([]);
});

test('an answer comes back as it is, without what an API may not say in the gateway’s name', async () => {
  api.answers['/api/answer'] = (request, response) => {
    response.writeHead(418, 'x', {
      'content-type': 'text/html', etag: '"2"', 'set-cookie': 'a=b', 'access-control-allow-origin': '*', 'clear-site-data': '"*"',
      'content-security-policy': "default-src *", 'set-login': 'logged-out', 'secure-session-registration': '(ES256);path="/x"', 'strict-transport-security': 'max-age=0', 'alt-svc': 'h2="evil.example:443"',
      'service-worker-allowed': '/', 'www-authenticate': 'Basic realm="x"', location: `${stack.api}/api/next?x=1`, connection: 'x-hop', 'x-hop': '1',
    });
    response.end('<script>alert(1)</script>');
  };
  const response = await user.call('/api/answer');
  expect([response.status, await response.text()]).toEqual([418, '<script>alert(1)</script>']);
  const { headers } = response;
  expect([headers.get('etag'), headers.get('content-type'), headers.get('location')]).toEqual(['"2"', 'text/html', '/api/next?x=1']);
  expect(headers.get('content-security-policy')).toBe("default-src 'none'; sandbox; frame-ancestors 'none'");
  expect(headers.get('cache-control')).toBe('no-store');
  for (const name of [
    'set-cookie', 'access-control-allow-origin', 'clear-site-data', 'www-authenticate', 'x-hop', 'set-login', 'secure-session-registration', 'strict-transport-security', 'alt-svc', 'service-worker-allowed',
  ]) expect(headers.get(name)).toBeNull();
});

test.each([
  [undefined, 'no-store'], ['no-store', 'private, no-store'], ['max-age=60', 'private, max-age=60'], ['public, max-age=60, s-maxage=600', 'private, max-age=60'], ['private, must-revalidate', 'private, must-revalidate'],
])('an answer whose Cache-Control is %j is one for the browser alone', async (said, kept) => {
  api.answers['/api/kept'] = (request, response) => response.writeHead(200, {
    ...(said && { 'cache-control': said }), 'cdn-cache-control': 'max-age=600', 'cloudflare-cdn-cache-control': 'max-age=600', 'surrogate-control': 'max-age=600',
  }).end();
  const { headers } = await user.call('/api/kept');
  expect([headers.get('cache-control'), headers.get('vary')]).toEqual([kept, 'Cookie']);
  for (const name of headers.keys()) expect(name).not.toMatch(/^(cloudflare-)?cdn|^surrogate/);
});

test.each([
  ['gzip', 200, gzipSync(TEXT)], ['br', 200, brotliCompressSync(TEXT)], ['gzip, br', 200, brotliCompressSync(gzipSync(TEXT))], ['zstd', 200, Buffer.from('any bytes')], ['gzip', 200, Buffer.from('no gzip')],
  ['gzip', 206, gzipSync(TEXT).subarray(5, 30)],
])('an answer encoded with %s (%s) comes back byte by byte, with its length, also to HEAD', async (encoding, status, body) => {
  const own = { 'content-encoding': encoding, 'content-length': String(body.length), etag: '"1"', ...(status === 206 && { 'content-range': 'bytes 5-29/60' }) };
  api.answers['/api/encoded'] = (request, response) => response.writeHead(status, own).end(request.method === 'HEAD' ? undefined : body);
  for (const [method, expected] of [['GET', body], ['HEAD', Buffer.alloc(0)]]) {
    const { head, rest } = await spoken(`${method} /api/encoded HTTP/1.1`, 'Accept-Encoding: br, gzip, zstd\r\nRange: bytes=5-29\r\nIf-Range: "1"\r\n\r\n');
    expect(head.split('\r\n')[0]).toMatch(` ${status} `);
    for (const [name, value] of Object.entries(own)) expect(head.toLowerCase()).toContain(`\r\n${name}: ${value}`);
    expect(rest.equals(expected)).toBe(true);
    expect(api.seen.at(-1).headers).toMatchObject({ 'accept-encoding': 'br, gzip, zstd', range: 'bytes=5-29', 'if-range': '"1"' });
  }
});

test.each([204, 304])('an answer %s without a body comes back', async (status) => {
  api.answers['/api/nothing'] = (request, response) => response.writeHead(status).end();
  expect((await user.call('/api/nothing')).status).toBe(status);
});

test('a redirect is handed on, and not followed', async () => {
  api.answers['/api/away'] = (request, response) => response.writeHead(302, { location: 'https://elsewhere.example/' }).end();
  const response = await user.call('/api/away');
  expect([response.status, response.headers.get('location')]).toEqual([302, 'https://elsewhere.example/']);
});

describe('bodies', () => {
  test('flow both ways while they come', async () => {
    const got = [];
    let echo;
    api.answers['/api/stream'] = Object.assign((request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      request.on('data', (chunk) => { got.push(String(chunk)); response.write(chunk); });
      request.on('end', () => response.end());
      echo = response;
    }, { streams: true });
    const { hostname, port } = new URL(stack.gateway);
    const socket = connect(Number(port), hostname);
    const heard = [];
    socket.on('data', (chunk) => heard.push(String(chunk)));
    const cookie = [...user.jar()].map(([name, value]) => `${name}=${value}`).join('; ');
    socket.write(`POST /api/stream HTTP/1.1\r\nHost: ${hostname}:${port}\r\nX-Gatepass-CSRF: 1\r\nOrigin: ${stack.gateway}\r\nCookie: ${cookie}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    for (const word of ['first', 'second', 'third']) {
      socket.write(`${word.length.toString(16)}\r\n${word}\r\n`);
      await expect.poll(() => got.join('')).toContain(word);
      await expect.poll(() => heard.join('')).toContain(word);
    }
    socket.write('0\r\n\r\n');
    await expect.poll(() => echo.writableEnded).toBe(true);
    socket.destroy();
  });

  test('of a megabyte that the API sends come whole', async () => {
    const megabyte = 'x'.repeat(1_000_000);
    api.answers['/api/large'] = (request, response) => response.writeHead(200).end(megabyte);
    expect(await (await user.call('/api/large')).text()).toBe(megabyte);
  });

  test('that are too large are refused by what they say of themselves, and broken off if they say nothing', async () => {
    const seen = api.seen.length;
    const response = await user.post('/api/x', { body: 'x'.repeat(200_001) });
    expect([response.status, (await response.json()).code]).toEqual([413, 'body_too_large']);
    expect(api.seen.length).toBe(seen);
    const stream = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 30; i += 1) controller.enqueue(new TextEncoder().encode('x'.repeat(10_000)));
        controller.close();
      },
    });
    const broken = await user.post('/api/x', { body: stream, duplex: 'half' });
    expect(broken.status).toBe(413);
    // The API has not taken the beginning for the whole.
    expect(api.seen.length).toBe(seen);
  });

  test.each(['says', 'does not say'])('that take their time on the way here are waited for, if the sender %s how much comes', async (says) => {
    const part = 'x'.repeat(40_000);
    const [header, written, end] = says === 'says'
      ? ['Content-Length: 120000', part, '']
      : ['Transfer-Encoding: chunked', `${part.length.toString(16)}\r\n${part}\r\n`, '0\r\n\r\n'];
    const { status } = await spoken('POST /api/x HTTP/1.1', `${header}\r\n\r\n`, written, 1_200, written, 1_200, written + end);
    expect([status, api.seen.at(-1).body.length]).toEqual([200, 120_000]);
    // How long the API may take still counts from there.
    api.answers['/api/slow'] = () => {};
    const slow = await spoken('POST /api/slow HTTP/1.1', `${header}\r\n\r\n`, written, 500, written, 500, written + end);
    expect(slow.status).toBe(504);
  });

  test('just small enough go through', async () => {
    const response = await user.post('/api/x', { body: 'x'.repeat(200_000) });
    expect([response.status, (await response.json()).body.length]).toEqual([200, 200_000]);
  });
});

test('a WebSocket goes through, with the page’s origin and without the header that it cannot set', async () => {
  const { hostname, port } = new URL(stack.gateway);
  const open = (origin) => new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk;
      if (heard.includes('hello') || /^HTTP\/1.1 4/.test(heard)) { socket.destroy(); resolve(heard); }
    });
    const cookie = [...user.jar()].map(([name, value]) => `${name}=${value}`).join('; ');
    socket.write(`GET /api/socket HTTP/1.1\r\nHost: ${hostname}:${port}\r\n${origin ? `Origin: ${origin}\r\n` : ''}Cookie: ${cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`);
  });
  expect(await open(stack.gateway)).toMatch(/^HTTP\/1.1 101[^]*hello/);
  expect(api.seen.at(-1).headers.authorization).toMatch(/^Bearer /);
  expect(await open('https://evil.example')).toMatch(/^HTTP\/1.1 403/);
  expect(await open()).toMatch(/^HTTP\/1.1 403/);
});

describe('an API', () => {
  test('that does not answer in time is 504, one that is not there 502, and the session stays', async () => {
    api.answers['/api/slow'] = () => {};
    const slow = await user.call('/api/slow');
    expect([slow.status, slow.headers.get('content-type'), (await slow.json()).code]).toEqual([504, 'application/problem+json', 'api_timeout']);
    await api.stop();
    const gone = await user.call('/api/x');
    expect([gone.status, (await gone.json()).code]).toEqual([502, 'api_unreachable']);
    await api.listen(Number(new URL(stack.api).port));
    expect((await user.call('/api/x')).status).toBe(200);
  });

  test('that wants more than a token is not answered with a renewal', async () => {
    api.answers['/api/step-up'] = (request, response) => response.writeHead(401, { 'www-authenticate': 'Bearer error="insufficient_user_authentication", acr_values="2"' }).end();
    const before = provider.count('POST /token');
    const response = await user.call('/api/step-up');
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer error="insufficient_user_authentication", acr_values="2"']);
    expect(provider.count('POST /token')).toBe(before);
  });
});
