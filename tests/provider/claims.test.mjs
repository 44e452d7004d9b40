// What a client is told of the user: scopes, the `claims` parameter (OIDC Core §5.5), userinfo (§5.3).
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { header, keySet, signerOf } from '../support/jws.mjs';
import { Browser, DEMO, basic, claims, pkce, post, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';
import { answerConsent, openConsent, stranger } from '../support/strangers.mjs';

const PASSWORD = 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport';

let stack;
let db;
let browser;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'] });
  db = await stack.database('provider');
});
afterAll(() => stack?.stop());
beforeEach(async () => {
  browser = new Browser(stack);
  await browser.signIn();
});

const at = (response) => new URL(response.headers.get('location'), stack.provider);
const authorize = (parameters, user = browser) => user.request('GET', user.authorizeUrl({ challenge: pkce().challenge, ...parameters }));
const answer = async (parameters) => Object.fromEntries(at(await authorize(parameters)).searchParams);
const wanting = (claims) => ({ scope: 'openid', claims: JSON.stringify(claims) });
const userinfo = (token, headers = {}) => fetch(`${stack.provider}/oauth/userinfo`, { headers: { authorization: `Bearer ${token}`, ...headers } });
const told = async ({ access_token: token }) => (await userinfo(token)).json();
const settle = (settings) => db.prepare('UPDATE clients SET settings = ? WHERE client_id = ?').bind(JSON.stringify(settings), DEMO.id).run();

/** What an ID token says of its user. */
function about({ id_token: token }) {
  const all = claims(token);
  return Object.fromEntries(['name', 'preferred_username', 'email', 'email_verified'].filter((name) => name in all).map((name) => [name, all[name]]));
}

describe('claims', () => {
  test('are told where they were asked for, at every refresh too', async () => {
    const { tokens, response } = await browser.signIn(wanting({
      id_token: { name: { essential: true }, email: null }, userinfo: { preferred_username: null, email_verified: { essential: true } },
    }));
    expect(roundTrips(response)).toBe(3);
    expect(about(tokens)).toEqual({ name: 'Demo User', email: 'demo@example.com' });
    expect(await told(tokens)).toEqual({ sub: 'demo', preferred_username: 'demo', email_verified: true });
    expect(tokens.scope).toBe('openid');
    const again = await browser.refresh(tokens.refresh_token);
    expect(roundTrips(again)).toBe(2);
    const refreshed = await again.json();
    expect(about(refreshed)).toEqual(about(tokens));
    expect(await told(refreshed)).toEqual(await told(tokens));
    // Another sign-in has not asked.
    const { tokens: plain } = await browser.signIn({ scope: 'openid' });
    expect(about(plain)).toEqual({});
    expect(await told(plain)).toEqual({ sub: 'demo' });
  });

  test('come besides what the scope opens in userinfo, and the scope opens nothing in the ID token', async () => {
    const { tokens } = await browser.signIn({ ...wanting({ userinfo: { name: null } }), scope: 'openid email' });
    expect(await told(tokens)).toEqual({ sub: 'demo', name: 'Demo User', email: 'demo@example.com', email_verified: true });
    expect(about(tokens)).toEqual({});
  });

  test('that nobody knows are left out', async () => {
    const { tokens } = await browser.signIn(wanting({
      id_token: { nickname: null, 'http://example.com/x y': { essential: true } }, userinfo: { 'name#de': null, phone_number: null }, more: [],
    }));
    expect(about(tokens)).toEqual({});
    expect(await told(tokens)).toEqual({ sub: 'demo' });
  });

  test('are not told to a service that exchanged the token: it has not asked', async () => {
    const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
    const { tokens } = await browser.signIn(wanting({ userinfo: { email: null } }));
    expect(await told(tokens)).toEqual({ sub: 'demo', email: 'demo@example.com' });
    await db.prepare("UPDATE clients SET grant_types = ?, scope = 'openid', settings = ? WHERE client_id = 'gatepass-service'")
      .bind(`client_credentials ${exchange}`, JSON.stringify({ exchanges_tokens_of: [DEMO.id] })).run();
    const response = await browser.token({
      grant_type: exchange, subject_token: tokens.access_token, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    }, { authorization: basic('gatepass-service', stack.secrets.GATEPASS_SERVICE_SECRET) });
    expect(await told(await response.json())).toEqual({ sub: 'demo' });
  });

  test('are part of an OpenID Connect request only', async () => {
    const { tokens } = await browser.signIn({ ...wanting({ userinfo: { email: null } }), scope: 'read' });
    expect(tokens.scope).toBe('read');
    expect(tokens.id_token).toBeUndefined();
  });

  test.each(['x', '[]', 'null', '{"id_token":[]}', '{"userinfo":{"email":true}}', '{"id_token":{"sub":{"value":1}}}', '{"id_token":{"sub":{"values":[null]}}}'])(
    'cannot be %s', async (text) => {
      const refused = await answer({ scope: 'openid', claims: text });
      expect(refused).toMatchObject({ error: 'invalid_request', state: 'a-state' });
      expect(refused.error_description).toContain('claims must be a JSON object');
    },
  );

  test('are kept through the sign-in page, also when it begins again', async () => {
    const user = new Browser(stack);
    const { verifier, challenge } = pkce();
    const begun = await authorize({ ...wanting({ id_token: { email: null } }), challenge }, user);
    const again = await user.request('GET', `/oauth/authorize?${new URLSearchParams({ begun: at(begun).searchParams.get('state_token') })}`);
    const signedIn = await user.submitLogin(at(again).searchParams.get('state_token'));
    const code = at(await user.request('GET', signedIn.headers.get('location'))).searchParams.get('code');
    expect(about(await (await user.redeem(code, verifier)).json())).toEqual({ email: 'demo@example.com' });
  });

  test('can be pushed, and are checked there', async () => {
    const { verifier, challenge } = pkce();
    const parameters = {
      client_id: DEMO.id, redirect_uri: browser.redirectUri, response_type: 'code', code_challenge: challenge, code_challenge_method: 'S256',
    };
    const push = (more) => post(`${stack.provider}/oauth/par`, { ...parameters, ...more });
    const refused = await push({ scope: 'openid', claims: '[]' });
    expect([refused.status, (await refused.json()).error]).toEqual([400, 'invalid_request']);
    const { request_uri: uri } = await (await push(wanting({ id_token: { name: null } }))).json();
    const response = await browser.request('GET', `/oauth/authorize?${new URLSearchParams({ client_id: DEMO.id, request_uri: uri })}`);
    const tokens = await (await browser.redeem(at(response).searchParams.get('code'), verifier)).json();
    expect(about(tokens)).toEqual({ name: 'Demo User' });
  });
});

describe('claims of a client of somebody else', () => {
  let app;
  const ask = async (asked, parameters = {}) => authorize({ ...wanting(asked), client_id: app.id, redirect_uri: app.redirectUri, ...parameters });
  async function redeem(response, verifier) {
    const code = at(response).searchParams.get('code');
    return (await browser.redeem(code, verifier, { clientId: app.id, redirectUri: app.redirectUri })).json();
  }
  beforeEach(async () => { app = await stranger(stack); });

  test('are asked about like the scope that opens them, and told if the user says yes', async () => {
    const { verifier, challenge } = pkce();
    const page = await openConsent(browser, (await ask({ userinfo: { email: null }, id_token: { name: null } }, { challenge })).headers.get('location'));
    expect(page.scopes).toEqual(['openid', 'profile', 'email']);
    const tokens = await redeem(await answerConsent(browser, page, ['email']), verifier);
    expect(tokens.scope).toBe('openid');
    expect(about(tokens)).toEqual({});
    expect(await told(tokens)).toEqual({ sub: 'demo', email: 'demo@example.com' });
    // Nobody is asked twice, and nothing else is told.
    const { verifier: second, challenge: next } = pkce();
    const again = await redeem(await ask({ userinfo: { email: null, name: null } }, { challenge: next }), second);
    expect(await told(again)).toEqual({ sub: 'demo', email: 'demo@example.com' });
  });

  test('are not told without being asked about', async () => {
    const response = await ask({ userinfo: { email: null } }, { prompt: 'none' });
    expect(at(response).searchParams.get('error')).toBe('consent_required');
  });

  test('are no more than it may have', async () => {
    await db.prepare("UPDATE clients SET scope = 'openid email' WHERE client_id = ?").bind(app.id).run();
    const page = await openConsent(browser, (await ask({ userinfo: { email: null, name: null } })).headers.get('location'));
    expect(page.scopes).toEqual(['openid', 'email']);
  });
});

describe('sub and acr', () => {
  test('only the user that is named will do', async () => {
    const named = (sub) => wanting({ id_token: { sub } });
    for (const sub of [{ value: 'demo' }, { values: ['somebody', 'demo'] }]) {
      expect((await answer({ ...named(sub), prompt: 'none' })).code).toBeTruthy();
    }
    expect((await answer({ ...named({ value: 'admin' }), prompt: 'none' })).error).toBe('login_required');
    const asked = await authorize(named({ value: 'admin' }));
    expect(at(asked).pathname).toBe('/login');
    const signIn = async (user) => {
      const signedIn = await browser.submitLogin(at(asked).searchParams.get('state_token'), user, `${user}-password`);
      return at(await browser.request('GET', signedIn.headers.get('location'))).searchParams;
    };
    expect((await signIn('demo')).get('error')).toBe('login_required');
    expect((await signIn('admin')).get('code')).toBeTruthy();
  });

  test('an essential acr is had, or the request fails with a code of its own', async () => {
    const acr = (how) => answer(wanting({ id_token: { acr: how } }));
    const unmet = await acr({ essential: true, values: ['urn:example:gold'] });
    expect(unmet).toMatchObject({ error: 'unmet_authentication_requirements', state: 'a-state' });
    for (const how of [null, { essential: true }, { values: ['urn:example:gold'] }, { essential: true, values: ['urn:example:gold', PASSWORD] }]) {
      expect((await acr(how)).code).toBeTruthy();
    }
    // acr_values is a wish (OIDC Core §3.1.2.1).
    expect((await answer({ acr_values: 'urn:example:gold' })).code).toBeTruthy();
  });

  test('auth_time may be essential, and is there anyway', async () => {
    const { tokens } = await browser.signIn({ ...wanting({ id_token: { auth_time: { essential: true } } }), max_age: '1000' });
    expect(claims(tokens.id_token).auth_time).toBeGreaterThan(0);
  });
});

describe('userinfo', () => {
  test.each(['ES256', 'RS256', 'EdDSA'])('is signed with %s for a client that wants it', async (alg) => {
    await settle({ userinfo_signed_response_alg: alg });
    const { tokens } = await browser.signIn({ scope: 'openid email' });
    const response = await userinfo(tokens.access_token);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/jwt');
    expect(response.headers.get('cache-control')).toBe('no-store');
    const jwt = await response.text();
    expect(signerOf(jwt, await keySet(stack.provider))).toMatchObject({ alg });
    expect(header(jwt).typ).toBe('userinfo+jwt');
    const said = claims(jwt);
    expect(said).toEqual({
      iss: stack.provider, aud: DEMO.id, sub: 'demo', email: 'demo@example.com', email_verified: true, iat: said.iat, exp: said.iat + 300,
    });
    // It is no ID token.
    expect(await answer({ id_token_hint: jwt })).toMatchObject({ error: 'invalid_request' });
    await settle({});
    expect((await userinfo(tokens.access_token)).headers.get('content-type')).toBe('application/json');
  });

  test('may be registered to be signed, with an algorithm that there is', async () => {
    const client = await stranger(stack, { userinfo_signed_response_alg: 'EdDSA' });
    expect(client.userinfo_signed_response_alg).toBe('EdDSA');
    await expect(stranger(stack, { userinfo_signed_response_alg: 'none' })).rejects.toThrow('invalid_client_metadata');
    const document = await (await fetch(`${stack.provider}/.well-known/openid-configuration`)).json();
    expect(document.userinfo_signing_alg_values_supported).toEqual(['ES256', 'RS256', 'EdDSA', 'Ed25519']);
    expect(document.claims_parameter_supported).toBe(true);
  });

  test('takes the token by POST, in the header or in a form (RFC 6750 §2.2)', async () => {
    const { tokens } = await browser.signIn({ scope: 'openid' });
    const ask = (form, headers) => post(`${stack.provider}/oauth/userinfo`, form, headers);
    const bearer = { authorization: `Bearer ${tokens.access_token}` };
    for (const response of [await ask({ access_token: tokens.access_token }), await ask({}, bearer)]) {
      expect([response.status, await response.json()]).toEqual([200, { sub: 'demo' }]);
    }
    const twice = await ask({ access_token: tokens.access_token }, bearer);
    expect([twice.status, (await twice.json()).error]).toEqual([400, 'invalid_request']);
    const shapeless = await ask({ access_token: 'a b' });
    expect([shapeless.status, (await shapeless.json()).error]).toEqual([400, 'invalid_request']);
    const forged = await ask({ access_token: 'a.b.c' });
    expect([forged.status, (await forged.json()).error]).toEqual([401, 'invalid_token']);
    expect((await ask({})).status).toBe(401);
    // Not in the address, where it would stay in logs.
    const inQuery = await fetch(`${stack.provider}/oauth/userinfo?${new URLSearchParams({ access_token: tokens.access_token })}`);
    expect(inQuery.status).toBe(401);
  });
});
