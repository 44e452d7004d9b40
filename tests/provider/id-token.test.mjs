// What an ID token says (OIDC Core §2), at the code and at every refresh.
import crypto from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { header, keySet, signerOf } from '../support/jws.mjs';
import { Browser, claims, pkce, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';
import { stranger } from '../support/strangers.mjs';

const PASSWORD = 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport';

let stack;
let db;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'] });
  db = await stack.database('provider');
});
afterAll(() => stack?.stop());

const settle = (settings, client = 'gatepass-demo') =>
  db.prepare('UPDATE clients SET settings = ? WHERE client_id = ?').bind(JSON.stringify(settings), client).run();
const at = (response) => new URL(response.headers.get('location'), stack.provider);
const logout = (browser, idToken) => browser.request('GET', `/oauth/logout?${new URLSearchParams({ id_token_hint: idToken })}`);

function leftHalf(text, algorithm) {
  const digest = crypto.createHash(algorithm).update(text).digest();
  return digest.subarray(0, digest.length / 2).toString('base64url');
}

/** Signs in to another client that the same user trusts. */
async function signInTo(browser, app) {
  await db.prepare('UPDATE clients SET is_first_party = 1 WHERE client_id = ?').bind(app.id).run();
  const { verifier, challenge } = pkce();
  const url = browser.authorizeUrl({ challenge, client_id: app.id, redirect_uri: app.redirectUri, scope: 'openid' });
  const code = at(await browser.request('GET', url)).searchParams.get('code');
  return (await browser.redeem(code, verifier, { clientId: app.id, redirectUri: app.redirectUri })).json();
}

describe('an ID token', () => {
  test('says who signed in, when, how surely, by what, for whom, and with which access token', async () => {
    const before = Math.floor(Date.now() / 1000);
    const { tokens } = await new Browser(stack).signIn({ nonce: 'n-1' });
    const told = claims(tokens.id_token);
    expect(told).toEqual({
      iss: stack.provider, sub: 'demo', aud: 'gatepass-demo', azp: 'gatepass-demo', nonce: 'n-1',
      iat: told.iat, exp: told.iat + 300, auth_time: told.auth_time, acr: PASSWORD, amr: ['pwd'],
      sid: expect.stringMatching(/^[\w-]{43}$/), at_hash: leftHalf(tokens.access_token, 'sha256'),
    });
    expect(told.auth_time).toBeGreaterThanOrEqual(before);
    const document = await (await fetch(`${stack.provider}/.well-known/openid-configuration`)).json();
    expect(document.acr_values_supported).toEqual([PASSWORD]);
    expect(document.claims_supported).toEqual(expect.arrayContaining(Object.keys(told)));
  });

  test.each([['ES256', 'sha256'], ['RS256', 'sha256'], ['EdDSA', 'sha512'], ['Ed25519', 'sha512']])(
    'signed with %s hashes the access token with its function', async (alg, hash) => {
      await settle({ id_token_signed_response_alg: alg });
      const browser = new Browser(stack);
      const { tokens } = await browser.signIn();
      expect(claims(tokens.id_token).at_hash).toBe(leftHalf(tokens.access_token, hash));
      await settle({});
    },
  );

  test('comes at a refresh too: of the same session and sign-in, without the nonce', async () => {
    const browser = new Browser(stack);
    const { tokens } = await browser.signIn({ nonce: 'n-2' });
    const response = await browser.refresh(tokens.refresh_token);
    expect(roundTrips(response)).toBe(1);
    const refreshed = await response.json();
    expect(signerOf(refreshed.id_token, await keySet(stack.provider))).toBeTruthy();
    expect(header(refreshed.id_token).typ).toBe('JWT');
    const [first, second] = [claims(tokens.id_token), claims(refreshed.id_token)];
    expect(second.nonce).toBeUndefined();
    expect(second.at_hash).toBe(leftHalf(refreshed.access_token, 'sha256'));
    for (const name of ['iss', 'sub', 'aud', 'azp', 'auth_time', 'acr', 'amr', 'sid']) expect(second[name]).toEqual(first[name]);
    const less = await (await browser.refresh(refreshed.refresh_token, { scope: 'read' })).json();
    expect(less.id_token).toBeUndefined();
  });

  test('calls a session by one name for one client, and by another for another', async () => {
    const browser = new Browser(stack);
    const { tokens } = await browser.signIn();
    const { tokens: again } = await browser.signIn({ prompt: 'login' });
    const { sid } = claims(tokens.id_token);
    expect(claims(again.id_token).sid).toBe(sid);
    const elsewhere = await signInTo(browser, await stranger(stack));
    expect(claims(elsewhere.id_token).sid).not.toBe(sid);
    const { tokens: other } = await new Browser(stack).signIn();
    expect(claims(other.id_token).sid).not.toBe(sid);
  });

  test('is of another session after a sign-out, and the sign-in page of another tab goes on', async () => {
    const browser = new Browser(stack);
    const { tokens } = await browser.signIn();
    const tab = await browser.openLogin(browser.authorizeUrl({ challenge: pkce().challenge, prompt: 'login' }));
    await logout(browser, tokens.id_token);
    const begun = await browser.submitLogin(tab.stateToken);
    expect(at(begun).pathname).toBe('/oauth/authorize');
    const { tokens: next } = await browser.signIn();
    expect(claims(next.id_token).sid).not.toBe(claims(tokens.id_token).sid);
  });
});

describe('default_max_age', () => {
  test('of a client holds where the request does not say', async () => {
    const browser = new Browser(stack);
    await browser.signIn();
    const authorize = (parameters) => browser.request('GET', browser.authorizeUrl({ challenge: pkce().challenge, prompt: 'none', ...parameters }));
    expect(at(await authorize()).searchParams.get('code')).toBeTruthy();
    await settle({ default_max_age: 0 });
    expect(at(await authorize()).searchParams.get('error')).toBe('login_required');
    expect(at(await authorize({ max_age: '1000' })).searchParams.get('code')).toBeTruthy();
    await settle({});
  });

  test('can be registered, as a number of seconds', async () => {
    const register = (metadata) => fetch(`${stack.provider}/oauth/register`, {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: ['https://app.example/cb'], ...metadata }),
    });
    expect(await (await register({ default_max_age: 60 })).json()).toMatchObject({ default_max_age: 60 });
    const refused = await register({ default_max_age: -1 });
    expect([refused.status, (await refused.json()).error]).toEqual([400, 'invalid_client_metadata']);
  });
});
