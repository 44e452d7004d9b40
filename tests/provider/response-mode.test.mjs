// How the answer to an authorization request reaches its client: `response_mode`.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, DEMO, SCOPE, pkce, post } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';
import { answerConsent, openConsent, stranger } from '../support/strangers.mjs';

let stack;
let browser;
let callback;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'] });
  browser = new Browser(stack);
  await browser.signIn();
  callback = browser.redirectUri;
});
afterAll(() => stack?.stop());

const authorize = (parameters, user = browser) =>
  user.request('GET', user.authorizeUrl({ challenge: pkce().challenge, ...parameters }));

const unescape = (html) => html.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

/** Reads the page that posts itself: where to, and what. */
async function readForm(response) {
  expect(response.status).toBe(200);
  expect(response.headers.get('location')).toBeNull();
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
  const html = await response.text();
  expect(html).toContain('<form method="post"');
  expect(html).toContain('<button class="button" id="form-post-continue" type="submit">Continue</button>');
  expect(html.match(/<script[^>]*>/g)).toEqual(['<script src="/assets/post.js">']);
  const fields = [...html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)].map(([, name, value]) => [name, unescape(value)]);
  return { action: unescape(/action="([^"]+)"/.exec(html)[1]), fields: Object.fromEntries(fields) };
}

describe('query and fragment', () => {
  test('query is what a client gets that says nothing', async () => {
    for (const parameters of [{}, { response_mode: 'query' }]) {
      const location = new URL((await authorize(parameters)).headers.get('location'));
      expect(Object.fromEntries(location.searchParams)).toEqual({ code: expect.any(String), state: 'a-state', iss: stack.provider });
      expect(location.hash).toBe('');
    }
  });

  test('fragment carries a code, and a refusal', async () => {
    for (const [parameters, expected] of [
      [{}, { code: expect.stringMatching(/^[\w-]{43}$/) }],
      [{ scope: 'admin' }, { error: 'invalid_scope', error_description: expect.any(String) }],
      [{ prompt: 'none', max_age: '0' }, { error: 'login_required', error_description: expect.any(String) }],
    ]) {
      const location = new URL((await authorize({ response_mode: 'fragment', ...parameters })).headers.get('location'));
      expect(location.origin + location.pathname + location.search).toBe(callback);
      const sent = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
      expect(sent).toEqual({ ...expected, state: 'a-state', iss: stack.provider });
    }
  });
});

describe('form_post', () => {
  test('posts a code that can be redeemed', async () => {
    const { verifier, challenge } = pkce();
    const { action, fields } = await readForm(await authorize({ response_mode: 'form_post', challenge, state: 'a"<b>' }));
    expect(action).toBe(callback);
    expect(fields).toEqual({ code: expect.any(String), state: 'a"<b>', iss: stack.provider });
    expect((await browser.redeem(fields.code, verifier)).status).toBe(200);
  });

  test('posts a refusal', async () => {
    const { action, fields } = await readForm(await authorize({ response_mode: 'form_post', scope: 'admin' }));
    expect(action).toBe(callback);
    expect(fields).toEqual({ error: 'invalid_scope', error_description: expect.any(String), state: 'a-state', iss: stack.provider });
  });

  test('may post to that redirect URI and nowhere else, with one script of our own', async () => {
    const response = await authorize({ response_mode: 'form_post' });
    const policy = response.headers.get('content-security-policy');
    expect(policy.split('; ').sort()).toEqual([
      "base-uri 'none'", "default-src 'none'", `form-action ${callback}`, "frame-ancestors 'none'", "script-src 'self'", "style-src 'self'",
    ]);
    const script = await fetch(`${stack.provider}/assets/post.js`);
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(await script.text()).toBe('document.forms[0].submit();\n');
  });

  test('is kept through the sign-in page, also when it begins again', async () => {
    const user = new Browser(stack);
    const { stateToken } = await user.openLogin(user.authorizeUrl({ challenge: pkce().challenge, response_mode: 'form_post' }));
    const signedIn = await user.submitLogin(stateToken);
    const { fields } = await readForm(await user.request('GET', signedIn.headers.get('location')));
    expect(fields.code).toBeTruthy();
    const begun = await authorize({ response_mode: 'form_post', prompt: 'login' }, user);
    const token = new URL(begun.headers.get('location'), stack.provider).searchParams.get('state_token');
    const again = await user.request('GET', `/oauth/authorize?${new URLSearchParams({ begun: token })}`);
    const next = new URL(again.headers.get('location'), stack.provider).searchParams.get('state_token');
    const back = await user.request('GET', (await user.submitLogin(next)).headers.get('location'));
    expect((await readForm(back)).fields.code).toBeTruthy();
  });

  test('is kept through the consent page, also when the user declines', async () => {
    const app = await stranger(stack);
    const ask = async () => openConsent(browser, (await authorize({
      response_mode: 'form_post', client_id: app.id, redirect_uri: app.redirectUri, scope: 'openid read',
    })).headers.get('location'));
    const denied = await readForm(await answerConsent(browser, await ask(), [], { decision: 'deny' }));
    expect(denied).toMatchObject({ action: app.redirectUri, fields: { error: 'access_denied', state: 'a-state', iss: stack.provider } });
    const allowed = await readForm(await answerConsent(browser, await ask(), ['read']));
    expect(allowed).toMatchObject({ action: app.redirectUri, fields: { code: expect.any(String) } });
  });

  test('is part of a pushed request', async () => {
    const parameters = {
      client_id: DEMO.id, redirect_uri: callback, response_type: 'code', scope: SCOPE, state: 'pushed', response_mode: 'form_post',
      code_challenge: pkce().challenge, code_challenge_method: 'S256',
    };
    const pushed = await (await post(`${stack.provider}/oauth/par`, parameters)).json();
    const query = new URLSearchParams({ client_id: DEMO.id, request_uri: pushed.request_uri, response_mode: 'query' });
    const { fields } = await readForm(await browser.request('GET', `/oauth/authorize?${query}`));
    expect(fields).toMatchObject({ code: expect.any(String), state: 'pushed' });
  });
});

describe('another response mode', () => {
  test.each(['jwt', 'web_message', 'Query', 'query fragment'])('%s is refused, in the query', async (mode) => {
    const location = new URL((await authorize({ response_mode: mode })).headers.get('location'));
    expect(Object.fromEntries(location.searchParams)).toMatchObject({ error: 'invalid_request', state: 'a-state' });
    expect(location.searchParams.get('error_description')).toContain('response_mode');
    expect(location.hash).toBe('');
  });

  test('no form is posted to an app that goes by a scheme of its own', async () => {
    const db = await stack.database('provider');
    const app = await stranger(stack);
    await db.prepare("UPDATE clients SET redirect_uris = 'com.example.app:/cb' WHERE client_id = ?").bind(app.id).run();
    const response = await authorize({ response_mode: 'form_post', client_id: app.id, redirect_uri: 'com.example.app:/cb', scope: 'openid' });
    expect(response.headers.get('location')).toMatch(/^com\.example\.app:\/cb\?error=invalid_request&error_description=response_mode/);
  });

  test('is not in the metadata, and ours are', async () => {
    const document = await (await fetch(`${stack.provider}/.well-known/openid-configuration`)).json();
    expect(document.response_modes_supported).toEqual(['query', 'fragment', 'form_post']);
  });
});
