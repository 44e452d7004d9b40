// Several providers, and how the gateway proves which client it is.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { newSecret } from '../../scripts/lib/dev-vars.mjs';
import { setAhead } from '../support/ahead.mjs';
import { GatewayUser } from '../support/gateway-user.mjs';
import { startIdentityProvider } from '../support/identity-provider.mjs';
import { freePorts } from '../support/ports.mjs';
import { startStack } from '../support/stack.mjs';
import { startUpstream } from '../support/upstream.mjs';

let stack;
let first;
let second;
let apis;
beforeAll(async () => {
  const ports = await freePorts(4);
  const [one, two, api, maps] = ports.map((port) => `http://localhost:${port}`);
  const providers = [
    { name: 'first', label: 'The <first>', issuer: one, client_id: 'gatepass-gateway', secret: 'GATEPASS_GATEWAY_SECRET' },
    { name: 'second', issuer: two, client_id: 'gatepass-gateway', secret: 'GATEPASS_GATEWAY_SECRET', auth: 'client_secret_post', scope: 'openid' },
  ];
  stack = await startStack({
    only: ['gateway'],
    gateway: { GATEPASS_PROVIDERS: JSON.stringify(providers), GATEPASS_UPSTREAMS: `/api/=${api} /api/maps/=${maps}` },
  });
  const post = { token_endpoint_auth_method: 'client_secret_post' };
  const plain = { pushedAuthorizationRequests: { enabled: false } };
  [first, second, ...apis] = await Promise.all([
    startIdentityProvider(stack, { origin: one, registration: 'first' }),
    startIdentityProvider(stack, { origin: two, registration: 'second', client: post, features: plain }),
    startUpstream(api),
    startUpstream(maps),
  ]);
});
afterAll(async () => {
  await stack?.stop();
  await Promise.all([first, second, ...apis ?? []].map((server) => server?.stop()));
});

describe('with several providers', () => {
  test('the user is asked, on a plain page', async () => {
    const user = new GatewayUser(stack);
    const response = await user.request('/login?return_to=/a%3Fb%3D%22c');
    const html = await response.text();
    expect(response.status).toBe(200);
    expect(html).toContain('<html lang="en">');
    expect(html).toContain('<meta name="color-scheme" content="light dark">');
    expect([...html.matchAll(/<a class="button" href="([^"]+)">([^<]+)<\/a>/g)].map(([, href, label]) => [href, label])).toEqual([
      ['/login?provider=first&amp;return_to=%2Fa%3Fb%3D%22c', 'The &lt;first&gt;'],
      ['/login?provider=second&amp;return_to=%2Fa%3Fb%3D%22c', 'second'],
    ]);
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'self';/);
    const style = await user.request('/login/style.css');
    expect([style.status, style.headers.get('content-type')]).toEqual([200, 'text/css; charset=utf-8']);
    expect(user.jar().size).toBe(0);
  });

  test('each signs in, with a pushed request where the provider takes one, and one session at a time', async () => {
    const user = new GatewayUser(stack);
    await user.signIn({ provider: 'first', return_to: '/x' });
    const earlier = user.session;
    expect(await user.get('/api/session')).toMatchObject({ provider: 'first', provider_label: 'The <first>', user: { sub: 'anna' } });
    expect([first.count('POST /request'), second.count('POST /request')]).toEqual([1, 0]);
    second.user = 'bert';
    await user.signIn({ provider: 'second' });
    expect(await user.get('/api/session')).toMatchObject({ provider: 'second', provider_label: 'second', user: { sub: 'bert' } });
    const other = new GatewayUser(stack);
    other.jar().set('__Host-gatepass_session', earlier);
    await expect.poll(async () => (await other.get('/api/session')).ended).toBe('replaced');
    await expect.poll(() => first.count('POST /token/revocation')).toBe(1);
  });

  test('an answer of one provider is none of another’s (mix-up)', async () => {
    const user = new GatewayUser(stack);
    const url = new URL(await user.untilCallback({ provider: 'first' }));
    url.pathname = '/login/oauth2/code/second';
    const response = await user.request(url);
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('other_provider')]);
    expect(user.session).toBeUndefined();
  });

  test.each(['third', '', 'First', '../first'])('there is no provider %j', async (provider) => {
    const response = await new GatewayUser(stack).request(`/login?${new URLSearchParams({ provider })}`);
    expect(response.status).toBe(provider === '' ? 200 : 400);
  });
});

test('each path goes to the API that is configured for it', async () => {
  const user = new GatewayUser(stack);
  await user.signIn({ provider: 'first' });
  expect((await user.call('/api/maps/1')).status).toBe(200);
  expect((await user.call('/api/map/1')).status).toBe(200);
  expect(apis.map((api) => api.seen.map(({ url }) => url))).toEqual([['/api/map/1'], ['/api/maps/1']]);
});

test('while a provider does not answer, a sign-in says so, and begins no sooner', async () => {
  const [port] = await freePorts(1);
  const lost = await startStack({ only: ['gateway'], gateway: { GATEPASS_ISSUER: `http://localhost:${port}` } });
  try {
    const response = await new GatewayUser(lost).request('/login?return_to=/x');
    expect([response.status, await response.text()]).toEqual([503, expect.stringContaining('href="/login?return_to=%2Fx"')]);
  } finally {
    await lost.stop();
  }
});

describe.each(['object', 'cookie'])('a provider that is configured no more (%s)', (storage) => {
  let [gateway, gone, api, configured] = [];
  beforeAll(async () => {
    const [one, two] = (await freePorts(2)).map((port) => `http://localhost:${port}`);
    const client = { client_id: 'gatepass-gateway', secret: 'GATEPASS_GATEWAY_SECRET' };
    const [stays, goes] = [{ name: 'stays', issuer: one, ...client }, { name: 'goes', label: 'It goes', issuer: two, ...client }];
    configured = (...providers) => ({ gateway: { GATEPASS_SESSION: storage, GATEPASS_SESSION_KEY: key, GATEPASS_PROVIDERS: JSON.stringify(providers) } });
    const key = newSecret();
    configured.both = configured(stays, goes);
    configured.one = configured(stays);
    configured.otherwise = configured(stays, { ...goes, client_id: 'another' });
    gateway = await startStack({ only: ['gateway'], ahead: true, ...configured.both });
    [gone, api] = await Promise.all([startIdentityProvider(gateway, { origin: two, registration: 'goes', others: ['another'] }), startUpstream(gateway.api)]);
  });
  afterAll(async () => {
    await gateway?.stop();
    await Promise.all([gone, api].map((server) => server?.stop()));
  });
  const signedIn = async () => {
    const user = new GatewayUser(gateway);
    await user.signIn({ provider: 'goes' });
    return user;
  };

  test('ends its sessions when their tokens are over, and says why', async () => {
    const [calling, looking] = [await signedIn(), await signedIn()];
    await gateway.restart(configured.one);
    // What is good is used.
    expect((await calling.call('/api/x')).status).toBe(200);
    expect(await looking.get('/api/session')).toMatchObject({ user: { sub: 'anna' }, provider: 'goes', provider_label: null, ended: null });
    await setAhead(gateway, 310);
    const before = gone.asked.length;
    const response = await calling.call('/api/x');
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ code: 'not_signed_in', ended: 'provider_removed' });
    for (const user of [calling, looking]) {
      expect(await user.get('/api/session')).toMatchObject({ user: null, provider: null, ended: 'provider_removed' });
    }
    const stolen = new GatewayUser(gateway);
    for (const [name, value] of looking.jar()) stolen.jar().set(name, value);
    expect((await looking.post('/api/session/refresh')).status).toBe(401);
    expect((await looking.post('/logout')).status).toBe(200);
    expect(gone.asked.length).toBe(before);
    // A configuration that was wrong has signed nobody out, but who has signed out meanwhile, is.
    await gateway.restart(configured.both);
    await setAhead(gateway, 310);
    expect((await calling.call('/api/x')).status).toBe(200);
    expect((await calling.get('/api/session')).provider).toBe('goes');
    if (storage === 'object') expect((await stolen.get('/api/session')).ended).toBe('signed_out');
    expect((await looking.call('/api/x')).status).toBe(401);
  });

  test('ends nothing if it is there again before that', async () => {
    await gateway.restart(configured.both);
    const user = await signedIn();
    await gateway.restart(configured.one);
    await setAhead(gateway, 280);
    // A token that would be renewed, and one that the API refuses, end nothing either.
    expect((await user.call('/api/x')).status).toBe(200);
    api.accepts = () => false;
    expect((await user.call('/api/x')).status).toBe(401);
    api.accepts = () => true;
    await gateway.restart(configured.both);
    await setAhead(gateway, 310);
    expect((await user.call('/api/x')).status).toBe(200);
    expect((await user.get('/api/session')).provider).toBe('goes');
  });

  test('or that is another client there ends nothing for good: what it does not take says nothing of the session', async () => {
    await gateway.restart(configured.both);
    const user = await signedIn();
    const before = gone.count('POST /token');
    await gateway.restart(configured.otherwise);
    // What is good is used, though it was to be renewed; and so is what the API refuses handed on.
    await setAhead(gateway, 280);
    expect((await user.call('/api/x')).status).toBe(200);
    expect((await user.call('/api/x')).status).toBe(200);
    await setAhead(gateway, 310);
    const response = await user.call('/api/x');
    expect([response.status, await response.json()]).toEqual([401, expect.objectContaining({ ended: 'provider_removed' })]);
    expect(await user.get('/api/session')).toMatchObject({ user: null, ended: 'provider_removed' });
    expect((await user.post('/api/session/refresh')).status).toBe(401);
    expect(gone.count('POST /token')).toBeGreaterThan(before);
    await gateway.restart(configured.both);
    await setAhead(gateway, 310);
    expect((await user.call('/api/x')).status).toBe(200);
    expect((await user.get('/api/session')).provider).toBe('goes');
  });
});
