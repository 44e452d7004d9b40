// What a client may ask of the sign-in itself (OIDC Core §3.1.2.1): prompt, max_age, hints.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, claims, pkce, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

let stack;
beforeAll(async () => { stack = await startStack({ only: ['provider'] }); });
afterAll(() => stack?.stop());

const at = (response) => new URL(response.headers.get('location'), stack.provider);
const authorize = (browser, parameters) => browser.request('GET', browser.authorizeUrl({ challenge: pkce().challenge, ...parameters }));
const signIn = async (browser, location, user = 'demo') => {
  const stateToken = new URL(location, stack.provider).searchParams.get('state_token');
  const signedIn = await browser.submitLogin(stateToken, user, `${user}-password`);
  return browser.request('GET', signedIn.headers.get('location'));
};

async function signedIn(user = 'demo') {
  const browser = new Browser(stack);
  await signIn(browser, (await authorize(browser)).headers.get('location'), user);
  return browser;
}

/** Makes the sign-ins of a browser this old. */
async function age(browser, seconds) {
  const db = await stack.database('provider');
  const cookie = browser.cookie('gatepass_sign_in');
  const id = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(cookie))).toString('base64url');
  await db.prepare('UPDATE sign_ins SET auth_time = auth_time - ? WHERE sign_in_id = ?').bind(seconds, id).run();
}

describe('prompt', () => {
  test.each([
    [{ prompt: 'login' }], [{ prompt: 'login consent' }], [{ max_age: '0' }], [{ prompt: 'login', max_age: '1000' }],
  ])('%j cannot be gone around, and the sign-in made for it counts in the same second', async (parameters) => {
    const browser = await signedIn();
    const asked = await authorize(browser, parameters);
    expect(at(asked).pathname).toBe('/login');
    const around = await browser.request('GET', asked.headers.get('location').replace('/login', '/oauth/callback'));
    expect(at(around).pathname).toBe('/login');
    // Going on without a password is for select_account only.
    const stateToken = at(asked).searchParams.get('state_token');
    const form = { state_token: stateToken, continue: '1' };
    const without = await browser.request('POST', '/login', { form });
    expect(at(without).pathname).toBe('/login');
    const back = await signIn(browser, asked.headers.get('location'));
    if (parameters.prompt?.includes('consent')) expect(at(back).pathname).toBe('/consent');
    else expect(at(back).searchParams.get('code')).toBeTruthy();
  });

  test('none is a word of its own', async () => {
    const browser = await signedIn();
    for (const prompt of ['none login', 'consent none', 'maybe', 'login  consent']) {
      const back = at(await authorize(browser, { prompt })).searchParams;
      expect([prompt, back.get('error')]).toEqual([prompt, 'invalid_request']);
    }
  });

  test('select_account shows who is signed in, and lets them go on or be somebody else', async () => {
    const browser = await signedIn();
    const asked = await authorize(browser, { prompt: 'select_account' });
    expect(at(asked).pathname).toBe('/login');
    const page = await browser.request('GET', asked.headers.get('location'));
    expect(roundTrips(page)).toBe(1);
    expect(await page.text()).toContain('Continue as demo');
    const stateToken = at(asked).searchParams.get('state_token');
    const proceed = (headers = {}) => browser.request('POST', '/login', { form: { state_token: stateToken, continue: '1' }, headers });
    // Another site cannot choose for them.
    expect((await proceed({ 'sec-fetch-site': 'cross-site' })).status).toBe(400);
    const chosen = await proceed();
    expect(at(await browser.request('GET', chosen.headers.get('location'))).searchParams.get('code')).toBeTruthy();
    // The page itself was not an answer.
    const around = await browser.request('GET', asked.headers.get('location').replace('/login', '/oauth/callback'));
    expect(at(around).pathname).toBe('/login');
    const other = await signIn(browser, asked.headers.get('location'), 'admin');
    expect(at(other).searchParams.get('code')).toBeTruthy();
  });

  test('select_account of nobody is the sign-in page', async () => {
    const browser = new Browser(stack);
    const { html } = await browser.openLogin(browser.authorizeUrl({ challenge: pkce().challenge, prompt: 'select_account' }));
    expect(html).not.toContain('Continue as');
    const silent = at(await authorize(browser, { prompt: 'none' }));
    expect(silent.searchParams.get('error')).toBe('login_required');
  });
});

describe('max_age', () => {
  test('lets a young sign-in pass and an old one not', async () => {
    const browser = await signedIn();
    await age(browser, 100);
    expect(at(await authorize(browser, { max_age: '3600' })).searchParams.get('code')).toBeTruthy();
    const silent = at(await authorize(browser, { max_age: '99', prompt: 'none' }));
    expect(silent.searchParams.get('error')).toBe('login_required');
    const asked = await authorize(browser, { max_age: '99' });
    expect(at(asked).pathname).toBe('/login');
    const around = await browser.request('GET', asked.headers.get('location').replace('/login', '/oauth/callback'));
    expect(at(around).pathname).toBe('/login');
    expect(at(await signIn(browser, asked.headers.get('location'))).searchParams.get('code')).toBeTruthy();
  });

  test('puts auth_time into the ID token', async () => {
    const { tokens } = await (await signedIn()).signIn({ max_age: '3600' });
    expect(claims(tokens.id_token).auth_time).toBeGreaterThan(0);
  });

  test.each(['-1', 'soon', '1.5', '99999999999', '1e3'])('must be a number of seconds, not %j', async (maxAge) => {
    const back = at(await authorize(new Browser(stack), { max_age: maxAge })).searchParams;
    expect(back.get('error')).toBe('invalid_request');
    expect(back.get('error_description')).toContain('max_age');
  });
});

describe('login_hint', () => {
  test('fills the user name in, escaped, until somebody types another', async () => {
    const browser = new Browser(stack);
    const { html, stateToken } = await browser.openLogin(browser.authorizeUrl({ challenge: pkce().challenge, login_hint: 'a"b' }));
    expect(html).toContain('value="a&quot;b"');
    const wrong = await (await browser.submitLogin(stateToken, 'typed', 'x')).text();
    expect(wrong).toContain('value="typed"');
  });
});

describe('id_token_hint', () => {
  test('says who must be signed in', async () => {
    const browser = await signedIn();
    const { tokens } = await browser.signIn();
    const silent = await authorize(browser, { prompt: 'none', id_token_hint: tokens.id_token });
    expect(at(silent).searchParams.get('code')).toBeTruthy();
    expect(roundTrips(silent)).toBe(2);
    const admin = await signedIn('admin');
    const other = at(await authorize(admin, { prompt: 'none', id_token_hint: tokens.id_token }));
    expect(other.searchParams.get('error')).toBe('login_required');
    // Asked to sign in, the right user may; another is told to the client.
    const asked = await authorize(admin, { id_token_hint: tokens.id_token });
    expect(at(asked).pathname).toBe('/login');
    const again = at(await signIn(admin, asked.headers.get('location'), 'admin')).searchParams;
    expect(again.get('error')).toBe('login_required');
    const right = at(await signIn(admin, asked.headers.get('location'), 'demo')).searchParams;
    expect(right.get('code')).toBeTruthy();
  });

  test('must be an ID token of this client', async () => {
    const browser = await signedIn();
    const { tokens } = await browser.signIn();
    const cli = { client_id: 'gatepass-cli', redirect_uri: 'http://127.0.0.1/callback' };
    const hints = ['x', 'a.b.c', tokens.access_token, tokens.refresh_token, `${tokens.id_token.slice(0, -8)}AAAAAAAA`];
    for (const [hint, parameters] of [...hints.map((hint) => [hint, {}]), [tokens.id_token, cli]]) {
      const back = at(await authorize(browser, { id_token_hint: hint, ...parameters })).searchParams;
      expect(back.get('error')).toBe('invalid_request');
      expect(back.get('error_description')).toContain('id_token_hint');
    }
  });
});

describe('what is not supported', () => {
  test.each([
    ['request_uri', 'https://app.example/request', 'request_uri_not_supported'],
    ['registration', '{}', 'registration_not_supported'],
  ])('%s is refused, not ignored', async (name, value, error) => {
    const back = at(await authorize(await signedIn(), { [name]: value })).searchParams;
    expect(back.get('error')).toBe(error);
    expect(back.get('error_description')).toContain(name);
  });

  test('what is only a wish is ignored', async () => {
    const wishes = { ui_locales: 'de fr', display: 'popup', acr_values: 'gold', claims_locales: 'de' };
    expect(at(await authorize(await signedIn(), wishes)).searchParams.get('code')).toBeTruthy();
  });

  test('discovery says so', async () => {
    const document = await (await fetch(`${stack.provider}/.well-known/openid-configuration`)).json();
    expect(document).toMatchObject({
      prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
      ui_locales_supported: ['en'],
      request_parameter_supported: true,
      request_uri_parameter_supported: false,
    });
  });
});
