// The sign-in walk: authorize, sign-in page, callback, code (OAuth 2.1 §4.1, RFC 9207).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, claims, pkce, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

let stack;
beforeAll(async () => { stack = await startStack({ only: ['provider'] }); });
afterAll(() => stack?.stop());

describe('the walk', () => {
  test('ends with tokens, and a live sign-in shortens it', async () => {
    const browser = new Browser(stack);
    const { response, tokens } = await browser.signIn({ nonce: 'a-nonce' });
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 300 });
    expect(tokens.scope.split(' ').sort()).toEqual(['email', 'offline_access', 'openid', 'profile', 'read', 'write']);
    expect(claims(tokens.access_token)).toMatchObject({ iss: stack.provider, sub: 'demo', client_id: 'gatepass-demo' });
    expect(claims(tokens.id_token)).toMatchObject({ iss: stack.provider, aud: 'gatepass-demo', nonce: 'a-nonce', amr: ['pwd'] });
    const refresh = claims(tokens.refresh_token);
    expect(Object.keys(refresh).sort()).toEqual(['aud', 'exp', 'iat', 'iss', 'jti']);

    const { challenge } = pkce();
    const again = await browser.request('GET', browser.authorizeUrl({ challenge }));
    const back = new URL(again.headers.get('location'));
    expect(back.origin + back.pathname).toBe(browser.redirectUri);
    expect(back.searchParams.get('state')).toBe('a-state');
    expect(back.searchParams.get('iss')).toBe(stack.provider);
    expect(roundTrips(again)).toBe(2);
  });

  test('redeems a code in two round trips', async () => {
    const browser = new Browser(stack);
    await browser.signIn();
    const { response } = await browser.signIn();
    expect(roundTrips(response)).toBe(2);
  });

  test('works on the short paths', async () => {
    const browser = new Browser(stack);
    await browser.signIn();
    const { challenge, verifier } = pkce();
    const url = browser.authorizeUrl({ challenge }).replace('/oauth/authorize', '/authorize');
    const code = new URL((await browser.request('GET', url)).headers.get('location')).searchParams.get('code');
    const form = { grant_type: 'authorization_code', client_id: 'gatepass-demo', code, code_verifier: verifier };
    const token = await browser.request('POST', '/token', { form });
    expect(token.status).toBe(200);
    const { refresh_token: refreshToken } = await token.json();
    const refreshed = await browser.request('POST', '/refresh', { form: { client_id: 'gatepass-demo', refresh_token: refreshToken } });
    expect(refreshed.status).toBe(200);
  });

  test('takes a request by POST', async () => {
    const browser = new Browser(stack);
    await browser.signIn();
    const query = browser.authorizeUrl({ challenge: pkce().challenge }).split('?')[1];
    const response = await browser.request('POST', '/oauth/authorize', { form: query });
    expect(new URL(response.headers.get('location')).searchParams.get('code')).toBeTruthy();
  });
});

describe('the sign-in page', () => {
  test('names the client and runs no script', async () => {
    const browser = new Browser(stack);
    const { login, html } = await browser.openLogin(browser.authorizeUrl({ challenge: pkce().challenge }));
    expect(html).toContain('Gatepass demo');
    expect(html).not.toContain('<script');
    const policy = login.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`form-action 'self' ${stack.gateway}`);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(login.headers.get('x-frame-options')).toBe('DENY');
    expect(login.headers.get('cache-control')).toBe('no-store');
  });

  test('says the same of a wrong password and an unknown user', async () => {
    const browser = new Browser(stack);
    const { stateToken } = await browser.openLogin(browser.authorizeUrl({ challenge: pkce().challenge }));
    const pages = [];
    for (const [name, password] of [['demo', 'wrong'], ['nobody', 'wrong'], ['demo', 'x'.repeat(2000)]]) {
      const response = await browser.submitLogin(stateToken, name, password);
      expect(response.status).toBe(400);
      pages.push((await response.text()).replace(/value="[^"]*"/g, ''));
    }
    expect(pages[0]).toContain('do not match');
    expect(new Set(pages).size).toBe(1);
  });

  test('keeps what was typed, escaped', async () => {
    const browser = new Browser(stack);
    const { stateToken } = await browser.openLogin(browser.authorizeUrl({ challenge: pkce().challenge }));
    const html = await (await browser.submitLogin(stateToken, '"><script>alert(1)</script>', 'x')).text();
    expect(html).toContain('&quot;&gt;&lt;script&gt;');
    expect(html).not.toContain('<script>');
  });

  test('a binding that this provider never made is replaced', async () => {
    const browser = new Browser(stack);
    const url = browser.authorizeUrl({ challenge: pkce().challenge });
    const { headers } = await browser.request('GET', url, { headers: { cookie: 'gatepass_binding=planted' } });
    expect(headers.getSetCookie()[0]).toMatch(/^gatepass_binding=[\w-]{43};/);
  });

  test('a POST from another site is asked again as a GET, which has the cookies', async () => {
    const browser = new Browser(stack);
    const url = browser.authorizeUrl({ challenge: pkce().challenge, prompt: 'none' });
    const [, query] = url.split('?');
    const response = await browser.request('POST', '/oauth/authorize', {
      form: query, headers: { 'sec-fetch-site': 'cross-site' },
    });
    expect(response.status).toBe(303);
    expect(response.headers.getSetCookie()).toEqual([]);
    const location = new URL(response.headers.get('location'), stack.provider);
    expect(location.pathname).toBe('/oauth/authorize');
    expect(Object.fromEntries(location.searchParams)).toEqual(Object.fromEntries(new URLSearchParams(query)));
  });

  test('sets cookies that scripts cannot read, and a new one at each sign-in', async () => {
    const browser = new Browser(stack);
    const url = browser.authorizeUrl({ challenge: pkce().challenge });
    const { authorize, stateToken } = await browser.openLogin(url);
    expect(authorize.headers.getSetCookie()[0]).toMatch(/^gatepass_binding=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
    const first = await browser.submitLogin(stateToken);
    expect(first.headers.getSetCookie()[0]).toMatch(/^gatepass_sign_in=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+$/);
    const before = browser.cookie('gatepass_sign_in');
    await browser.submitLogin(stateToken);
    expect(browser.cookie('gatepass_sign_in')).not.toBe(before);
  });
});

describe('the state token', () => {
  test('works only in the browser that it was made for', async () => {
    const attacker = new Browser(stack);
    const { stateToken } = await attacker.openLogin(attacker.authorizeUrl({ challenge: pkce().challenge }));
    const victim = new Browser(stack);
    await victim.openLogin(victim.authorizeUrl({ challenge: pkce().challenge }));
    for (const request of [
      (browser) => browser.request('GET', `/login?state_token=${stateToken}`),
      (browser) => browser.submitLogin(stateToken),
      (browser) => browser.request('GET', `/oauth/callback?state_token=${stateToken}`),
    ]) {
      // It begins again, with a state token of this browser's own.
      const again = await request(victim);
      expect(again.status).toBe(303);
      expect(again.headers.get('location')).toMatch(/^\/oauth\/authorize\?begun=/);
      expect(again.headers.getSetCookie()).toEqual([]);
      // A browser that keeps no cookies would begin again for ever.
      const refused = await request(new Browser(stack));
      expect(refused.status).toBe(400);
      expect(await refused.text()).toContain('another browser');
    }
  });

  test('of a tab whose cookie another tab has replaced begins again, and comes to its end', async () => {
    const browser = new Browser(stack);
    const { challenge, verifier } = pkce();
    const url = browser.authorizeUrl({ challenge });
    const first = await fetch(new URL(url, stack.provider), { redirect: 'manual' });
    await browser.openLogin(browser.authorizeUrl({ challenge: pkce().challenge }));
    const again = await browser.request('GET', first.headers.get('location'));
    const { stateToken } = await browser.openLogin(again.headers.get('location'));
    const signedIn = await browser.submitLogin(stateToken);
    const back = await browser.request('GET', signedIn.headers.get('location'));
    const code = new URL(back.headers.get('location')).searchParams.get('code');
    expect((await browser.redeem(code, verifier)).status).toBe(200);
  });

  test('is refused when it is changed, or none at all', async () => {
    const browser = new Browser(stack);
    const { stateToken } = await browser.openLogin(browser.authorizeUrl({ challenge: pkce().challenge }));
    const changed = `${stateToken.slice(0, -2)}${stateToken.endsWith('AA') ? 'BB' : 'AA'}`;
    for (const token of [changed, '', 'x', stateToken.split('.').slice(0, 2).join('.'), `${stateToken}.x`]) {
      const response = await browser.request('GET', `/oauth/callback?state_token=${token}`);
      expect(response.status).toBe(400);
      expect(await response.text()).toContain('begin again');
    }
  });

  test('does not sign in by itself', async () => {
    const browser = new Browser(stack);
    const { stateToken } = await browser.openLogin(browser.authorizeUrl({ challenge: pkce().challenge }));
    const response = await browser.request('GET', `/oauth/callback?state_token=${stateToken}`);
    expect(response.headers.get('location')).toMatch(/^\/login\?state_token=/);
  });
});

describe('prompt (OIDC Core §3.1.2.1)', () => {
  test('none: an error instead of a page', async () => {
    const browser = new Browser(stack);
    const response = await browser.request('GET', browser.authorizeUrl({ challenge: pkce().challenge, prompt: 'none' }));
    const back = new URL(response.headers.get('location'));
    expect(Object.fromEntries(back.searchParams)).toMatchObject({ error: 'login_required', state: 'a-state', iss: stack.provider });
    await browser.signIn();
    const again = await browser.request('GET', browser.authorizeUrl({ challenge: pkce().challenge, prompt: 'none' }));
    expect(new URL(again.headers.get('location')).searchParams.get('code')).toBeTruthy();
  });

  test('login: the page, though somebody is signed in, and no way around it', async () => {
    const browser = new Browser(stack);
    await browser.signIn();
    const response = await browser.request('GET', browser.authorizeUrl({ challenge: pkce().challenge, prompt: 'login' }));
    expect(response.headers.get('location')).toMatch(/^\/login\?state_token=/);
    // Not even for a sign-in of the same second.
    const location = response.headers.get('location').replace('/login', '/oauth/callback');
    const around = await browser.request('GET', location);
    expect(around.headers.get('location')).toMatch(/^\/login\?state_token=/);
  });
});

describe('requests that cannot be answered to the client are shown', () => {
  const wrong = {
    'no client': { client_id: '' },
    'an unknown client': { client_id: 'nobody' },
    'a client of control characters': { client_id: 'a\u0000b' },
    'an unregistered redirect URI': { redirect_uri: 'https://evil.example/callback' },
    'a redirect URI with something after it': { redirect_uri: 'REDIRECT/x' },
    'a redirect URI with a fragment': { redirect_uri: 'REDIRECT#x' },
    'a redirect URI that runs code': { redirect_uri: 'javascript:alert(1)' },
  };
  test.each(Object.entries(wrong))('%s', async (_, parameters) => {
    const browser = new Browser(stack);
    if (parameters.redirect_uri) parameters = { redirect_uri: parameters.redirect_uri.replace('REDIRECT', browser.redirectUri) };
    const response = await browser.request('GET', browser.authorizeUrl({ challenge: pkce().challenge, ...parameters }));
    expect(response.status).toBe(400);
    expect(response.headers.get('location')).toBeNull();
    const html = await response.text();
    expect(html).toContain('cannot begin');
    expect(html).not.toContain('javascript:');
  });

  test('a repeated parameter', async () => {
    const browser = new Browser(stack);
    const url = `${browser.authorizeUrl({ challenge: pkce().challenge })}&state=another`;
    const response = await browser.request('GET', url);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('state must not be repeated');
  });
});

describe('requests that can be answered to the client are', () => {
  const wrong = {
    'no challenge': [{ code_challenge: '' }, 'invalid_request', 'code_challenge is required'],
    'plain': [{ code_challenge_method: 'plain' }, 'invalid_request', 'S256'],
    'no method': [{ code_challenge_method: '' }, 'invalid_request', 'S256'],
    'a challenge that is none': [{ code_challenge: 'short' }, 'invalid_request', '43 characters'],
    'another response type': [{ response_type: 'id_token' }, 'unsupported_response_type', 'code'],
    'another response mode': [{ response_mode: 'jwt' }, 'invalid_request', 'response_mode'],
    'more scope than allowed': [{ scope: 'openid admin' }, 'invalid_scope', 'scope'],
    'a malformed scope': [{ scope: 'a"b' }, 'invalid_scope', 'scope'],
    'an unknown resource': [{ resource: 'https://other.example' }, 'invalid_target', 'resource'],
    'an unknown prompt': [{ prompt: 'maybe' }, 'invalid_request', 'prompt'],
    'an endless state': [{ state: 'x'.repeat(3000) }, 'invalid_request', 'state'],
  };
  test.each(Object.entries(wrong))('%s', async (_, [parameters, error, description]) => {
    const browser = new Browser(stack);
    const response = await browser.request('GET', browser.authorizeUrl({ challenge: pkce().challenge, ...parameters }));
    expect(response.status).toBe(303);
    const back = new URL(response.headers.get('location'));
    expect(back.origin + back.pathname).toBe(browser.redirectUri);
    expect(back.searchParams.get('error')).toBe(error);
    expect(back.searchParams.get('error_description')).toContain(description);
    expect(back.searchParams.get('iss')).toBe(stack.provider);
    expect(back.searchParams.get('code')).toBeNull();
  });
});

describe('a native client', () => {
  test('may use any port of its loopback address (RFC 8252 §7.3)', async () => {
    const browser = new Browser(stack);
    await browser.signIn();
    const parameters = (redirectUri) => ({ client_id: 'gatepass-cli', redirect_uri: redirectUri, challenge: pkce().challenge });
    const ok = await browser.request('GET', browser.authorizeUrl(parameters('http://127.0.0.1:49152/callback')));
    expect(ok.headers.get('location')).toMatch(/^http:\/\/127\.0\.0\.1:49152\/callback\?code=/);
    const other = await browser.request('GET', browser.authorizeUrl(parameters('http://localhost:49152/callback')));
    expect(other.status).toBe(400);
  });
});
