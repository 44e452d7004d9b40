// Refreshing, with oidc-provider as the provider: it rotates strictly, and a refresh token that is used twice ends
// the session there.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { alarm, indexAlarm, look, setAhead, setFull, setResetting, setStuck } from '../support/ahead.mjs';
import { GatewayUser } from '../support/gateway-user.mjs';
import { startIdentityProvider } from '../support/identity-provider.mjs';
import { startStack } from '../support/stack.mjs';
import { startUpstream } from '../support/upstream.mjs';

describe.each([['rotating', true], ['persistent', false]])('with %s refresh tokens', (_, rotate) => {
  let stack;
  let provider;
  let api;
  beforeAll(async () => {
    stack = await startStack({ only: ['gateway'], ahead: true });
    [provider, api] = await Promise.all([startIdentityProvider(stack, { rotate }), startUpstream(stack.api)]);
  });
  afterAll(async () => {
    await stack?.stop();
    await Promise.all([provider?.stop(), api?.stop()]);
  });
  afterEach(async () => {
    provider.failing = {};
    provider.release('/token');
    provider.lifetime = 300;
    api.accepts = () => true;
    await setAhead(stack, 0);
  });

  const signedIn = async () => {
    const user = new GatewayUser(stack);
    await user.signIn();
    return user;
  };
  const tokenRequests = () => provider.count('POST /token');
  const statusOf = async (user, path = '/api/x') => (await user.call(path)).status;

  test('a sign-in needs no consent page of ours, and tells what userinfo says', async () => {
    const user = await signedIn();
    const { user: told, provider: name } = await user.get('/api/session');
    expect(told).toEqual(expect.objectContaining({ sub: 'anna', name: 'The user anna', email: 'anna@example.com' }));
    expect(name).toBe('gatepass');
    expect(provider.count('POST /request')).toBeGreaterThan(0);
  });

  test('ten renewals one after the other, with a hundred calls each, are ten token requests', async () => {
    const user = await signedIn();
    const before = tokenRequests();
    api.seen = [];
    for (let round = 1; round <= 10; round += 1) {
      await setAhead(stack, round * 400);
      const statuses = await Promise.all(Array.from({ length: 100 }, () => statusOf(user)));
      expect(statuses).toEqual(Array(100).fill(200));
      expect(tokenRequests() - before).toBe(round);
    }
    const tokens = new Set(api.seen.map(({ headers }) => headers.authorization));
    expect(tokens.size).toBe(10);
  });

  test('a token that is good for little longer is renewed while it is used, and nobody waits', async () => {
    const user = await signedIn();
    await setAhead(stack, 270);
    provider.hold('/token');
    const before = tokenRequests();
    expect(await statusOf(user)).toBe(200);
    expect(await statusOf(user)).toBe(200);
    await expect.poll(() => tokenRequests() - before).toBe(1);
    provider.release('/token');
    await setAhead(stack, 400);
    await expect.poll(() => statusOf(user)).toBe(200);
    expect(tokenRequests() - before).toBe(1);
  });

  test('the renewal goes on when the call that began it is given up, and the others have its token', async () => {
    const user = await signedIn();
    await setAhead(stack, 400);
    provider.hold('/token');
    const before = tokenRequests();
    const giving = new AbortController();
    const first = user.call('/api/x', { signal: giving.signal }).catch((error) => error.name);
    await expect.poll(() => provider.held('/token')).toBe(1);
    const others = Array.from({ length: 20 }, () => statusOf(user));
    giving.abort();
    expect(await first).toBe('AbortError');
    provider.release('/token');
    expect(await Promise.all(others)).toEqual(Array(20).fill(200));
    expect(tokenRequests() - before).toBe(1);
    // Nothing was used twice: the next renewal works, too.
    await setAhead(stack, 800);
    expect(await statusOf(user)).toBe(200);
    expect(tokenRequests() - before).toBe(2);
  });

  test('the renewal goes on when every call is given up', async () => {
    const user = await signedIn();
    await setAhead(stack, 400);
    provider.hold('/token');
    const before = tokenRequests();
    const giving = new AbortController();
    const calls = Array.from({ length: 5 }, () => user.call('/api/x', { signal: giving.signal }).catch((error) => error.name));
    await expect.poll(() => provider.held('/token')).toBe(1);
    giving.abort();
    expect(await Promise.all(calls)).toEqual(Array(5).fill('AbortError'));
    provider.release('/token');
    await expect.poll(() => statusOf(user)).toBe(200);
    expect(tokenRequests() - before).toBe(1);
    await setAhead(stack, 800);
    expect(await statusOf(user)).toBe(200);
  });

  const endlessly = (request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const more = () => { while (!response.destroyed && response.write(' '.repeat(1 << 16))); };
    response.on('drain', more);
    more();
  };
  test.each([[500], [503], [429], ['drop'], ['endlessly', endlessly]])('a provider that answers %s signs nobody out: good tokens are used, expired ones make for patience, and renewing resumes', async (name, how = name) => {
    const user = await signedIn();
    provider.failing['/token'] = how;
    await setAhead(stack, 270);
    expect(await statusOf(user)).toBe(200);
    await setAhead(stack, 400);
    await expect.poll(() => statusOf(user)).toBe(503);
    const refused = await user.call('/api/x');
    expect([refused.status, (await refused.json()).code]).toEqual([503, 'provider_unavailable']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect((await user.get('/api/session')).user.sub).toBe('anna');
    // It is not hammered meanwhile.
    const before = tokenRequests();
    await Promise.all(Array.from({ length: 50 }, () => statusOf(user)));
    expect(tokenRequests() - before).toBeLessThanOrEqual(2);
    provider.failing = {};
    await setAhead(stack, 500);
    expect(await statusOf(user)).toBe(200);
  });

  test('a refresh token that the provider does not take ends the session, and the page is told', async () => {
    const user = await signedIn();
    provider.failing['/token'] = 400;
    await setAhead(stack, 400);
    expect(await statusOf(user)).toBe(401);
    expect(await user.get('/api/session')).toEqual(expect.objectContaining({ user: null, ended: 'invalid_grant' }));
    provider.failing = {};
    const before = tokenRequests();
    expect(await statusOf(user)).toBe(401);
    expect(tokenRequests() - before).toBe(0);
  });

  test('signing in again does not have the provider end what the new session stands on', async () => {
    const user = await signedIn();
    const first = user.session;
    await user.signIn();
    const other = new GatewayUser(stack);
    other.jar().set('__Host-gatepass_session', first);
    await expect.poll(async () => (await other.get('/api/session')).ended).toBe('replaced');
    await setAhead(stack, 400);
    expect(await statusOf(user)).toBe(200);
  });

  test('signing out during a renewal is not undone by it', async () => {
    const user = await signedIn();
    await setAhead(stack, 400);
    provider.hold('/token');
    const call = statusOf(user);
    await expect.poll(() => provider.held('/token')).toBe(1);
    const cookie = user.session;
    expect((await user.post('/logout')).status).toBe(200);
    provider.release('/token');
    expect(await call).toBe(401);
    user.jar().set('__Host-gatepass_session', cookie);
    expect(await statusOf(user)).toBe(401);
  });

  describe('a token that the API refuses', () => {
    test('is renewed once, and the call made again once, with its body', async () => {
      const user = await signedIn();
      await statusOf(user);
      const old = api.seen.at(-1).headers.authorization;
      api.accepts = (token) => `Bearer ${token}` !== old;
      const before = tokenRequests();
      const responses = await Promise.all(Array.from({ length: 20 }, (_, i) => user.post('/api/x', { body: `body ${i}` })));
      expect(responses.map(({ status }) => status)).toEqual(Array(20).fill(200));
      const bodies = await Promise.all(responses.map(async (response) => (await response.json()).body));
      expect(bodies).toEqual(Array.from({ length: 20 }, (_, i) => `body ${i}`));
      expect(tokenRequests() - before).toBe(1);
    });

    test('again after that is the API’s own answer, and causes no flood', async () => {
      const user = await signedIn();
      api.accepts = () => false;
      const before = tokenRequests();
      const responses = await Promise.all(Array.from({ length: 20 }, () => user.call('/api/x')));
      expect(responses.map(({ status }) => status)).toEqual(Array(20).fill(401));
      expect(await responses[0].text()).toBe('refused');
      expect(await statusOf(user)).toBe(401);
      expect(tokenRequests() - before).toBe(1);
      api.accepts = () => true;
      expect(await statusOf(user)).toBe(200);
    });

    test('with more than fits is not sent again, but the next has a new token', async () => {
      const user = await signedIn();
      await statusOf(user);
      const old = api.seen.at(-1).headers.authorization;
      api.accepts = (token) => `Bearer ${token}` !== old;
      const body = 'x'.repeat(100_000);
      expect((await user.post('/api/x', { body })).status).toBe(401);
      expect((await user.post('/api/x', { body })).status).toBe(200);
    });
  });
});

test('a session is over when nobody uses it and when its time is over, and says so', async () => {
  const stack = await startStack({ only: ['gateway'], ahead: true, gateway: { GATEPASS_SESSION_IDLE: '1000', GATEPASS_SESSION_LIFETIME: '1800' } });
  const [provider, api] = await Promise.all([startIdentityProvider(stack), startUpstream(stack.api)]);
  try {
    const [idle, busy] = [new GatewayUser(stack), new GatewayUser(stack)];
    await idle.signIn();
    await busy.signIn();
    await setAhead(stack, 900);
    // Looking does not keep it alive, using does.
    expect((await idle.get('/api/session')).user.sub).toBe('anna');
    expect((await busy.post('/api/session/refresh')).status).toBe(200);
    await setAhead(stack, 1100);
    expect((await idle.call('/api/x')).status).toBe(401);
    expect((await idle.get('/api/session')).ended).toBe('idle');
    expect((await busy.call('/api/x')).status).toBe(200);
    await setAhead(stack, 1800);
    expect((await busy.call('/api/x')).status).toBe(401);
    expect((await busy.get('/api/session')).ended).toBe('expired');
  } finally {
    await stack.stop();
    await Promise.all([provider.stop(), api.stop()]);
  }
});

describe.each(['object', 'cookie'])('when something is lost on the way (%s)', (storage) => {
  let [stack, provider, api] = [];
  beforeAll(async () => {
    stack = await startStack({ only: ['gateway'], ahead: true, gateway: { GATEPASS_SESSION: storage } });
    [provider, api] = await Promise.all([startIdentityProvider(stack), startUpstream(stack.api)]);
  });
  afterAll(async () => {
    await stack?.stop();
    await Promise.all([provider?.stop(), api?.stop()]);
  });
  afterEach(() => setAhead(stack, 0));
  const tokenRequests = () => provider.count('POST /token');
  const isSignedIn = async (user) => {
    expect((await user.call('/api/x')).status).toBe(200);
    await setAhead(stack, 400);
    expect((await user.call('/api/x')).status).toBe(200);
    expect((await user.get('/api/session')).user.sub).toBe('anna');
  };

  test('the answer to a sign-in: the browser asks again, and is signed in', async () => {
    const user = new GatewayUser(stack);
    const callback = await user.untilCallback();
    const before = tokenRequests();
    const unheard = new GatewayUser(stack);
    for (const [name, value] of user.jar()) unheard.jar().set(name, value);
    expect((await unheard.request(callback)).status).toBe(200);
    expect((await user.request(callback)).status).toBe(200);
    expect(tokenRequests() - before).toBe(1);
    await isSignedIn(user);
    // Another browser is not, and this one not once more.
    for (const other of [new GatewayUser(stack), user]) expect((await other.request(callback)).status).toBe(400);
  });

  test('the sign-in, given up by a user who loads the page again', async () => {
    const user = new GatewayUser(stack);
    const callback = await user.untilCallback();
    provider.hold('/token');
    const before = tokenRequests();
    const giving = new AbortController();
    const first = user.request(callback, { signal: giving.signal }).catch((error) => error.name);
    await expect.poll(() => provider.held('/token')).toBe(1);
    giving.abort();
    expect(await first).toBe('AbortError');
    const second = user.request(callback);
    provider.release('/token');
    expect((await second).status).toBe(200);
    expect(tokenRequests() - before).toBe(1);
    await isSignedIn(user);
  });

  test.each(['before', 'after'])('an object that is restarted, as with every deployment, %s it answers', async (when) => {
    const user = new GatewayUser(stack);
    const callback = await user.untilCallback();
    const next = () => setResetting(stack, { [when]: 1 });
    for (const [seconds, request] of [
      [0, () => user.request(callback)],
      [0, () => user.call('/api/x')],
      [0, () => user.get('/api/session').then(({ user }) => ({ status: user && 200 }))],
      [400, () => user.call('/api/x')],
      [400, () => user.post('/api/session/refresh')],
      [400, () => user.post('/logout')],
    ]) {
      await setAhead(stack, seconds);
      await next();
      expect((await request()).status).toBe(200);
    }
    await setResetting(stack, {});
    expect((await user.get('/api/session')).user).toBeNull();
  });
});

test('a database that does not take new tokens keeps nobody from using them, and has them with the next call', async () => {
  const stack = await startStack({ only: ['gateway'], ahead: true });
  const [provider, api] = await Promise.all([startIdentityProvider(stack), startUpstream(stack.api)]);
  try {
    const user = new GatewayUser(stack);
    await user.signIn();
    await setFull(stack, user.session);
    await setAhead(stack, 400);
    for (let call = 0; call < 2; call += 1) expect((await user.call('/api/x')).status).toBe(200);
    expect(provider.count('POST /token')).toBe(2);
    const generation = async () => JSON.parse((await look(stack, user.session)).stored[0].record).generation;
    expect(await generation()).toBe(0);
    expect(stack.logs().filter((line) => line.includes('"session_not_written"')).length).toBeGreaterThan(0);
    await setFull(stack);
    expect((await user.call('/api/x')).status).toBe(200);
    expect(await generation()).toBe(1);
    await stack.restart();
    await setAhead(stack, 800);
    expect((await user.call('/api/x')).status).toBe(200);
  } finally {
    await stack.stop();
    await Promise.all([provider.stop(), api.stop()]);
  }
});

test('the tokens of a session that nobody uses any more are deleted, although nobody asks for it', async () => {
  const stack = await startStack({ only: ['gateway'], ahead: true, gateway: { GATEPASS_SESSION_IDLE: '2' } });
  const provider = await startIdentityProvider(stack);
  try {
    const user = new GatewayUser(stack);
    await user.signIn();
    const tokens = async () => (await look(stack, user.session)).stored[0].tokens;
    expect(await tokens()).not.toBe('');
    await expect.poll(tokens).toBe('');
    expect((await user.get('/api/session')).ended).toBe('idle');
  } finally {
    await stack.stop();
    await provider.stop();
  }
});

test('the index of a user’s sessions wakes when one is over, and not every day until then', async () => {
  const stack = await startStack({ only: ['gateway'], ahead: true });
  const provider = await startIdentityProvider(stack);
  try {
    await new GatewayUser(stack).signIn();
    const days = (await indexAlarm(stack, 'anna') - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(89);
    expect(days).toBeLessThanOrEqual(90);
  } finally {
    await stack.stop();
    await provider.stop();
  }
});

test('an alarm that fails is not lost: it comes again later, until the tokens are deleted', async () => {
  const stack = await startStack({ only: ['gateway'], ahead: true, gateway: { GATEPASS_SESSION_IDLE: '2' } });
  const provider = await startIdentityProvider(stack);
  try {
    const user = new GatewayUser(stack);
    await user.signIn();
    await setStuck(stack, user.session);
    const tokens = async () => (await look(stack, user.session)).stored[0].tokens;
    const failures = () => stack.logs().filter((line) => line.includes('"alarm_failed"'));
    await expect.poll(() => failures().length).toBe(1);
    expect(failures()[0]).toContain('as the test wants');
    expect(await tokens()).not.toBe('');
    // Not at once, which the platform would count, but in a quarter of an hour.
    const minutes = (await alarm(stack, user.session) - Date.now()) / 60_000;
    expect(minutes).toBeGreaterThan(10);
    expect(minutes).toBeLessThanOrEqual(15);
    await setStuck(stack);
    await alarm(stack, user.session, { now: true });
    await expect.poll(tokens).toBe('');
    expect((await user.get('/api/session')).ended).toBe('idle');
    expect(failures()).toHaveLength(1);
  } finally {
    await stack.stop();
    await provider.stop();
  }
});
