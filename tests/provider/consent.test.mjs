// The consent page for clients of somebody else (OIDC Core §3.1.2.4).
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Browser, claims, pkce, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';
import { answerConsent, openConsent, readConsent, stranger } from '../support/strangers.mjs';

const SCOPE = 'openid email offline_access read write';
const ALL = SCOPE.split(' ');
const ORDERED = ['openid', 'email', 'read', 'write', 'offline_access'];

let stack;
let app;
let browser;
beforeAll(async () => { stack = await startStack({ only: ['provider'] }); });
afterAll(() => stack?.stop());
// A client that nobody has been asked about.
beforeEach(async () => {
  app = await stranger(stack);
  browser = new Browser(stack);
  await browser.signIn();
});

const url = (parameters = {}) => browser.authorizeUrl({
  client_id: app.id, redirect_uri: app.redirectUri, scope: SCOPE, challenge: pkce().challenge, ...parameters,
});
const authorize = (parameters) => browser.request('GET', url(parameters));
const ask = async (parameters) => openConsent(browser, (await authorize(parameters)).headers.get('location'));
const at = (response) => new URL(response.headers.get('location'), stack.provider);

/** Agrees on the consent page and redeems the code. */
async function agree(allowed = ALL, parameters = {}) {
  const { verifier, challenge } = pkce();
  const page = await ask({ challenge, ...parameters });
  const back = at(await answerConsent(browser, page, allowed)).searchParams;
  const response = await browser.redeem(back.get('code'), verifier, { redirectUri: app.redirectUri, clientId: app.id });
  return response.json();
}

describe('a client of somebody else', () => {
  test('gets what the user allows, and the user is asked once', async () => {
    const first = await authorize();
    expect(at(first).pathname).toBe('/consent');
    expect(roundTrips(first)).toBe(1);
    const { response, html, ...page } = await openConsent(browser, first.headers.get('location'));
    expect(response.status).toBe(200);
    expect(roundTrips(response)).toBe(1);
    expect(html).toContain('Notes');
    expect(html).toContain('notes.example');
    expect(page).toMatchObject({ scopes: ORDERED, ticked: ORDERED, fixed: ['openid'] });
    const answer = await answerConsent(browser, page, ALL);
    expect(roundTrips(answer)).toBe(2);
    const back = at(answer);
    expect(back.origin + back.pathname).toBe(app.redirectUri);
    expect(Object.fromEntries(back.searchParams)).toMatchObject({ state: 'a-state', iss: stack.provider });
    expect(back.searchParams.get('code')).toBeTruthy();

    const again = await authorize();
    expect(at(again).searchParams.get('code')).toBeTruthy();
    expect(roundTrips(again)).toBe(2);
    const silent = await authorize({ prompt: 'none', scope: 'openid read' });
    expect(at(silent).searchParams.get('code')).toBeTruthy();
  });

  test('gets less if the user allows less, now and at every refresh, and is told so', async () => {
    const tokens = await agree(['read', 'offline_access']);
    expect(tokens.scope).toBe('offline_access openid read');
    expect(claims(tokens.access_token).scope).toBe('offline_access openid read');
    const userinfo = await fetch(`${stack.provider}/oauth/userinfo`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    expect(await userinfo.json()).toEqual({ sub: 'demo' });
    const more = await browser.refresh(tokens.refresh_token, { client_id: app.id, scope: 'read write' });
    expect(await more.json()).toMatchObject({ error: 'invalid_scope' });
    const refreshed = await (await browser.refresh(tokens.refresh_token, { client_id: app.id })).json();
    expect(refreshed.scope).toBe('offline_access openid read');
    // What was declined is not asked again, and not given either.
    const again = at(await authorize());
    expect(again.searchParams.get('code')).toBeTruthy();
    const silent = at(await authorize({ prompt: 'none', scope: 'openid write' }));
    expect(silent.searchParams.get('code')).toBeTruthy();
    const nothing = at(await authorize({ prompt: 'none', scope: 'write' }));
    expect(nothing.searchParams.get('error')).toBe('consent_required');
  });

  test('gets a refresh token unless the user declines access while away', async () => {
    expect(await agree(['read'])).not.toHaveProperty('refresh_token');
    // Nor if it does not ask for it the next time.
    expect(await agree(['read'], { scope: 'openid read', prompt: 'consent' })).not.toHaveProperty('refresh_token');
    expect(await agree(['read', 'offline_access'], { scope: 'openid read offline_access', prompt: 'consent' }))
      .toHaveProperty('refresh_token');
  });

  test('that asks for something new has the user asked again, about all of it', async () => {
    await agree(['read'], { scope: 'openid read write' });
    const silent = at(await authorize({ scope: 'openid read email', prompt: 'none' }));
    expect(silent.searchParams.get('error')).toBe('consent_required');
    const page = await ask({ scope: 'openid read write email' });
    expect(page.scopes).toEqual(['openid', 'email', 'read', 'write']);
    // What was declined is not ticked.
    expect(page.ticked).toEqual(['openid', 'email', 'read']);
  });

  test('can have the user asked again', async () => {
    await agree();
    const page = await ask({ prompt: 'consent' });
    await answerConsent(browser, page, ['read']);
    expect((await ask({ prompt: 'consent' })).ticked).toEqual(['openid', 'read']);
    // The demo page is first-party: asked only if it wants to.
    const demo = await browser.request('GET', browser.authorizeUrl({ challenge: pkce().challenge, prompt: 'consent' }));
    expect(at(demo).pathname).toBe('/consent');
  });

  test('is told that the user declined, and may ask again', async () => {
    const page = await ask();
    const back = at(await answerConsent(browser, page, ALL, { decision: 'deny' }));
    expect(back.origin + back.pathname).toBe(app.redirectUri);
    expect(Object.fromEntries(back.searchParams)).toEqual({
      error: 'access_denied', error_description: 'the user did not agree', state: 'a-state', iss: stack.provider,
    });
    expect(at(await authorize()).pathname).toBe('/consent');
  });

  test('gets nothing without the user\'s consent', async () => {
    const silent = at(await authorize({ prompt: 'none' }));
    expect(Object.fromEntries(silent.searchParams)).toMatchObject({ error: 'consent_required', state: 'a-state' });
    expect(silent.searchParams.get('code')).toBeNull();
  });

  test('has the user sign in first, then asks', async () => {
    const other = new Browser(stack);
    const { stateToken } = await other.openLogin(url());
    const signedIn = await other.submitLogin(stateToken);
    const callback = await other.request('GET', signedIn.headers.get('location'));
    expect(at(callback).pathname).toBe('/consent');
    const page = await openConsent(other, callback.headers.get('location'));
    expect(at(await answerConsent(other, page, ['read'])).searchParams.get('code')).toBeTruthy();
  });
});

describe('the consent page', () => {
  test('runs no script and may be framed by nobody', async () => {
    const { response, html } = await ask();
    expect(html).not.toContain('<script');
    const policy = response.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("form-action 'self' https://notes.example;");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  test('says each scope in words, and shows what a client calls itself as text', async () => {
    const db = await stack.database('provider');
    app = await stranger(stack, { client_name: '<b>"Notes"</b>' });
    await db.prepare("UPDATE clients SET scope = scope || ' files.all' WHERE client_id = ?").bind(app.id).run();
    const { html } = await ask({ scope: 'openid email files.all' });
    expect(html).toContain('&lt;b&gt;&quot;Notes&quot;&lt;/b&gt;');
    expect(html).not.toContain('<b>');
    expect(html).toContain('See your e-mail address');
    expect(html).toContain('files.all');
  });

  test('asks again when the answer is none, and keeps what was ticked', async () => {
    const page = await ask({ scope: 'openid read write' });
    const undecided = await answerConsent(browser, page, ['read'], { decision: 'perhaps' });
    expect(undecided.status).toBe(400);
    const shown = readConsent(await undecided.text());
    expect(shown.html).toContain('Choose Allow or Deny.');
    expect(shown.ticked).toEqual(['openid', 'read']);
    const bare = await ask({ scope: 'read write' });
    const nothing = await answerConsent(browser, bare, []);
    expect(nothing.status).toBe(400);
    expect(await nothing.text()).toContain('Choose at least one');
  });

  test('allows nothing that was not asked for', async () => {
    const { verifier, challenge } = pkce();
    const page = await ask({ challenge, scope: 'openid read' });
    const back = at(await answerConsent(browser, page, ['read', 'write', 'email'])).searchParams;
    const response = await browser.redeem(back.get('code'), verifier, { redirectUri: app.redirectUri, clientId: app.id });
    expect((await response.json()).scope).toBe('openid read');
  });

  test('is answered by nobody but the page itself', async () => {
    const page = await ask();
    for (const site of ['cross-site', 'same-site', 'none']) {
      const response = await answerConsent(browser, page, ALL, { headers: { 'sec-fetch-site': site } });
      expect(response.status).toBe(200);
      expect(readConsent(await response.text()).stateToken).toBe(page.stateToken);
    }
    expect(at(await authorize()).pathname).toBe('/consent');
    const own = await answerConsent(browser, page, ALL, { headers: { 'sec-fetch-site': 'same-origin' } });
    expect(at(own).searchParams.get('code')).toBeTruthy();
  });

  test('counts only in the browser that it was shown in', async () => {
    const page = await ask();
    const stranger = await answerConsent(new Browser(stack), page, ALL);
    expect(stranger.status).toBe(400);
    const other = new Browser(stack);
    await other.signIn();
    const again = await answerConsent(other, page, ALL);
    expect(at(again).pathname).toBe('/oauth/authorize');
    expect(at(await authorize()).pathname).toBe('/consent');
  });

  test('counts only for the user that it was shown to', async () => {
    const page = await ask();
    const { stateToken } = await browser.openLogin(browser.authorizeUrl({ challenge: pkce().challenge, prompt: 'login' }));
    await browser.submitLogin(stateToken, 'admin', 'admin-password');
    for (const moved of [await answerConsent(browser, page, ALL), await browser.request('GET', `/consent?state_token=${page.stateToken}`)]) {
      expect(at(moved).pathname).toBe('/oauth/callback');
      // The other user is asked themselves.
      const callback = await browser.request('GET', moved.headers.get('location'));
      const asked = await openConsent(browser, callback.headers.get('location'));
      expect(asked.html).toContain('admin');
      expect(asked.stateToken).not.toBe(page.stateToken);
    }
    const db = await stack.database('provider');
    expect(await db.prepare('SELECT count(*) AS n FROM consents WHERE client_id = ?').bind(app.id).first('n')).toBe(0);
  });

  test('cannot be answered with the state token of the sign-in page', async () => {
    const { stateToken } = await browser.openLogin(url({ prompt: 'login' }));
    const answer = await answerConsent(browser, { stateToken }, ALL);
    expect(at(answer).pathname).toBe('/oauth/callback');
    const callback = await browser.request('GET', answer.headers.get('location'));
    expect(at(callback).pathname).toBe('/login');
  });

  test('leads nowhere once the browser is signed out', async () => {
    const page = await ask();
    await browser.request('POST', '/oauth/logout', { form: {} });
    const answer = await answerConsent(browser, page, ALL);
    // The browser is another one since, so the request begins again.
    expect(at(answer).pathname).toBe('/oauth/authorize');
    const begun = await browser.request('GET', answer.headers.get('location'));
    expect(at(begun).pathname).toBe('/login');
  });

  test('leads nowhere once the client is gone, or has changed', async () => {
    const page = await ask();
    const db = await stack.database('provider');
    await db.prepare("UPDATE clients SET redirect_uris = 'https://notes.example/other' WHERE client_id = ?").bind(app.id).run();
    for (const ended of [null, 1]) {
      await db.prepare('UPDATE clients SET ended_at = ? WHERE client_id = ?').bind(ended, app.id).run();
      const answer = await answerConsent(browser, page, ALL);
      expect(answer.status).toBe(400);
      expect(await answer.text()).toContain('no longer registered');
    }
  });

  test.each(['', 'x', 'a.b.c'])('does not open with the state token %j', async (stateToken) => {
    for (const response of [
      await browser.request('GET', `/consent?state_token=${stateToken}`),
      await answerConsent(browser, { stateToken }, ALL),
    ]) {
      expect(response.status).toBe(400);
      expect(await response.text()).toContain('begin again');
    }
  });
});
