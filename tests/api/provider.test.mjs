// What the guard asks of its provider, and how often: a flood of tokens must not become a flood of
// requests, and a provider that fails must not be hammered.
import crypto from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { signingKey, startFakeProvider } from '../support/fake-provider.mjs';
import { startStack } from '../support/stack.mjs';

let stack;
let provider;

async function start(validation, variables = {}) {
  stack = await startStack({ only: ['api'], api: { GATEPASS_VALIDATION: validation, ...variables } });
  provider = await startFakeProvider(stack);
}
afterEach(async () => {
  await provider?.stop();
  await stack?.stop();
});

const call = (token, options) => fetch(`${stack.api}/api/protected`, { headers: { authorization: `Bearer ${token}` }, ...options });
const from = (address, token) => call(token, { headers: { authorization: `Bearer ${token}`, 'cf-connecting-ip': address } });
/** A token that nobody has issued. */
const opaque = () => crypto.randomBytes(32).toString('base64url');
let addresses = 0;
const newAddress = () => `198.51.${100 + (addresses >> 8)}.${addresses++ & 255}`;
const times = (count, make) => Array.from({ length: count }, (_, index) => make(index));
const statuses = async (calls) => {
  const seen = {};
  for (const { status } of await Promise.all(calls)) seen[status] = (seen[status] ?? 0) + 1;
  return seen;
};

/** Sends a request on a connection of its own. */
async function send(token) {
  const { hostname, port } = new URL(stack.api);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.write(`GET /api/protected HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  return socket;
}

/** Sends requests while a document is held back, so that they meet in the isolate. */
async function meanwhile(document, send) {
  provider.hold(document);
  const calls = send();
  await expect.poll(() => provider.asked[document]).toBeGreaterThan(0);
  // Whatever was sent before this has reached the Worker, or is about to.
  expect((await fetch(`${stack.api}/health`)).status).toBe(200);
  provider.release(document);
  return statuses(calls);
}

describe('keys', () => {
  beforeEach(() => start('jwt'));

  test('are fetched once, however many tokens with invented keys come at once', async () => {
    const started = Date.now();
    const invented = (name) => times(40, (index) => call(provider.token({ kid: `${name}-${index}` })));
    expect(await meanwhile('keys', () => invented('first'))).toEqual({ 401: 40 });
    expect(await statuses(invented('second'))).toEqual({ 401: 40 });
    expect(provider.asked.metadata).toBe(1);
    // One fetch at least every 30 seconds, even on the slowest machine.
    const fetches = 1 + Math.floor((Date.now() - started) / 30_000);
    expect(provider.asked.keys).toBeGreaterThan(0);
    expect(provider.asked.keys).toBeLessThanOrEqual(fetches);
    expect((await call(provider.token())).status).toBe(200);
    expect(provider.asked.keys).toBeLessThanOrEqual(fetches);
  });

  test('are fetched once for forty good tokens that come at once, and every one of them is let in', async () => {
    const tokens = times(40, () => provider.token());
    expect(await meanwhile('keys', () => tokens.map((token) => call(token)))).toEqual({ 200: 40 });
    expect(provider.asked).toMatchObject({ metadata: 1, keys: 1, introspection: 0 });
  });

  test('are fetched to the end, though whoever made the guard fetch them goes away', async () => {
    provider.hold('keys');
    const leaving = await send(provider.token());
    await expect.poll(() => provider.asked.keys).toBe(1);
    // The runtime drops a request whose connection is reset, and all that it waits for.
    leaving.resetAndDestroy();
    const barrier = async () => expect((await fetch(`${stack.api}/health`)).status).toBe(200);
    await barrier();
    const staying = times(5, () => call(provider.token()));
    await barrier();
    provider.release('keys');
    expect(await statuses(staying)).toEqual({ 200: 5 });
    expect(provider.asked.keys).toBe(1);
  });

  test.each(['keys', 'metadata'])('cannot be had while the provider fails at its %s: it is asked again soon, but not by everybody', async (document) => {
    const started = Date.now();
    provider.status[document] = 500;
    expect(await meanwhile(document, () => times(40, () => call(provider.token())))).toEqual({ 503: 40 });
    expect(await statuses(times(40, () => call(provider.token())))).toEqual({ 503: 40 });
    // Once in two seconds, and the clock may stand on either side of a second.
    expect(provider.asked[document]).toBeLessThanOrEqual(1 + Math.ceil((Date.now() - started) / 1000));
    await expect.poll(() => stack.logs().join('\n')).toContain('"event":"fetch_failed"');
    provider.status = {};
    await expect.poll(async () => (await call(provider.token())).status).toBe(200);
  });

  const { jwk } = signingKey('a-key');
  test.each([
    ['none at all', []], ['of another algorithm', [{ ...jwk, alg: 'ES512' }]], ['for encryption', [{ ...jwk, use: 'enc' }]],
    ['no point of the curve', [{ ...jwk, x: 'AA' }]],
  ])('that are %s are a failure of the provider, not of the token', async (_, keys) => {
    provider.publish(keys);
    expect((await call(provider.token())).status).toBe(503);
    expect(provider.asked.keys).toBe(1);
  });

  test('are not asked for by what no key could have signed', async () => {
    const hopeless = [
      'garbage', 'a.b.c', provider.token({ typ: 'JWT' }), provider.token({ kid: null }), provider.token({ alg: 'none' }), provider.token({ alg: 'HS256' }),
    ];
    for (const token of hopeless) {
      const response = await call(token);
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toContain('error="invalid_token"');
    }
    expect(provider.asked).toMatchObject({ metadata: 0, keys: 0, introspection: 0 });
  });

  test('are tried on a token that names none of them', async () => {
    expect((await call(provider.token({ kid: '' }))).status).toBe(200);
    const [header, claims] = provider.token({ kid: '' }).split('.');
    expect((await call(`${header}.${claims}.${'A'.repeat(86)}`)).status).toBe(401);
    expect(provider.asked.keys).toBe(1);
  });
});

describe('introspection', () => {
  beforeEach(() => start('introspection'));

  test('is not asked about what is not even shaped like a token', async () => {
    for (const garbage of ['a b', 'a,b', '"a"', 'a=b', '=', '{}', 'a%20b', 'x'.repeat(8193)]) {
      const response = await call(garbage);
      expect(response.status).toBe(400);
      expect(response.headers.get('www-authenticate')).toContain('error="invalid_request"');
    }
    expect(provider.asked).toMatchObject({ metadata: 0, keys: 0, introspection: 0 });
  });

  test('is not asked about what could be guessed', async () => {
    for (const short of ['opaque', 'fifteen-letters']) expect((await call(short)).status).toBe(401);
    expect(provider.asked).toMatchObject({ metadata: 0, introspection: 0 });
  });

  test('is asked about any other, opaque ones included', async () => {
    const tokens = ['an-opaque-token-', 'a.jwt.of.sixteen', 'aZ0-._~+/aZ0-._~+/==', 'x'.repeat(8192), provider.token()];
    for (const token of tokens) expect((await from(newAddress(), token)).status).toBe(401);
    expect(provider.asked).toMatchObject({ metadata: 1, keys: 0, introspection: tokens.length });
  });

  test('is not asked about a JWT that says itself that it has expired', async () => {
    expect((await call(provider.token({ exp: Math.floor(Date.now() / 1000) - 1 }))).status).toBe(401);
    expect(provider.asked).toMatchObject({ metadata: 0, keys: 0, introspection: 0 });
  });

  test('is asked about a good token at each call, where a revocation counts at once, but not about a bad one', async () => {
    expect((await statuses(times(3, () => call('a-bad-token-for-a-test'))))[401]).toBe(3);
    expect((await call('a-bad-token-for-a-test')).status).toBe(401);
    expect(provider.asked.introspection).toBe(1);
    provider.introspection = active();
    for (const count of [2, 3]) {
      expect((await call('a-good-token-for-a-test')).status).toBe(200);
      expect(provider.asked.introspection).toBe(count);
    }
    // Revoked, it is a bad one.
    provider.introspection = undefined;
    for (const _ of [1, 2, 3]) expect((await call('a-good-token-for-a-test')).status).toBe(401);
    expect(provider.asked.introspection).toBe(4);
  });

  test('learns where to ask once, however many tokens come at once', async () => {
    provider.introspection = active();
    expect(await meanwhile('metadata', () => times(40, () => from(newAddress(), opaque())))).toEqual({ 200: 40 });
    expect(provider.asked).toMatchObject({ metadata: 1, keys: 0, introspection: 40 });
  });
});

describe('a flood of invented tokens', () => {
  const good = new Set();
  const begin = async (variables) => {
    const { GATEPASS_VALIDATION: validation = 'both', ...others } = variables ?? {};
    await start(validation, { GATEPASS_REVOCATION_BOUND: '60', ...others });
    good.clear();
    provider.introspection = (token) => (good.has(token) ? active() : undefined);
  };
  const issued = () => {
    const token = opaque();
    good.add(token);
    return token;
  };

  /** Nothing was asked while a question was under way, nor within a tenth of a second after its answer. */
  const expectPauses = (began, questions = provider.asked.introspection) => {
    expect(provider.questions.atOnce).toBe(1);
    expect(questions).toBeGreaterThan(0);
    expect(questions).toBeLessThanOrEqual(1 + (Date.now() - began) / 100);
  };

  test.each(['from one address', 'without an address'])('%s causes one question in a pause, which becomes a second long', async (where) => {
    await begin();
    const [address, began] = [newAddress(), Date.now()];
    const bring = () => (where === 'from one address' ? from(address, opaque()) : call(opaque()));
    const seen = await statuses(times(100, bring));
    expectPauses(began);
    // One after the other, each is the first to wait.
    for (let index = 0; index < 3; index += 1) {
      const { status } = await bring();
      seen[status] = (seen[status] ?? 0) + 1;
    }
    expectPauses(began);
    expect(seen[401]).toBe(provider.asked.introspection);
    expect(seen[401] + seen[429]).toBe(103);
  });

  test('is told to come back, with a code of its own that ends no session', async () => {
    await begin();
    const address = newAddress();
    const answers = await Promise.all(times(20, () => from(address, opaque())));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    for (const response of refused) {
      expect(response.headers.get('www-authenticate')).toBeNull();
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(await response.json()).toMatchObject({ error: 'too_many_unknown_tokens', status: 429, title: 'Too Many Requests' });
    }
  });

  test('costs nobody else anything, and the honest behind the same address a moment', async () => {
    await begin();
    const [address, known] = [newAddress(), issued()];
    expect((await from(address, known)).status).toBe(200);
    await statuses(times(50, () => from(address, opaque())));
    const { introspection } = provider.asked;
    // What is known is answered, there as everywhere.
    for (const from_ of [address, newAddress()]) expect((await from(from_, known)).status).toBe(200);
    expect(provider.asked.introspection).toBe(introspection);
    expect((await from(newAddress(), issued())).status).toBe(200);
    // A new token waits for its turn.
    const fresh = issued();
    await expect.poll(async () => (await from(address, fresh)).status, { timeout: 10_000 }).toBe(200);
  });

  /** A flood of so many, each from an address of its own: what they were answered. */
  const crowd = async (count) => {
    const answers = [];
    while (answers.length < count) answers.push(...await Promise.all(times(100, () => from(newAddress(), opaque()))));
    return answers;
  };

  test.each(['both', 'introspection'])('from a thousand addresses causes one question in a pause, which becomes half a second long (%s)', async (validation) => {
    await begin({ GATEPASS_VALIDATION: validation });
    const began = Date.now();
    const answers = await crowd(1_000);
    expectPauses(began);
    const seen = await statuses(answers);
    expect(seen[401]).toBe(provider.asked.introspection);
    expect(seen[401] + seen[429]).toBe(1_000);
    const refused = answers.filter(({ status }) => status === 429);
    for (const { headers } of refused) {
      expect(headers.get('www-authenticate')).toBeNull();
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    // It goes on, and so does the rule.
    const since = Date.now();
    while (Date.now() - since < 2_000) await statuses(times(20, () => from(newAddress(), opaque())));
    expectPauses(began);
  });

  test('from everywhere is not noticed by whoever has lately brought good tokens, and ends', async () => {
    await begin();
    const [address, known] = [newAddress(), issued()];
    expect((await from(address, known)).status).toBe(200);
    await crowd(200);
    const { introspection } = provider.asked;
    expect((await from(newAddress(), known)).status).toBe(200);
    expect(provider.asked.introspection).toBe(introspection);
    const fresh = times(5, issued);
    expect(await statuses(fresh.map((token) => from(address, token)))).toEqual({ 200: 5 });
    expect(provider.asked.introspection).toBe(introspection + 5);
    // Newcomers wait for the end of a pause, or are told to come again.
    const newcomer = issued();
    await expect.poll(async () => (await from(newAddress(), newcomer)).status, { timeout: 10_000 }).toBe(200);
  });

  test('is not a few expired tokens of honest users: newcomers are let in', async () => {
    await begin();
    expect(await statuses(times(5, () => from(newAddress(), opaque())))).toEqual({ 401: 5 });
    expect(await statuses(times(40, () => from(newAddress(), issued())))).toEqual({ 200: 40 });
    expect(provider.asked.introspection).toBe(45);
  });

  test('gets no more than two questions at once of good tokens that came one after the other', async () => {
    await begin();
    for (const token of times(10, issued)) expect((await from(newAddress(), token)).status).toBe(200);
    provider.hold('introspection');
    const flood = crowd(100);
    await expect.poll(() => provider.asked.introspection).toBeGreaterThan(10);
    // Whatever was sent before this has reached the Worker, or is about to.
    expect((await fetch(`${stack.api}/health`)).status).toBe(200);
    expect(provider.questions.now).toBeLessThanOrEqual(2);
    provider.release('introspection');
    await flood;
  });

  test('is not one bad token that comes again and again, however short the bound is', async () => {
    await begin({ GATEPASS_REVOCATION_BOUND: '1' });
    const [began, bad] = [Date.now(), opaque()];
    while (Date.now() - began < 3_000) expect((await call(bad)).status).toBe(401);
    expect(provider.asked.introspection).toBe(1);
  });

  test('from a Worker is not one from all Workers, who share an address', async () => {
    await begin();
    const fromWorker = (zone, token) => call(token, {
      headers: { authorization: `Bearer ${token}`, 'cf-connecting-ip': '2a06:98c0:3600::103', 'cf-worker': zone },
    });
    const flood = times(100, () => fromWorker('flood.example', opaque()));
    const refused = flood.map(async (call) => {
      if ((await call).status !== 429) throw new Error('was asked about');
    });
    await Promise.any(refused);
    expect(await statuses(times(5, () => fromWorker('gateway.example', issued())))).toEqual({ 200: 5 });
    await statuses(flood);
  });

  test('costs nothing where every token begins as configured', async () => {
    await begin({ GATEPASS_TOKEN_PREFIX: 'gp_' });
    expect(await statuses(times(50, () => call(opaque())))).toEqual({ 401: 50 });
    expect(provider.asked).toMatchObject({ metadata: 0, introspection: 0 });
    const token = `gp_${opaque()}`;
    good.add(token);
    expect((await call(token)).status).toBe(200);
  });

  test('is no crowd of honest people: three hundred who come at once are all let in, and a few expired tokens with them', async () => {
    await begin();
    const tokens = times(300, issued);
    tokens.forEach((token, index) => { if (index % 30 === 0) good.delete(token); });
    expect(await statuses(tokens.map((token) => from(newAddress(), token)))).toEqual({ 200: 290, 401: 10 });
    expect(provider.asked.introspection).toBe(300);
  });

  test('good tokens of many users behind one address, a gateway say, are all let in at once', async () => {
    await begin();
    const [address, tokens] = [newAddress(), times(60, issued)];
    expect(await statuses(tokens.map((token) => from(address, token)))).toEqual({ 200: 60 });
    expect(provider.asked.introspection).toBe(60);
  });

  test('is not a token that was good and has ended', async () => {
    await begin({ GATEPASS_REVOCATION_BOUND: '1' });
    const [address, ending] = [newAddress(), issued()];
    expect((await from(address, ending)).status).toBe(200);
    good.delete(ending);
    await expect.poll(async () => (await from(address, ending)).status, { timeout: 10_000 }).toBe(401);
    // The next one of the same user need not wait.
    expect((await from(address, issued())).status).toBe(200);
  });
});

const active = () => {
  const now = Math.floor(Date.now() / 1000);
  return {
    active: true, iss: stack.provider, sub: 'demo', aud: stack.api, client_id: 'a-client', scope: 'read', jti: 'a-token',
    iat: now, exp: now + 300, token_type: 'Bearer',
  };
};

describe('what introspection has said', () => {
  test('is remembered for the bound, good and bad, and asked once for forty that come at once', async () => {
    await start('introspection', { GATEPASS_REVOCATION_BOUND: '60' });
    expect(await meanwhile('introspection', () => times(40, () => call('a-bad-token-for-a-test')))).toEqual({ 401: 40 });
    expect(provider.asked.introspection).toBe(1);
    provider.introspection = active();
    expect(await statuses(times(40, () => call('a-good-token-for-a-test')))).toEqual({ 200: 40 });
    expect(await statuses(times(40, () => call('a-bad-token-for-a-test')))).toEqual({ 401: 40 });
    expect(provider.asked.introspection).toBe(2);
  });

  test('counts no longer than the bound, and no longer than the token', async () => {
    await start('introspection', { GATEPASS_REVOCATION_BOUND: '2' });
    provider.introspection = active();
    expect((await call('a-good-token-for-a-test')).status).toBe(200);
    provider.introspection = { active: false };
    await expect.poll(async () => (await call('a-good-token-for-a-test')).status, { timeout: 10_000 }).toBe(401);
    provider.introspection = { ...active(), exp: Math.floor(Date.now() / 1000) + 1 };
    expect((await call('a-short-token-for-a-test')).status).toBe(200);
    await expect.poll(async () => (await call('a-short-token-for-a-test')).status, { timeout: 10_000 }).toBe(401);
  });

  test('goes on to count while the provider fails, for as long as is configured', async () => {
    await start('introspection', { GATEPASS_REVOCATION_BOUND: '1', GATEPASS_OUTAGE_TOLERANCE: '600' });
    provider.introspection = active();
    expect((await call('a-good-token-for-a-test')).status).toBe(200);
    provider.status.introspection = 500;
    const began = Date.now();
    const seen = new Set();
    while (Date.now() - began < 3_000) seen.add((await call('a-good-token-for-a-test')).status);
    expect([...seen]).toEqual([200]);
    // Of a token that it never spoke of, nobody knows.
    expect((await call('another-token-for-a-test')).status).toBe(503);
  });

  test('is not asked for by a provider that fails: it is left alone, and one request tries again', async () => {
    await start('introspection');
    provider.status.introspection = 500;
    const began = Date.now();
    for (let index = 0; index < 40; index += 1) expect((await call(`an-opaque-number-${index}`)).status).toBe(503);
    // Five failures, and one probe in five seconds.
    expect(provider.asked.introspection).toBeLessThanOrEqual(6 + Math.ceil((Date.now() - began) / 5_000));
    provider.status = {};
    provider.introspection = active();
    await expect.poll(async () => (await call('a-good-token-for-a-test')).status, { timeout: 20_000 }).toBe(200);
    expect((await call('another-good-token-for-a-test')).status).toBe(200);
  });
});

describe('both ways', () => {
  beforeEach(() => start('both'));

  test('check JWTs here and ask about opaque tokens', async () => {
    expect((await call(provider.token())).status).toBe(200);
    expect(provider.asked).toMatchObject({ introspection: 0, keys: 1 });
    expect((await call('an-opaque-token-')).status).toBe(401);
    expect((await call('an-opaque-token-')).status).toBe(401);
    expect(provider.asked).toMatchObject({ introspection: 1, keys: 1 });
  });

  test('ask for the keys once in an interval, however many invented JWTs and keys come, and never about them', async () => {
    const began = Date.now();
    const random = (index) => (index % 2 ? `a${index}.b.c` : provider.token({ kid: `invented-${index}` }));
    expect(await statuses(times(200, (index) => call(random(index))))).toEqual({ 401: 200 });
    expect(provider.asked.introspection).toBe(0);
    expect(provider.asked.keys).toBeLessThanOrEqual(1 + Math.ceil((Date.now() - began) / 30_000));
    expect((await call(provider.token())).status).toBe(200);
  });
});

describe('what another isolate has learnt of a token', () => {
  let good;
  /** Ends the isolate: the next one knows only what is in KV. */
  const another = (variables = {}) => stack.restart({ api: { GATEPASS_VALIDATION: 'both', GATEPASS_REVOCATION_BOUND: '60', ...variables } });
  beforeEach(async () => {
    stack = await startStack({ only: ['api'], cache: true, api: { GATEPASS_VALIDATION: 'both', GATEPASS_REVOCATION_BOUND: '60' } });
    provider = await startFakeProvider(stack);
    good = opaque();
    provider.introspection = (token) => (token === good ? { ...active(), roles: ['editor'] } : undefined);
  });
  const known = () => stack.cached().then(({ keys }) => keys.length);

  test('is not asked for again, good or bad', async () => {
    const bad = opaque();
    expect([(await call(good)).status, (await call(bad)).status]).toEqual([200, 401]);
    await expect.poll(known).toBe(2);
    await another();
    expect([(await call(good)).status, (await call(bad)).status, (await call(good)).status]).toEqual([200, 401, 200]);
    expect(provider.asked.introspection).toBe(2);
  });

  test('lets in whoever comes with it, in the midst of a flood from everywhere', async () => {
    expect((await from(newAddress(), good)).status).toBe(200);
    await expect.poll(known).toBe(1);
    await another();
    const before = provider.asked.introspection;
    const began = Date.now();
    await statuses(times(100, () => from(newAddress(), opaque())));
    expect(provider.asked.introspection - before).toBeLessThanOrEqual(1 + (Date.now() - began) / 100);
    const address = newAddress();
    expect((await from(address, good)).status).toBe(200);
    // From then on its address is known here, too.
    const [next, flood] = [opaque(), provider.asked.introspection];
    const first = good;
    good = next;
    expect((await from(address, next)).status).toBe(200);
    expect((await from(newAddress(), first)).status).toBe(200);
    expect(provider.asked.introspection).toBeLessThanOrEqual(flood + 3);
  });

  test('counts from when it was learnt: no longer than the bound', async () => {
    await another({ GATEPASS_REVOCATION_BOUND: '3' });
    expect((await call(good)).status).toBe(200);
    await expect.poll(known).toBe(1);
    const learnt = Date.now();
    await another({ GATEPASS_REVOCATION_BOUND: '3' });
    provider.introspection = undefined;
    await expect.poll(async () => (await call(good)).status, { timeout: 10_000 }).toBe(401);
    expect(Date.now() - learnt).toBeLessThan(10_000);
    expect(provider.asked.introspection).toBe(2);
  });

  test('is kept under no name that a token could be found by, and without it', async () => {
    expect((await call(good)).status).toBe(200);
    await expect.poll(known).toBe(1);
    const { keys, values } = await stack.cached();
    expect(keys[0]).toMatch(/^[\w-]{43}$/);
    expect(keys[0]).not.toBe(crypto.createHash('sha256').update(good).digest('base64url'));
    expect(values.join()).not.toContain(good);
  });

  test('is nothing to another resource server, who may be told something else', async () => {
    expect((await call(good)).status).toBe(200);
    await expect.poll(known).toBe(1);
    await another({ GATEPASS_CLIENT_ID: 'another-api' });
    expect((await call(good)).status).toBe(200);
    expect(provider.asked.introspection).toBe(2);
  });

  test('is not read where a revocation counts at once', async () => {
    expect((await call(good)).status).toBe(200);
    await expect.poll(known).toBe(1);
    await another({ GATEPASS_VALIDATION: 'introspection', GATEPASS_REVOCATION_BOUND: '0' });
    for (const count of [2, 3]) {
      expect((await call(good)).status).toBe(200);
      expect(provider.asked.introspection).toBe(count);
    }
  });

  test('that cannot be read is asked for', async () => {
    expect((await call(good)).status).toBe(200);
    await expect.poll(known).toBe(1);
    await stack.spoilCache();
    await another();
    expect((await call(good)).status).toBe(200);
    expect(provider.asked.introspection).toBe(2);
  });
});
