// Bodies that are large, slow, broken off or without an end, both ways.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { GatewayUser } from '../support/gateway-user.mjs';
import { startIdentityProvider } from '../support/identity-provider.mjs';
import { startStack } from '../support/stack.mjs';
import { startUpstream } from '../support/upstream.mjs';

const MEGABYTE = 1_000_000;
const LARGEST = 100 * MEGABYTE;
const block = randomBytes(MEGABYTE);

let stack;
let provider;
let api;
let user;
/** The requests of the API's that came as streams: how much of each body, whether all of it, whether its connection is closed. */
const came = [];
beforeAll(async () => {
  stack = await startStack({ only: ['gateway'], gateway: { GATEPASS_RELAY_LARGEST_BODY: String(LARGEST), GATEPASS_RELAY_TIMEOUT: '2' } });
  [provider, api] = await Promise.all([startIdentityProvider(stack), startUpstream(stack.api)]);
  user = new GatewayUser(stack);
  await user.signIn();
});
afterAll(async () => {
  await stack?.stop();
  await Promise.all([provider?.stop(), api?.stop()]);
});

/** Has the API answer a path as its requests begin. @param {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse, one: object) => void} answer */
function streams(path, answer) {
  api.answers[path] = Object.assign((request, response) => {
    const one = { bytes: 0, isWhole: false, isClosed: false, headers: request.headers };
    came.push(one);
    request.on('end', () => { one.isWhole = request.complete; }).on('error', () => {});
    request.socket.once('close', () => { one.isClosed = true; });
    answer(request, response, one);
  }, { streams: true });
}
const counting = (request, one) => request.on('data', (chunk) => { one.bytes += chunk.length; });

/** A request of which the test says when what of it goes, and when its answer is read. */
function begun(line, headers, as = user) {
  const { host, hostname, port } = new URL(stack.gateway);
  const cookie = [...as.jar()].map(([name, value]) => `${name}=${value}`).join('; ');
  const socket = connect(Number(port), hostname);
  const one = { socket, heard: [], isOver: false, text: () => Buffer.concat(one.heard).toString('latin1'), status: () => Number(one.text().split(' ')[1]) };
  socket.on('error', () => {}).on('close', () => { one.isOver = true; });
  const all = { Host: host, Cookie: cookie, 'X-Gatepass-CSRF': '1', Origin: stack.gateway, Connection: 'close', ...headers };
  socket.write(`${line} HTTP/1.1\r\n${Object.entries(all).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
  one.read = () => { socket.on('data', (chunk) => one.heard.push(chunk)); return one; };
  one.isAnswered = async () => { await expect.poll(() => one.isOver).toBe(true); return one; };
  return one;
}

/** Sends blocks until so many, or until nobody hears them, or takes any for as long as `patience`; how many. */
async function send(socket, count, { isChunked, isAll = true, patience }) {
  for (let sent = 0; sent < count; sent += 1) {
    if (socket.destroyed || !socket.writable) return sent;
    const whole = isChunked ? Buffer.concat([Buffer.from(`${block.length.toString(16)}\r\n`), block, Buffer.from('\r\n')]) : block;
    if (!socket.write(whole) && !await taken(socket, patience)) return sent;
  }
  if (isChunked && isAll) socket.write('0\r\n\r\n');
  return count;
}
function taken(socket, patience) {
  return new Promise((resolve) => {
    const timer = patience && setTimeout(() => end(false), patience);
    const [drained, closed] = [() => end(true), () => end(false)];
    const end = (is) => {
      clearTimeout(timer);
      socket.off('drain', drained).off('close', closed);
      resolve(is);
    };
    socket.on('drain', drained).on('close', closed);
  });
}

describe('an answer of 100 megabytes', () => {
  const hash = createHash('sha256');
  for (let i = 0; i < 100; i += 1) hash.update(block);
  const expected = hash.digest('hex');

  test.each([['of that length', { 'content-length': LARGEST }], ['of no length', {}]])('%s comes whole, and no faster than it is read', async (_, headers) => {
    let sent = 0;
    streams('/api/large', async (request, response) => {
      response.writeHead(200, headers);
      for (; sent < 100; sent += 1) if (!response.write(block)) await once(response, 'drain');
      response.end();
    });
    const response = await user.call('/api/large');
    let [before, looks] = [0, 0];
    // It comes to a halt.
    await expect.poll(() => { looks = sent === before ? looks + 1 : 0; before = sent; return looks; }, { interval: 300 }).toBe(4);
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThan(100);
    const got = createHash('sha256');
    for await (const chunk of response.body) got.update(chunk);
    expect([got.digest('hex'), response.headers.get('content-length')]).toEqual([expected, headers['content-length'] ? String(LARGEST) : null]);
  });

  test('that its reader gives up is given up by the API', async () => {
    streams('/api/large', async (request, response) => {
      response.writeHead(200);
      while (!response.destroyed) if (!response.write(block)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    });
    const before = came.length;
    const one = begun('GET /api/large', {});
    one.socket.once('data', () => one.socket.destroy());
    await expect.poll(() => [came.length - before, came.at(-1)?.isClosed]).toEqual([1, true]);
  });
});

test.each([
  ['of a length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc'],
  ['of no length', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
  ['that is garbled on the way', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n'],
  ['that is compressed', 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
])('an answer %s that breaks off is one that has broken off to the page, too', async (_, answer) => {
  for (const how of ['end', 'resetAndDestroy']) {
    let api;
    streams('/api/broken', ({ socket }) => { api = socket; socket.write(answer); });
    const one = begun('GET /api/broken', {}).read();
    await expect.poll(() => one.text()).toContain('abc');
    api[how]();
    await one.isAnswered();
    expect([one.status(), one.text().includes('abc'), one.text().endsWith('0\r\n\r\n'), one.text().includes('Content-Length: 3')]).toEqual([200, true, false, false]);
  }
});

describe.each([['that says how long it is', false], ['that does not say how long it is', true]])('a request %s', (_, isChunked) => {
  const length = (bytes) => (isChunked ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': bytes });
  const answering = (status, headers) => (request, response, one) => {
    counting(request, one);
    request.on('end', () => response.writeHead(status, headers).end('done'));
  };

  test('of 100 megabytes goes through', async () => {
    streams('/api/upload', answering(200));
    const one = begun('POST /api/upload', length(LARGEST)).read();
    await send(one.socket, 100, { isChunked });
    expect([(await one.isAnswered()).status(), came.at(-1)]).toMatchObject([200, { bytes: LARGEST, isWhole: true }]);
  });

  test('of more is answered 413, and no API has all of it', async () => {
    const [before, past] = [came.length, isChunked ? 1 : 0];
    streams('/api/upload', answering(200));
    const one = begun('POST /api/upload', length(LARGEST + 1)).read();
    if (isChunked) {
      await send(one.socket, 100, { isChunked, isAll: false });
      one.socket.write('1\r\nx\r\n');
    }
    await one.isAnswered();
    expect(one.text()).toMatch(/^HTTP\/1.1 413 [^]*"code":"body_too_large"/);
    expect(came.length - before).toBe(past);
    if (isChunked) await expect.poll(() => [came.at(-1).isWhole, came.at(-1).isClosed]).toEqual([false, true]);
  });

  test('goes no faster than the API takes it', async () => {
    streams('/api/upload', (request) => request.pause());
    const one = begun('POST /api/upload', length(LARGEST));
    const sent = await send(one.socket, 100, { isChunked, patience: 1_500 });
    expect(sent).toBeLessThan(100);
    one.socket.destroy();
  });

  test.each([413, 401, 200])('that the API answers %s before it has all of it is answered so', async (status) => {
    const tokens = provider.count('POST /token');
    streams('/api/upload', (request, response) => response.writeHead(status, { connection: 'close', 'www-authenticate': 'Bearer error="insufficient_scope"' }).end('early'));
    const one = begun('POST /api/upload', length(20 * MEGABYTE)).read();
    one.socket.write(isChunked ? `5\r\nhello\r\n` : 'hello');
    await one.isAnswered();
    expect([one.status(), one.text().includes('early'), provider.count('POST /token') - tokens]).toEqual([status, true, 0]);
  });

  test('that is broken off is none that the API takes for whole', async () => {
    streams('/api/upload', (request, response, one) => counting(request, one));
    const one = begun('POST /api/upload', length(10 * MEGABYTE));
    one.socket.write(isChunked ? `5\r\nhello\r\n` : 'hello');
    await expect.poll(() => came.at(-1).bytes).toBe(5);
    one.socket.destroy();
    await expect.poll(() => came.at(-1).isClosed).toBe(true);
    expect(came.at(-1).isWhole).toBe(false);
  });
});

describe('server-sent events', () => {
  const headers = { Accept: 'text/event-stream', 'Sec-Fetch-Site': 'same-origin', 'X-Gatepass-CSRF': undefined, Origin: undefined };
  let write;
  beforeAll(() => streams('/api/events', (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    response.flushHeaders();
    write = (data) => response.write(`data: ${data}\n\n`);
  }));

  test('come one by one, to an EventSource, which sends no header of ours', async () => {
    const one = begun('GET /api/events', { ...headers, 'Last-Event-ID': '7' }).read();
    await expect.poll(() => one.text()).toContain('text/event-stream');
    for (const event of ['first', 'second', 'third']) {
      write(event);
      await expect.poll(() => one.text()).toContain(`data: ${event}\n\n`);
    }
    const { 'last-event-id': last, authorization } = came.at(-1).headers;
    expect([last, authorization]).toEqual(['7', expect.stringMatching(/^Bearer /)]);
    expect(one.text()).toMatch(/^cache-control: private, no-cache\r$/im);
    one.socket.destroy();
    // The API learns it with the next event.
    await expect.poll(() => { write('x'); return came.at(-1).isClosed; }).toBe(true);
  });

  test.each([
    ['of another site', { 'Sec-Fetch-Site': 'cross-site' }],
    ['of a sibling', { 'Sec-Fetch-Site': 'same-site' }],
    ['of nobody', { 'Sec-Fetch-Site': 'none' }],
    ['of which nobody says where it is from', { 'Sec-Fetch-Site': undefined }],
    ['of another origin', { Origin: 'https://evil.example' }],
    ['that a page may ask for by an image or a link', { Accept: 'text/event-stream, */*' }],
    ['that changes something', {}, 'POST'],
  ])('are not for a request %s', async (_, change, method = 'GET') => {
    const before = came.length;
    const one = await begun(`${method} /api/events`, { ...headers, ...change }).read().isAnswered();
    expect([one.status(), one.text().includes('"code":"forged"'), came.length]).toEqual([403, true, before]);
  });

  test('go on when their user signs out, until the API or the page ends them, and are not begun again', async () => {
    const own = new GatewayUser(stack);
    await own.signIn();
    const one = begun('GET /api/events', headers, own).read();
    await expect.poll(() => one.text()).toContain('text/event-stream');
    const cookie = own.session;
    await own.post('/logout');
    write('still here');
    await expect.poll(() => one.text()).toContain('still here');
    own.jar().set('__Host-gatepass_session', cookie);
    const before = came.length;
    expect((await begun('GET /api/events', headers, own).read().isAnswered()).status()).toBe(401);
    expect(came.length).toBe(before);
    one.socket.destroy();
  });
});
