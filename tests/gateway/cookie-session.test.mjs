// GATEPASS_SESSION=cookie: tokens in sealed cookies, and in no database.

import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { newSecret } from '../../scripts/lib/dev-vars.mjs';
import { look, setAhead } from '../support/ahead.mjs';
import { GatewayUser } from '../support/gateway-user.mjs';
import { startIdentityProvider } from '../support/identity-provider.mjs';
import { startStack } from '../support/stack.mjs';
import { startUpstream } from '../support/upstream.mjs';

const parts = (user) => [...user.jar().keys()].filter((name) => name.startsWith('__Host-gatepass_tokens_')).sort();

describe.each([['rotating', true], ['persistent', false]])('with %s refresh tokens', (_, rotate) => {
  let stack;
  let provider;
  let api;
  beforeAll(async () => {
    stack = await startStack({ only: ['gateway'], ahead: true, gateway: { GATEPASS_SESSION: 'cookie' } });
    [provider, api] = await Promise.all([startIdentityProvider(stack, { rotate }), startUpstream(stack.api)]);
  });
  afterAll(async () => {
    await stack?.stop();
    await Promise.all([provider?.stop(), api?.stop()]);
  });
  afterEach(async () => {
    provider.failing = {};
    api.accepts = () => true;
    await setAhead(stack, 0);
  });

  const signedIn = async () => {
    const user = new GatewayUser(stack);
    const { response } = await user.signIn();
    return { user, response };
  };
  const tokenRequests = () => provider.count('POST /token');
  const statusOf = async (user, path = '/api/x') => (await user.call(path)).status;

  test('a sign-in makes cookies that no script can read, and no session asks an object', async () => {
    const before = (await look(stack)).asked;
    const { user, response } = await signedIn();
    expect(parts(user)).toEqual([expect.stringMatching(/^__Host-gatepass_tokens_[\w-]{8}_0_0$/)]);
    const line = response.headers.getSetCookie().find((cookie) => cookie.startsWith('__Host-gatepass_tokens_'));
    expect(line).toMatch(/; Path=\/; Secure; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
    expect(await user.get('/api/session')).toMatchObject({ user: { sub: 'anna', name: 'The user anna' }, provider: 'gatepass', ended: null });
    expect(await statusOf(user)).toBe(200);
    const token = api.seen.at(-1).headers.authorization.split(' ')[1];
    expect(Buffer.from([...user.jar().values()].join(), 'base64url').toString('latin1')).not.toContain(token);
    expect((await look(stack)).asked).toBe(before);
  });

  test('ten renewals one after the other, with a hundred calls each, are ten token requests', async () => {
    const { user } = await signedIn();
    const before = tokenRequests();
    for (let round = 1; round <= 10; round += 1) {
      await setAhead(stack, round * 400);
      const statuses = await Promise.all(Array.from({ length: 100 }, () => statusOf(user)));
      expect(statuses).toEqual(Array(100).fill(200));
      expect(tokenRequests() - before).toBe(round);
      expect(parts(user)).toEqual([expect.stringMatching(new RegExp(`_${round}_0$`))]);
    }
  });

  test('a call that comes late with the cookies from before gets the same tokens, and spends nothing', async () => {
    const { user } = await signedIn();
    const late = new GatewayUser(stack);
    for (const [name, value] of user.jar()) late.jar().set(name, value);
    await setAhead(stack, 400);
    const before = tokenRequests();
    expect(await statusOf(user)).toBe(200);
    expect(await statusOf(late)).toBe(200);
    expect(tokenRequests() - before).toBe(1);
    const [one, two] = api.seen.slice(-2).map(({ headers }) => headers.authorization);
    expect(one).toBe(two);
    await setAhead(stack, 800);
    expect(await statusOf(user)).toBe(200);
  });

  test('a provider that fails signs nobody out: good tokens are used, expired ones make for patience, and renewing resumes', async () => {
    const { user } = await signedIn();
    provider.failing['/token'] = 503;
    await setAhead(stack, 270);
    expect(await statusOf(user)).toBe(200);
    await setAhead(stack, 400);
    const refused = await user.call('/api/x');
    expect([refused.status, (await refused.json()).code]).toEqual([503, 'provider_unavailable']);
    expect((await user.get('/api/session')).user.sub).toBe('anna');
    provider.failing = {};
    await setAhead(stack, 410);
    expect(await statusOf(user)).toBe(200);
  });

  test('a refresh token that the provider does not take ends the session, and the page is told', async () => {
    const { user } = await signedIn();
    provider.failing['/token'] = 400;
    await setAhead(stack, 400);
    expect(await statusOf(user)).toBe(401);
    expect(await user.get('/api/session')).toMatchObject({ user: null, ended: 'invalid_grant' });
    provider.failing = {};
    expect(await statusOf(user)).toBe(401);
  });

  test('a token that the API refuses is renewed once, and the call made again', async () => {
    const { user } = await signedIn();
    await statusOf(user);
    const old = api.seen.at(-1).headers.authorization;
    api.accepts = (token) => `Bearer ${token}` !== old;
    const before = tokenRequests();
    const statuses = await Promise.all(Array.from({ length: 20 }, () => statusOf(user)));
    expect(statuses).toEqual(Array(20).fill(200));
    expect(tokenRequests() - before).toBe(1);
  });

  test('large tokens are in several cookies, and in one again when they are small', async () => {
    const { user } = await signedIn();
    const large = 'x'.repeat(9_000);
    provider.failing['/token'] = (request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ access_token: large, token_type: 'Bearer', expires_in: 300 }));
    };
    await setAhead(stack, 400);
    expect(await statusOf(user)).toBe(200);
    expect(parts(user)).toHaveLength(4);
    for (const name of parts(user)) expect(user.jar().get(name).length + name.length).toBeLessThan(4096);
    expect(await statusOf(user)).toBe(200);
    expect(api.seen.at(-1).headers.authorization).toBe(`Bearer ${large}`);
    // A part that is missing or another's makes it no session, and no error.
    const broken = new GatewayUser(stack);
    for (const [name, value] of user.jar()) broken.jar().set(name, value);
    broken.jar().set(parts(user)[1], 'AAAA');
    expect(await statusOf(broken)).toBe(401);
    broken.jar().delete(parts(user)[1]);
    expect((await broken.get('/api/session')).user).toBeNull();
    provider.failing = {};
    await setAhead(stack, 800);
    expect(await statusOf(user)).toBe(200);
    expect(parts(user)).toHaveLength(1);
  });

  test('signing out removes the cookies, and gives the refresh token back', async () => {
    const { user } = await signedIn();
    const before = provider.count('POST /token/revocation');
    const response = await user.post('/logout');
    expect(await response.json()).toEqual({ redirect: '/logout/provider' });
    expect(parts(user)).toEqual([]);
    await expect.poll(() => provider.count('POST /token/revocation') - before).toBe(1);
    expect((await user.get('/api/session')).user).toBeNull();
    const { url } = await user.follow('/logout/provider');
    expect(url).toMatch(new RegExp(`^${provider.origin}/session/end`));
  });

  test('an answer that comes after a sign-out does not undo it, and the next sign-in is one', async () => {
    const { user } = await signedIn();
    await setAhead(stack, 400);
    const arrived = new Promise((resolve) => {
      api.answers['/api/late'] = (request, response) => resolve(response);
    });
    const late = user.call('/api/late');
    const response = await arrived;
    expect((await user.post('/logout')).status).toBe(200);
    response.end();
    expect((await late).status).toBe(200);
    expect(parts(user)).not.toEqual([]);
    expect((await user.get('/api/session')).user).toBeNull();
    expect(await statusOf(user)).toBe(401);
    await setAhead(stack, 0);
    await user.signIn();
    expect(await statusOf(user)).toBe(200);
    expect(parts(user)).toHaveLength(1);
  });

  test.each([['renewed', 400], ['used', 100]])('an answer that comes when somebody else has signed in meanwhile brings nobody back (%s)', async (_, seconds) => {
    const { user } = await signedIn();
    await setAhead(stack, seconds);
    const arrived = new Promise((resolve) => {
      api.answers['/api/late'] = (request, response) => resolve(response);
    });
    const late = user.call('/api/late');
    const response = await arrived;
    provider.user = 'bert';
    // The provider's ID tokens are not for the future.
    await setAhead(stack, 100);
    try {
      user.jar(provider.origin).clear();
      await user.signIn();
    } finally {
      provider.user = 'anna';
    }
    response.end();
    expect((await late).status).toBe(200);
    expect(parts(user)).toHaveLength(2);
    expect((await user.get('/api/session')).user.sub).toBe('bert');
    // What is left of the other is removed.
    expect(parts(user)).toHaveLength(1);
    expect(await statusOf(user)).toBe(200);
    await setAhead(stack, 800);
    expect(await statusOf(user)).toBe(200);
    expect((await user.get('/api/session')).user.sub).toBe('bert');
  });

  test('tokens that live for less than a minute are renewed as often as they end', async () => {
    provider.lifetime = 20;
    try {
      const { user } = await signedIn();
      const before = tokenRequests();
      for (const seconds of [25, 50, 75]) {
        await setAhead(stack, seconds);
        const statuses = await Promise.all(Array.from({ length: 10 }, () => statusOf(user)));
        expect(statuses).toEqual(Array(10).fill(200));
      }
      expect(tokenRequests() - before).toBe(3);
      expect(new Set(api.seen.slice(-30).map(({ headers }) => headers.authorization)).size).toBe(3);
    } finally {
      provider.lifetime = 300;
    }
  });

  test('two tokens in a minute that the API refuses are renewed, both', async () => {
    const { user } = await signedIn();
    const before = tokenRequests();
    const refused = new Set();
    for (const seconds of [0, 15]) {
      await setAhead(stack, seconds);
      await statusOf(user);
      refused.add(api.seen.at(-1).headers.authorization);
      api.accepts = (token) => !refused.has(`Bearer ${token}`);
      expect(await statusOf(user)).toBe(200);
    }
    expect(tokenRequests() - before).toBe(2);
  });

  test('a provider that is busy is asked again when it wants to be', async () => {
    const { user } = await signedIn();
    provider.failing['/token'] = (request, response) => response.writeHead(429, { 'retry-after': '120' }).end();
    await setAhead(stack, 400);
    const refused = await user.call('/api/x');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '120']);
    const before = tokenRequests();
    await setAhead(stack, 460);
    expect(await statusOf(user)).toBe(503);
    expect(tokenRequests()).toBe(before);
    provider.failing = {};
    await setAhead(stack, 530);
    expect(await statusOf(user)).toBe(200);
  });

  test('a cookie that was changed is none', async () => {
    const { user } = await signedIn();
    const [name] = parts(user);
    const value = user.jar().get(name);
    user.jar().set(name, value.slice(0, 100) + (value[100] === 'A' ? 'B' : 'A') + value.slice(101));
    expect(await statusOf(user)).toBe(401);
    expect(await statusOf(new GatewayUser(stack))).toBe(401);
  });

  test('a sign-out at the provider is heard of when somebody asks who is signed in, and at the next renewal', async () => {
    const [asks, asksLate, renews] = [await signedIn(), await signedIn(), await signedIn()].map(({ user }) => user);
    const now = Math.floor(Date.now() / 1000);
    const token = provider.sign({
      iss: provider.origin, aud: provider.clientId, iat: now, exp: now + 120, jti: randomUUID(), sub: 'anna',
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    });
    const tell = () => fetch(`${stack.gateway}/logout/connect/back-channel/gatepass`, { method: 'POST', body: new URLSearchParams({ logout_token: token }) });
    await setAhead(stack, 2);
    expect((await tell()).status).toBe(200);
    expect(await asks.get('/api/session')).toMatchObject({ user: null, ended: 'signed_out_at_provider' });
    // Its cookies say so from then on, and hold no token.
    const call = await asks.call('/api/x');
    expect([call.status, (await call.json()).ended]).toEqual([401, 'signed_out_at_provider']);
    // Who signs in again is not meant, also if the order comes again.
    const { user: later } = await signedIn();
    await setAhead(stack, 4);
    expect((await tell()).status).toBe(400);
    expect((await later.get('/api/session')).user.sub).toBe('anna');
    // Whoever has good tokens and does not ask goes on until they are renewed.
    expect(await statusOf(renews)).toBe(200);
    await setAhead(stack, 400);
    const before = tokenRequests();
    expect(await statusOf(renews)).toBe(401);
    expect((await renews.get('/api/session')).ended).toBe('signed_out_at_provider');
    expect((await asksLate.post('/api/session/refresh')).status).toBe(401);
    expect(tokenRequests()).toBe(before);
  });
});

test.each(['object', 'cookie'])('a deployment without the newest key, a rollback say, signs nobody out for good (%s)', async (storage) => {
  const [old, next] = [newSecret(), newSecret()];
  const settings = (keys) => ({ gateway: { GATEPASS_SESSION: storage, GATEPASS_SESSION_KEY: keys } });
  const stack = await startStack({ only: ['gateway'], ahead: true, ...settings(old) });
  const [provider, api] = await Promise.all([startIdentityProvider(stack), startUpstream(stack.api)]);
  try {
    const users = [];
    for (let i = 0; i < 3; i += 1) {
      users.push(new GatewayUser(stack));
      await users[i].signIn();
    }
    await stack.restart(settings(`${next} ${old}`));
    await setAhead(stack, 400);
    for (const user of users) expect((await user.call('/api/x')).status).toBe(200);
    await stack.restart(settings(old));
    const [calls, waits, leaves] = users;
    // Also whose token is over is told, and not to be patient.
    for (const [user, seconds] of [[calls, 400], [waits, 800]]) {
      await setAhead(stack, seconds);
      const response = await user.call('/api/x');
      expect([response.status, (await response.json()).ended]).toEqual([401, storage === 'object' ? 'unreadable' : null]);
      expect((await user.get('/api/session')).user).toBeNull();
    }
    const stolen = new GatewayUser(stack);
    for (const [name, value] of leaves.jar()) stolen.jar().set(name, value);
    expect((await leaves.call('/api/x')).status).toBe(401);
    await leaves.post('/logout');
    await stack.restart(settings(`${next} ${old}`));
    await setAhead(stack, 800);
    for (const user of [calls, waits]) {
      expect((await user.call('/api/x')).status).toBe(200);
      expect((await user.get('/api/session')).user.sub).toBe('anna');
    }
    // Who has signed out meanwhile, is.
    if (storage === 'object') expect((await stolen.get('/api/session')).ended).toBe('signed_out');
  } finally {
    await stack.stop();
    await Promise.all([provider.stop(), api.stop()]);
  }
});

test.each(['object', 'cookie'])('the key can be changed without signing anyone out, and alone it signs everybody out (%s)', async (storage) => {
  const [old, next] = [newSecret(), newSecret()];
  const settings = (keys) => ({ gateway: { GATEPASS_SESSION: storage, GATEPASS_SESSION_KEY: keys } });
  const stack = await startStack({ only: ['gateway'], ...settings(old) });
  const [provider, api] = await Promise.all([startIdentityProvider(stack), startUpstream(stack.api)]);
  try {
    const user = new GatewayUser(stack);
    await user.signIn();
    await stack.restart(settings(`${next} ${old}`));
    expect((await user.call('/api/x')).status).toBe(200);
    const later = new GatewayUser(stack);
    await later.signIn();
    await stack.restart(settings(next));
    expect((await later.call('/api/x')).status).toBe(200);
    expect((await user.call('/api/x')).status).toBe(401);
  } finally {
    await stack.stop();
    await Promise.all([provider.stop(), api.stop()]);
  }
});
