// Tokens that are bound to a key of their session (DPoP, RFC 9449), from the provider to the API.

import crypto from 'node:crypto';
import { connect } from 'node:net';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { newSecret } from '../../scripts/lib/dev-vars.mjs';
import { look, setAhead } from '../support/ahead.mjs';
import { ProofKey } from '../support/dpop.mjs';
import { GatewayUser } from '../support/gateway-user.mjs';
import { startIdentityProvider } from '../support/identity-provider.mjs';
import { freePorts } from '../support/ports.mjs';
import { startStack } from '../support/stack.mjs';
import { startUpstream } from '../support/upstream.mjs';

const json = (part) => JSON.parse(Buffer.from(part, 'base64url'));

/** A proof that was sent, with its signature checked by the key in it, and that it is for this request and token. */
function proofOf({ method, url, headers }, origin) {
  const [header, payload] = headers.dpop.split('.').slice(0, 2).map(json);
  const [input, signature] = [headers.dpop.slice(0, headers.dpop.lastIndexOf('.')), headers.dpop.split('.')[2]];
  const key = { key: crypto.createPublicKey({ key: header.jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
  expect(crypto.verify('sha256', Buffer.from(input), key, Buffer.from(signature, 'base64url'))).toBe(true);
  expect(header).toEqual({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty: 'EC', crv: 'P-256', x: expect.any(String), y: expect.any(String) } });
  const token = /^DPoP (.*)$/.exec(headers.authorization)[1];
  expect(payload).toMatchObject({
    htm: method, htu: origin + url.split('?')[0], ath: crypto.createHash('sha256').update(token).digest('base64url'), jti: expect.stringMatching(/^[\w-]{22}$/),
  });
  expect(Math.abs(payload.iat - Date.now() / 1000)).toBeLessThan(30);
  return { ...payload, x: header.jwk.x, jkt: thumbprint(header.jwk), token };
}

/** RFC 7638 */
const thumbprint = ({ crv, kty, x, y }) => crypto.createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');

/** Wants this nonce in every proof, and says so. */
const wanting = (nonce) => ({ headers }) => {
  const given = headers.dpop && json(headers.dpop.split('.')[1]).nonce;
  return given === nonce ? undefined : { 'www-authenticate': 'DPoP error="use_dpop_nonce", algs="ES256"', 'dpop-nonce': nonce };
};

describe.each(['object', 'cookie'])('with oidc-provider, which wants a nonce, and the session kept as %s', (storage) => {
  let stack;
  let provider;
  let api;
  let old;
  beforeAll(async () => {
    const [port] = await freePorts(1);
    stack = await startStack({ only: ['gateway'], ahead: true, gateway: { GATEPASS_SESSION: storage } });
    const upstreams = `/api/=${stack.api} /api/old/=bearer:http://localhost:${port}`;
    stack.settings = { gateway: { GATEPASS_SESSION: storage, GATEPASS_SESSION_KEY: newSecret(), GATEPASS_UPSTREAMS: upstreams } };
    await stack.restart(stack.settings);
    const dPoP = { enabled: true, nonceSecret: crypto.randomBytes(32), requireNonce: () => true };
    [provider, api, old] = await Promise.all([
      startIdentityProvider(stack, { features: { dPoP } }), startUpstream(stack.api), startUpstream(`http://localhost:${port}`),
    ]);
  });
  afterAll(async () => {
    await stack?.stop();
    await Promise.all([provider, api, old].map((server) => server?.stop()));
  });
  afterEach(async () => {
    api.refuses = () => undefined;
    api.accepts = () => true;
    provider.failing = {};
    await setAhead(stack, 0);
  });

  const signedIn = async () => {
    const user = new GatewayUser(stack);
    await user.signIn();
    return user;
  };
  const statusOf = async (user, path = '/api/x') => (await user.call(path)).status;
  const tokenRequests = () => provider.count('POST /token');
  const last = () => proofOf(api.seen.at(-1), stack.api);

  test('each session has a key of its own, each request a proof of its own, and userinfo is asked with one', async () => {
    const [one, two] = [await signedIn(), await signedIn()];
    expect((await one.get('/api/session')).user.name).toBe('The user anna');
    expect(await statusOf(one, '/api/x?a=b')).toBe(200);
    const first = last();
    expect((await one.post('/api/x', { body: 'b' })).status).toBe(200);
    const second = last();
    expect(await statusOf(two)).toBe(200);
    expect(second.x).toBe(first.x);
    expect(second.jti).not.toBe(first.jti);
    expect(last().x).not.toBe(first.x);
    const found = await provider.oidc.AccessToken.find(first.token);
    expect(found.jkt).toMatch(/^[\w-]{43}$/);
  });

  test('the code is bound to the key of the session, which the provider is told when the sign-in begins', async () => {
    const bound = [];
    const note = (code) => bound.push(code.dpopJkt);
    provider.oidc.on('authorization_code.saved', note);
    const [one, two] = [await signedIn(), await signedIn()];
    provider.oidc.off('authorization_code.saved', note);
    const keys = [];
    for (const user of [one, two]) {
      await statusOf(user);
      keys.push(last().jkt);
    }
    expect(bound).toEqual(keys);
    expect(keys[0]).not.toBe(keys[1]);
  });

  test('a challenge of the provider for a nonce costs one request more, and the next has it', async () => {
    await signedIn();
    const before = tokenRequests();
    await signedIn();
    expect(tokenRequests() - before).toBe(1);
  });

  test('the same key is proved for the next token, and a hundred calls at once make one token request', async () => {
    const user = await signedIn();
    await statusOf(user);
    const { x, token } = last();
    const before = tokenRequests();
    const asked = (await look(stack)).asked;
    // Proofs say the time of the gateway, which is ahead of that of the others.
    await setAhead(stack, 400);
    const statuses = await Promise.all(Array.from({ length: 100 }, () => statusOf(user)));
    expect(statuses).toEqual(Array(100).fill(200));
    expect(tokenRequests() - before).toBe(1);
    if (storage === 'object') expect((await look(stack)).asked - asked).toBe(100);
    const [, payload] = api.seen.at(-1).headers.dpop.split('.');
    expect(json(api.seen.at(-1).headers.dpop.split('.')[0]).jwk.x).toBe(x);
    expect(json(payload).ath).not.toBe(crypto.createHash('sha256').update(token).digest('base64url'));
  });

  test('an API that wants a nonce gets it with one request more, and with each new one none', async () => {
    const user = await signedIn();
    api.refuses = wanting('n-1');
    api.seen = [];
    const response = await user.post('/api/x', { body: 'the body' });
    expect([response.status, (await response.json()).body]).toEqual([200, 'the body']);
    expect(response.headers.get('dpop-nonce')).toBeNull();
    expect(api.seen).toHaveLength(2);
    expect(last().nonce).toBe('n-1');
    expect(await statusOf(user)).toBe(200);
    expect(api.seen).toHaveLength(3);
    api.answers['/api/next'] = (request, answer) => answer.writeHead(200, { 'dpop-nonce': 'n-2' }).end();
    expect(await statusOf(user, '/api/next')).toBe(200);
    api.refuses = wanting('n-2');
    expect(await statusOf(user)).toBe(200);
    expect(api.seen).toHaveLength(5);
  });

  test('an API that is never content is asked twice, and nobody is signed out or renewed for it', async () => {
    const user = await signedIn();
    let count = 0;
    api.refuses = () => ({ 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': `never-${count += 1}` });
    const before = tokenRequests();
    expect(await statusOf(user)).toBe(401);
    expect(count).toBe(2);
    expect(tokenRequests() - before).toBe(0);
    api.refuses = () => undefined;
    expect(await statusOf(user)).toBe(200);
  });

  test('a body that has flowed is not sent again, and the next request has the nonce', async () => {
    const user = await signedIn();
    api.refuses = wanting('n-large');
    const before = tokenRequests();
    const body = 'x'.repeat(100_000);
    expect((await user.post('/api/x', { body })).status).toBe(401);
    expect((await user.post('/api/x', { body })).status).toBe(200);
    expect(tokenRequests() - before).toBe(0);
  });

  test('a token that the API refuses is renewed, and the call made again with a proof for the new one', async () => {
    const user = await signedIn();
    await statusOf(user);
    const { token, x } = last();
    api.accepts = (given) => given !== token;
    const before = tokenRequests();
    expect((await user.post('/api/x', { body: 'b' })).status).toBe(200);
    expect(tokenRequests() - before).toBe(1);
    expect(last().token).not.toBe(token);
    expect(last().x).toBe(x);
  });

  test('an API that knows bearer tokens alone gets one, and no proof', async () => {
    const user = await signedIn();
    expect(await statusOf(user, '/api/old/x')).toBe(200);
    const { headers } = old.seen.at(-1);
    expect([headers.authorization, headers.dpop]).toEqual([expect.stringMatching(/^Bearer /), undefined]);
  });

  test('a page cannot put a proof of its own in', async () => {
    const user = await signedIn();
    expect((await user.call('/api/x', { headers: { dpop: 'mine' } })).status).toBe(200);
    last();
  });

  test('a WebSocket is opened with a proof', async () => {
    const user = await signedIn();
    const { hostname, port } = new URL(stack.gateway);
    const cookie = [...user.jar()].map(([name, value]) => `${name}=${value}`).join('; ');
    const opened = await new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => socket.write(
        `GET /api/socket HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: ${stack.gateway}\r\nCookie: ${cookie}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
      ));
      socket.on('error', reject).once('data', (data) => { socket.destroy(); resolve(data.toString('latin1')); });
    });
    expect(opened).toMatch(/^HTTP\/1.1 101/);
    expect(last().htm).toBe('GET');
  });

  test('a session that was begun without a key goes on without, and one with a key goes on with it', async () => {
    const { gateway } = stack.settings;
    await stack.restart({ gateway: { ...gateway, GATEPASS_DPOP: 'off' } });
    const without = await signedIn();
    expect(await statusOf(without)).toBe(200);
    expect(api.seen.at(-1).headers.authorization).toMatch(/^Bearer /);
    await stack.restart(stack.settings);
    const withKey = await signedIn();
    await statusOf(withKey);
    const { x } = last();
    await setAhead(stack, 400);
    expect(await statusOf(without)).toBe(200);
    expect([api.seen.at(-1).headers.authorization, api.seen.at(-1).headers.dpop]).toEqual([expect.stringMatching(/^Bearer /), undefined]);
    await setAhead(stack, 0);
    await stack.restart({ gateway: { ...gateway, GATEPASS_DPOP: 'off' } });
    expect(await statusOf(withKey)).toBe(200);
    expect(last().x).toBe(x);
    await stack.restart(stack.settings);
  });

  test('proofs that do not reach the provider make for no session, rather than for one that is bound to nothing', async () => {
    provider.failing['/token'] = (request, response) => {
      // Taken off by a proxy.
      delete request.headers.dpop;
      provider.answer(request, response);
    };
    const user = new GatewayUser(stack);
    const { response, html } = await user.follow('/login');
    provider.failing = {};
    expect(response.status).toBe(502);
    expect(html).toContain('no_tokens');
    expect((await user.get('/api/session')).user).toBeNull();
  });
});

test('a provider that offers it and does not do it is taken at its word, and told of the key in the address where it takes no pushed requests', async () => {
  const stack = await startStack({ only: ['gateway'] });
  const [provider, api] = await Promise.all([
    startIdentityProvider(stack, {
      discovery: { dpop_signing_alg_values_supported: ['ES256'] }, features: { pushedAuthorizationRequests: { enabled: false } },
    }),
    startUpstream(stack.api),
  ]);
  try {
    const user = new GatewayUser(stack);
    const { searchParams } = new URL((await user.request('/login')).headers.get('location'));
    expect(searchParams.get('dpop_jkt')).toMatch(/^[\w-]{43}$/);
    await user.signIn();
    expect((await user.call('/api/x')).status).toBe(200);
    expect(api.seen.at(-1).headers.authorization).toMatch(/^Bearer /);
    expect(api.seen.at(-1).headers.dpop).toBeUndefined();
  } finally {
    await stack.stop();
    await Promise.all([provider.stop(), api.stop()]);
  }
});

describe.each([['with nonces', () => newSecret()], ['by its clock', () => undefined]])('with our provider, and our API that requires it %s', (_, nonceKey) => {
  let stack;
  let spy;
  beforeAll(async () => {
    const [port] = await freePorts(1);
    stack = await startStack({ ahead: true, api: { GATEPASS_DPOP: 'require', GATEPASS_DPOP_NONCE_KEY: nonceKey() } });
    await stack.restart({
      api: { GATEPASS_DPOP: 'require', GATEPASS_DPOP_NONCE_KEY: nonceKey() },
      gateway: { GATEPASS_UPSTREAMS: `/api/=${stack.api} /api/spy/=http://localhost:${port}` },
    });
    spy = await startUpstream(`http://localhost:${port}`);
  }, 180_000);
  afterAll(async () => {
    await stack?.stop();
    await spy?.stop();
  });

  test('calls work, also with a body, after a renewal and by a clock that is wrong', async () => {
    const user = new GatewayUser(stack);
    await user.signIn();
    expect((await user.get('/api/session')).user).toMatchObject({ sub: 'demo', name: 'Demo User' });
    expect((await user.call('/api/protected?x=y')).status).toBe(200);
    const update = { headers: { 'content-type': 'application/json' }, body: '{"display_name":"Anna"}' };
    expect((await user.post('/api/user/update', update)).status).toBe(200);
    // Without nonces the API's clock counts, and here nothing says what it is.
    if (nonceKey()) await setAhead(stack, 400);
    const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await user.call('/api/protected')).status));
    expect(statuses).toEqual(Array(20).fill(200));
    await setAhead(stack, 0);
    expect((await user.call('/api/protected')).status).toBe(200);
  });

  test('the code is bound to the key of the session', async () => {
    const user = new GatewayUser(stack);
    const callback = await user.untilCallback();
    const db = await stack.database('provider');
    const { jkt } = await db.prepare("SELECT details ->> 'jkt' AS jkt FROM codes WHERE redeemed_at IS NULL").first();
    expect((await user.request(callback)).status).toBe(200);
    expect((await user.call('/api/spy/x')).status).toBe(200);
    expect(jkt).toBe(thumbprint(json(spy.seen.at(-1).headers.dpop.split('.')[0]).jwk));
  });

  test('a stolen token is refused at the API, as a bearer token, with another key, and with the proof that came with it', async () => {
    const user = new GatewayUser(stack);
    await user.signIn();
    expect((await user.call('/api/spy/x')).status).toBe(200);
    const { headers } = spy.seen.at(-1);
    const token = headers.authorization.split(' ')[1];
    const url = `${stack.api}/api/protected`;
    const thief = new ProofKey();
    for (const stolen of [
      { authorization: `Bearer ${token}` },
      { authorization: `DPoP ${token}` },
      { authorization: `DPoP ${token}`, dpop: headers.dpop },
      { authorization: `DPoP ${token}`, dpop: thief.proof('GET', url, { token }) },
    ]) expect((await fetch(url, { headers: stolen })).status).toBe(401);
    expect((await user.call('/api/protected')).status).toBe(200);
  });
});

test('what GATEPASS_DPOP cannot be is named', async () => {
  const stack = await startStack({ only: ['gateway'], healthy: false, gateway: { GATEPASS_DPOP: 'require' } });
  try {
    expect((await fetch(`${stack.gateway}/api/session`)).status).toBe(500);
    await expect.poll(() => stack.logs().join('\n')).toContain('GATEPASS_DPOP must be offered or off');
  } finally {
    await stack.stop();
  }
});
