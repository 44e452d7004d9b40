// A provider says that a user has signed out (OpenID Connect Back-Channel Logout 1.0).

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { setAhead, setFailing } from '../support/ahead.mjs';
import { GatewayUser } from '../support/gateway-user.mjs';
import { startIdentityProvider } from '../support/identity-provider.mjs';
import { startStack } from '../support/stack.mjs';
import { startUpstream } from '../support/upstream.mjs';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';

describe.each(['object', 'cookie'])('from oidc-provider (%s)', (storage) => {
  let stack;
  let provider;
  let api;
  beforeAll(async () => {
    stack = await startStack({ only: ['gateway'], ahead: true, gateway: { GATEPASS_SESSION: storage } });
    [provider, api] = await Promise.all([startIdentityProvider(stack), startUpstream(stack.api)]);
  });
  afterAll(async () => {
    await stack?.stop();
    await Promise.all([provider?.stop(), api?.stop()]);
  });

  const signedIn = async (who = 'anna') => {
    provider.user = who;
    const user = new GatewayUser(stack);
    await user.signIn();
    return user;
  };
  const tell = (token, path = '/logout/connect/back-channel/gatepass') =>
    fetch(stack.gateway + path, { method: 'POST', body: new URLSearchParams({ logout_token: token }) });
  const now = () => Math.floor(Date.now() / 1000);
  const logoutToken = (claims = {}, header = {}) => provider.sign({
    iss: provider.origin, aud: provider.clientId, iat: now(), exp: now() + 120, jti: randomUUID(), sub: 'anna', events: { [EVENT]: {} }, ...claims,
  }, header);
  // Sessions in cookies are told from those that begin later by the second.
  let ahead = 0;
  const aSecondLater = () => setAhead(stack, ahead += 1);
  const isIn = async (user) => (await user.get('/api/session')).user !== null;

  test('a sign-out there ends the session here within a second, that of this browser alone', async () => {
    const [here, elsewhere] = [await signedIn(), await signedIn()];
    const page = await here.request(`${provider.origin}/session/end`);
    const html = await page.text();
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(html)[1];
    const action = /action="([^"]+)"/.exec(html)[1];
    const began = Date.now();
    await here.request(action, { method: 'POST', body: new URLSearchParams({ xsrf, logout: 'yes' }) });
    await expect.poll(() => isIn(here), { interval: 20 }).toBe(false);
    expect(Date.now() - began).toBeLessThan(1000);
    expect((await here.get('/api/session')).ended).toBe('signed_out_at_provider');
    expect((await here.call('/api/x')).status).toBe(401);
    expect(await isIn(elsewhere)).toBe(true);
  });

  test('a token with a user alone ends all of that user’s sessions, and nobody else’s', async () => {
    const [one, two, other] = [await signedIn('bert'), await signedIn('bert'), await signedIn('carl')];
    await aSecondLater();
    const response = await tell(logoutToken({ sub: 'bert' }));
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect([await isIn(one), await isIn(two), await isIn(other)]).toEqual([false, false, true]);
    const again = new GatewayUser(stack);
    provider.user = 'bert';
    await again.signIn();
    expect(await isIn(again)).toBe(true);
  });

  test('an order is carried out once', async () => {
    const token = logoutToken({ sub: 'dora' });
    const first = await signedIn('dora');
    await aSecondLater();
    expect((await tell(token)).status).toBe(200);
    expect(await isIn(first)).toBe(false);
    const second = await signedIn('dora');
    expect((await tell(token)).status).toBe(400);
    expect(await isIn(second)).toBe(true);
  });

  test.runIf(storage === 'object')('an order that could not be carried out in full is carried out when it comes again, and ends nobody who has signed in since', async () => {
    const users = [];
    for (let i = 0; i < 5; i += 1) users.push(await signedIn('fred'));
    const token = logoutToken({ sub: 'fred' });
    await setFailing(stack, users[2].session);
    expect((await tell(token)).status).toBe(500);
    expect(await Promise.all(users.filter((user) => user !== users[2]).map(isIn))).toEqual(Array(4).fill(false));
    const later = await signedIn('fred');
    await setFailing(stack);
    expect((await tell(token)).status).toBe(200);
    expect(await Promise.all([...users, later].map(isIn))).toEqual([...Array(5).fill(false), true]);
    expect((await tell(token)).status).toBe(400);
    expect(await isIn(later)).toBe(true);
  });

  test('a provider whose clock is half a minute ahead is heard', async () => {
    const user = await signedIn('dora');
    await aSecondLater();
    const soon = now() + 30;
    expect((await tell(logoutToken({ sub: 'dora', iat: soon, nbf: soon }))).status).toBe(200);
    await expect.poll(() => isIn(user)).toBe(false);
  });

  test('an order for nobody who is here is fine', async () => {
    expect((await tell(logoutToken({ sub: 'nobody' }))).status).toBe(200);
    expect((await tell(logoutToken({ sub: undefined, sid: 'unknown' }))).status).toBe(200);
  });

  test.each([
    ['of another issuer', { iss: 'https://evil.example' }],
    ['for another client', { aud: 'other' }],
    ['without the event', { events: {} }],
    ['with a nonce', { nonce: 'n' }],
    ['of nobody', { sub: undefined }],
    ['without an id', { jti: undefined }],
    ['that has expired', { exp: 1000 }],
    ['from long ago', { iat: 1000 }],
    ['from the future', { iat: 9_999_999_999, exp: 9_999_999_999 }],
    ['signed by nobody', {}, { alg: 'none' }],
    ['signed with an unknown key', {}, { kid: 'other' }],
    ['that is an ID token', { nonce: 'n', events: undefined }],
    ['of another type', {}, { typ: 'at+jwt' }],
  ])('a token %s ends nothing', async (_, claims, header) => {
    const user = await signedIn('emil');
    const response = await tell(logoutToken({ sub: 'emil', ...claims }, header));
    expect([response.status, (await response.json()).error]).toEqual([400, 'invalid_request']);
    expect(await isIn(user)).toBe(true);
  });

  test('what is no such request is refused', async () => {
    expect((await tell('', '/logout/connect/back-channel/nope')).status).toBe(404);
    expect((await tell('a.b.c')).status).toBe(400);
    expect((await tell('')).status).toBe(400);
    const url = `${stack.gateway}/logout/connect/back-channel/gatepass`;
    expect((await fetch(url)).status).toBe(405);
    expect((await fetch(url, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } })).status).toBe(415);
  });
});

test.each(['object', 'cookie'])('our own provider tells the gateway, too (%s)', async (storage) => {
  const stack = await startStack({ gateway: { GATEPASS_SESSION: storage } });
  try {
    const user = new GatewayUser(stack);
    await user.signIn();
    // In another application of this browser, which knows the user's ID token, as any page of the provider.
    const page = await user.request(`${stack.provider}/oauth/logout`);
    const html = await page.text();
    const fields = Object.fromEntries([...html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]));
    await user.request(`${stack.provider}/oauth/logout`, { method: 'POST', body: new URLSearchParams(fields), headers: { origin: stack.provider, 'sec-fetch-site': 'same-origin' } });
    await expect.poll(async () => (await user.get('/api/session')).ended).toBe('signed_out_at_provider');
  } finally {
    await stack.stop();
  }
});
