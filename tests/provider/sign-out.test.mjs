// RP-initiated logout (OIDC RP-Initiated Logout 1.0).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, pkce } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

let stack;
beforeAll(async () => { stack = await startStack({ only: ['provider'] }); });
afterAll(() => stack?.stop());

const logoutUrl = (parameters) => `/oauth/logout?${new URLSearchParams(parameters)}`;

async function isSignedOut(browser, tokens) {
  const response = await browser.refresh(tokens.refresh_token);
  return response.status === 400 && (await response.json()).gatepass_reason === 'signed_out';
}

describe('signing out', () => {
  test('with an ID token ends this browser\'s grants and no other\'s, and returns to the client', async () => {
    const here = new Browser(stack);
    const elsewhere = new Browser(stack);
    const { tokens } = await here.signIn();
    const other = await elsewhere.signIn();
    const response = await here.request('GET', logoutUrl({
      id_token_hint: tokens.id_token, post_logout_redirect_uri: `${stack.gateway}/`, state: 'bye',
    }));
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toBe(`${stack.gateway}/?state=bye`);
    expect(here.cookie('gatepass_sign_in')).toBeUndefined();
    expect(await isSignedOut(here, tokens)).toBe(true);
    expect((await elsewhere.refresh(other.tokens.refresh_token)).status).toBe(200);
  });

  test('without one asks first: a link elsewhere signs nobody out', async () => {
    const browser = new Browser(stack);
    const { tokens } = await browser.signIn();
    const parameters = { client_id: 'gatepass-demo', post_logout_redirect_uri: `${stack.gateway}/` };
    const question = await browser.request('GET', logoutUrl(parameters));
    expect(question.status).toBe(200);
    expect(await question.text()).toContain('Sign out?');
    const refreshed = await browser.refresh(tokens.refresh_token);
    expect(refreshed.status).toBe(200);
    const answer = await browser.request('POST', '/oauth/logout', { form: parameters });
    expect(answer.headers.get('location')).toBe(`${stack.gateway}/`);
    expect(await isSignedOut(browser, await refreshed.json())).toBe(true);
  });

  test('with another user\'s ID token asks first', async () => {
    const attacker = new Browser(stack);
    await attacker.openLogin(attacker.authorizeUrl({ challenge: 'A'.repeat(43) }));
    const { stateToken } = await attacker.openLogin(attacker.authorizeUrl({ challenge: 'A'.repeat(43) }));
    await attacker.submitLogin(stateToken, 'admin', 'admin-password');
    const { tokens: foreign } = await attacker.signIn();
    const victim = new Browser(stack);
    const { tokens } = await victim.signIn();
    const response = await victim.request('GET', logoutUrl({ id_token_hint: foreign.id_token }));
    const question = await response.text();
    expect(question).toContain('Sign out?');
    // The answer goes on for the client that the ID token names.
    expect(question).toContain('name="client_id" value="gatepass-demo"');
    expect((await victim.refresh(tokens.refresh_token)).status).toBe(200);
  });

  test('returns nowhere that the client has not registered', async () => {
    const browser = new Browser(stack);
    const { tokens } = await browser.signIn();
    const response = await browser.request('GET', logoutUrl({
      id_token_hint: tokens.id_token, post_logout_redirect_uri: 'https://evil.example/',
    }));
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('You are signed out');
  });

  test('ends what came of an earlier sign-in in the same browser, too', async () => {
    const browser = new Browser(stack);
    const { tokens: before } = await browser.signIn();
    const earlier = browser.cookie('gatepass_sign_in');
    const { stateToken } = await browser.openLogin(browser.authorizeUrl({ challenge: pkce().challenge, prompt: 'login' }));
    await browser.submitLogin(stateToken);
    const { tokens } = await browser.signIn();
    await browser.request('GET', logoutUrl({ id_token_hint: tokens.id_token }));
    expect(await isSignedOut(browser, before)).toBe(true);
    expect(await isSignedOut(browser, tokens)).toBe(true);
    // The cookie of before is worth nothing either.
    const url = browser.authorizeUrl({ challenge: pkce().challenge });
    const response = await browser.request('GET', url, { headers: { cookie: `gatepass_sign_in=${earlier}` } });
    expect(response.headers.get('location')).toMatch(/^\/login/);
  });

  test('ends all of this browser after a double submit of the sign-in page', async () => {
    const browser = new Browser(stack);
    const { tokens: before } = await browser.signIn();
    const { stateToken } = await browser.openLogin(browser.authorizeUrl({ challenge: pkce().challenge, prompt: 'login' }));
    await Promise.all([browser.submitLogin(stateToken), browser.submitLogin(stateToken)]);
    const { tokens } = await browser.signIn();
    await browser.request('GET', logoutUrl({ id_token_hint: tokens.id_token }));
    expect(await isSignedOut(browser, before)).toBe(true);
    expect(await isSignedOut(browser, tokens)).toBe(true);
  });

  test('is not done by a form on another page, and that page cannot take the cookie away', async () => {
    const browser = new Browser(stack);
    const { tokens } = await browser.signIn();
    // As Chromium sends a form of another site: without the cookie. And of a sibling: with it.
    const withoutCookie = await fetch(`${stack.provider}/oauth/logout`, {
      method: 'POST', redirect: 'manual', body: new URLSearchParams({ state: 'x' }), headers: { 'sec-fetch-site': 'cross-site' },
    });
    const ofSibling = await browser.request('POST', '/oauth/logout', { form: { state: 'x' }, headers: { 'sec-fetch-site': 'same-site' } });
    for (const response of [withoutCookie, ofSibling]) {
      expect(response.status).toBe(303);
      expect(response.headers.get('location')).toBe('/oauth/logout?state=x');
      expect(response.headers.getSetCookie()).toEqual([]);
    }
    expect((await browser.refresh(tokens.refresh_token)).status).toBe(200);
  });

  test('makes a code on its way worthless', async () => {
    const browser = new Browser(stack);
    const { tokens } = await browser.signIn();
    const { verifier, challenge } = pkce();
    const code = (await browser.authorize({ challenge })).get('code');
    await browser.request('GET', logoutUrl({ id_token_hint: tokens.id_token }));
    expect((await browser.redeem(code, verifier)).status).toBe(400);
  });

  test('of nobody is fine', async () => {
    const response = await new Browser(stack).request('GET', '/oauth/logout');
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('You are signed out');
  });
});
