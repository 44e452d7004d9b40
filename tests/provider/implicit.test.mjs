// An access token in the place of a code (RFC 6749 §4.2), for old clients that an administrator lets have it.
import { inflateSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, DEMO, claims, post, refusal, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';
import { answerConsent, openConsent, stranger } from '../support/strangers.mjs';

let stack;
let db;
let user;
let app;
const allow = (id, grants = 'authorization_code implicit refresh_token') =>
  db.prepare('UPDATE clients SET grant_types = ? WHERE client_id = ?').bind(grants, id).run();
const settle = (changes) => db.prepare('UPDATE clients SET settings = ? WHERE client_id = ?').bind(JSON.stringify(changes), DEMO.id).run();

beforeAll(async () => {
  stack = await startStack({ only: ['provider'] });
  db = await stack.database('provider');
  user = new Browser(stack);
  await user.signIn();
  app = await stranger(stack);
  await allow(DEMO.id);
  await allow(app.id, 'implicit');
});
afterAll(() => stack?.stop());

const parameters = (changes = {}) => ({
  response_type: 'token', client_id: DEMO.id, redirect_uri: user.redirectUri, scope: 'openid read', state: 'a-state', ...changes,
});
const authorize = (changes, browser = user) => browser.request('GET', `/oauth/authorize?${new URLSearchParams(parameters(changes))}`);
/** What came back in the fragment, and nothing in the query. */
function answer(response, redirectUri = user.redirectUri) {
  expect(response.status).toBe(303);
  expect(response.headers.get('cache-control')).toBe('no-store');
  const location = new URL(response.headers.get('location'));
  expect(location.origin + location.pathname + location.search).toBe(redirectUri);
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}
const tokenOf = async (changes) => (answer(await authorize(changes))).access_token;
const introspected = async (token) => (await user.introspect(token)).json();

describe('a client that an administrator lets', () => {
  test('gets an access token in the fragment, never a refresh token, in three round trips', async () => {
    const response = await authorize();
    expect(roundTrips(response)).toBe(3);
    expect(answer(response)).toEqual({
      access_token: expect.any(String), token_type: 'Bearer', expires_in: '300', scope: 'openid read', state: 'a-state', iss: stack.provider,
    });
  });

  test('gets one that is introspected, revoked and listed like any other, of a grant that ends with it', async () => {
    const token = await tokenOf();
    expect(await introspected(token)).toMatchObject({ active: true, sub: 'demo', client_id: DEMO.id, scope: 'openid read' });
    expect((await fetch(`${stack.provider}/oauth/userinfo`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    const grants = (await db.prepare("SELECT expires_at - created_at AS lives FROM grants WHERE expires_at - created_at <= 300 AND status = 'active'").all()).results;
    expect(grants.length).toBeGreaterThan(0);
    expect(new Set(grants.map(({ lives }) => lives))).toEqual(new Set([300]));
    // The code that it was made of is spent.
    const { results } = await db.prepare('SELECT 1 FROM codes WHERE redeemed_at IS NULL').all();
    expect(results).toEqual([]);
    const { reason } = await db.prepare("SELECT reason FROM audit_log WHERE event = 'grant_begun' AND reason = 'implicit'").first();
    expect(reason).toBe('implicit');

    expect((await user.revoke(token)).status).toBe(200);
    expect((await introspected(token)).active).toBe(false);
  });

  test('loses it when its user signs out, and the status list says so', async () => {
    const browser = new Browser(stack);
    const { tokens } = await browser.signIn();
    const token = answer(await authorize({}, browser)).access_token;
    expect((await introspected(token)).active).toBe(true);
    const { idx, uri } = claims(token).status.status_list;
    const status = async () => {
      const { status_list: list } = claims(await (await fetch(uri)).text());
      return (inflateSync(Buffer.from(list.lst, 'base64url'))[idx >> 3] >> (idx & 7)) & 1;
    };
    expect(await status()).toBe(0);
    await browser.request('GET', `/oauth/logout?id_token_hint=${tokens.id_token}`);
    expect((await introspected(token)).active).toBe(false);
    await expect.poll(status, { timeout: 5_000 }).toBe(1);
  });

  test('gets an opaque one, if it has such', async () => {
    await settle({ access_token_format: 'opaque', access_token_lifetime: 60 });
    const { access_token: token, expires_in: lifetime } = answer(await authorize());
    await settle({});
    expect({ token, lifetime }).toEqual({ token: expect.stringMatching(/^[\w-]{43}$/), lifetime: '60' });
    expect(await introspected(token)).toMatchObject({ active: true, sub: 'demo' });
  });

  test('may have it posted', async () => {
    const html = await (await authorize({ response_mode: 'form_post' })).text();
    expect(html).toContain('name="access_token"');
    expect(html).not.toContain('name="refresh_token"');
  });

  test('may push its request', async () => {
    const pushed = await (await post(`${stack.provider}/oauth/par`, parameters())).json();
    const query = new URLSearchParams({ client_id: DEMO.id, request_uri: pushed.request_uri });
    const { access_token: token } = answer(await user.request('GET', `/oauth/authorize?${query}`));
    expect(claims(token).client_id).toBe(DEMO.id);
  });

  test('has its user sign in, also when the sign-in begins again', async () => {
    const browser = new Browser(stack);
    const begun = await authorize({}, browser);
    const token = new URL(begun.headers.get('location'), stack.provider).searchParams.get('state_token');
    const again = await browser.request('GET', `/oauth/authorize?${new URLSearchParams({ begun: token })}`);
    const next = new URL(again.headers.get('location'), stack.provider).searchParams.get('state_token');
    const back = await browser.request('GET', (await browser.submitLogin(next)).headers.get('location'));
    expect(answer(back)).toMatchObject({ access_token: expect.any(String), state: 'a-state' });
  });

  test('gets what its user allows, and is told if they do not', async () => {
    const asked = { client_id: app.id, redirect_uri: app.redirectUri, scope: 'openid email read' };
    const page = async () => openConsent(user, (await authorize(asked)).headers.get('location'));
    const denied = answer(await answerConsent(user, await page(), [], { decision: 'deny' }), app.redirectUri);
    expect(denied).toMatchObject({ error: 'access_denied', state: 'a-state', iss: stack.provider });
    const allowed = answer(await answerConsent(user, await page(), ['read']), app.redirectUri);
    expect(allowed).toMatchObject({ access_token: expect.any(String), scope: 'openid read' });
    // Remembered, like any other answer.
    expect(answer(await authorize(asked), app.redirectUri)).toMatchObject({ scope: 'openid read' });
  });
});

describe('refused, in the fragment:', () => {
  test.each([
    ['the query', { response_mode: 'query' }, 'invalid_request'],
    ['a key to bind', { dpop_jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' }, 'unsupported_response_type'],
    ['more scope than allowed', { scope: 'admin' }, 'invalid_scope'],
    ['a sign-in that is too old, where nobody may be asked', { prompt: 'none', max_age: '0' }, 'login_required'],
  ])('%s', async (_, changes, error) => {
    expect(answer(await authorize(changes))).toEqual({
      error, error_description: expect.any(String), state: 'a-state', iss: stack.provider,
    });
  });

  test('whoever must prove a key', async () => {
    await settle({ dpop_bound_access_tokens: true });
    const refused = answer(await authorize());
    await settle({});
    expect(refused.error).toBe('unauthorized_client');
  });

  test('any other client, and nobody gets it by registering', async () => {
    const other = await stranger(stack);
    const refused = answer(await authorize({ client_id: other.id, redirect_uri: other.redirectUri }), other.redirectUri);
    expect(refused.error).toBe('unauthorized_client');
    await expect(stranger(stack, { grant_types: ['authorization_code', 'implicit'] })).rejects.toThrow('invalid_client_metadata');
    await expect(stranger(stack, { response_types: ['token'] })).rejects.toThrow('invalid_client_metadata');
    const metadata = await (await fetch(`${stack.provider}/.well-known/openid-configuration`)).json();
    expect(metadata.response_types_supported).toEqual(['code']);
    expect(metadata.grant_types_supported).not.toContain('implicit');
  });

  test('a client that may no more, though its user was signing in', async () => {
    const browser = new Browser(stack);
    const begun = await authorize({}, browser);
    const token = new URL(begun.headers.get('location'), stack.provider).searchParams.get('state_token');
    await allow(DEMO.id, 'authorization_code refresh_token');
    const response = await browser.submitLogin(token);
    const back = response.status === 303 ? await browser.request('GET', response.headers.get('location')) : response;
    await allow(DEMO.id);
    expect(back.status).toBe(400);
  });

  test('at the token endpoint it is no grant type', async () => {
    expect(await refusal(await user.token({ grant_type: 'implicit', client_id: DEMO.id }))).toMatchObject({ status: 400, error: 'unsupported_grant_type' });
  });

  test('a redirect URI that is not registered is told to nobody but the user', async () => {
    const response = await authorize({ redirect_uri: 'https://evil.example/' });
    expect({ status: response.status, location: response.headers.get('location') }).toEqual({ status: 400, location: null });
  });
});
