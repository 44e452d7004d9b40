// What a stranger may try on the gateway.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { GatewayUser } from '../support/gateway-user.mjs';
import { startIdentityProvider } from '../support/identity-provider.mjs';
import { startStack } from '../support/stack.mjs';
import { startUpstream } from '../support/upstream.mjs';

let stack;
let provider;
let api;
beforeAll(async () => {
  stack = await startStack({ only: ['gateway'] });
  [provider, api] = await Promise.all([startIdentityProvider(stack), startUpstream(stack.api)]);
});
afterAll(async () => {
  await stack?.stop();
  await Promise.all([provider?.stop(), api?.stop()]);
});

const signedIn = async () => {
  const user = new GatewayUser(stack);
  await user.signIn();
  return user;
};

/** A path as it stands: `fetch` would tidy it up first. */
const raw = async (user, path, headers) => (await rawAnswer(user, path, headers)).status;

async function rawAnswer(user, path, headers = {}, method = 'GET') {
  const { request } = await import('node:http');
  const { hostname, port } = new URL(stack.gateway);
  const cookie = [...user.jar()].map(([name, value]) => `${name}=${value}`).join('; ');
  return new Promise((resolve, reject) => {
    request({ hostname, port, method, path, headers: { 'x-gatepass-csrf': '1', cookie, ...headers } }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString() }));
    }).on('error', reject).end();
  });
}

describe('an open redirect', () => {
  test.each([
    'https://evil.example/', '//evil.example/', '/\\evil.example', '\\/evil.example', '/\t/evil.example', 'javascript:alert(1)', 'evil', ' /x', '/\n/evil.example',
  ])('to %j is refused before anything begins', async (returnTo) => {
    const user = new GatewayUser(stack);
    const response = await user.request(`/login?${new URLSearchParams({ return_to: returnTo })}`);
    expect(response.status).toBe(400);
    expect(response.headers.get('location')).toBeNull();
    expect(await response.text()).toContain('href="/login?return_to=%2F"');
    expect(user.jar().size).toBe(0);
  });

  test('by a return_to that becomes part of the page leads nowhere', async () => {
    const user = new GatewayUser(stack);
    const returnTo = '/"><script>alert(1)</script>;url=https://evil.example';
    const { html, response } = await user.signIn({ return_to: returnTo });
    expect(html).not.toContain('<script');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(html.match(/http-equiv="refresh" content="0;url=([^"]*)"/)[1]).toMatch(/^\/&quot;&gt;&lt;script/);
  });
});

describe('a request that another site has the browser send', () => {
  let user;
  beforeAll(async () => { user = await signedIn(); });
  const own = () => ({ origin: stack.gateway, 'sec-fetch-site': 'same-origin' });

  test.each([
    ['without the header', { 'x-gatepass-csrf': undefined }],
    ['with another value of it', { 'x-gatepass-csrf': '0' }],
    ['of another origin', { origin: 'https://evil.example' }],
    ['of another port', { origin: 'http://localhost:1' }],
    ['of an opaque origin', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
    ['of an origin that nothing vouches for', { origin: 'null', 'sec-fetch-site': undefined }],
    ['of another site', { 'sec-fetch-site': 'cross-site' }],
    ['of a sibling', { 'sec-fetch-site': 'same-site' }],
    ['typed into the address bar', { 'sec-fetch-site': 'none', origin: undefined }],
  ])('%s is refused', async (_, change) => {
    const headers = Object.fromEntries(Object.entries({ 'x-gatepass-csrf': '1', ...own(), ...change }).filter(([, value]) => value !== undefined));
    const seen = api.seen.length;
    for (const [method, path] of [['POST', '/api/x'], ['GET', '/api/x'], ['GET', '/api/session'], ['POST', '/api/session/refresh'], ['POST', '/logout'], ['DELETE', '/api/x']]) {
      const response = await user.request(path, { method, headers });
      expect([method, path, response.status, (await response.json()).code]).toEqual([method, path, 403, 'forged']);
    }
    expect(api.seen.length).toBe(seen);
    expect((await user.get('/api/session')).user.sub).toBe('anna');
  });

  test('is none that a page of the same origin sends without a word of where it is', async () => {
    const headers = { 'x-gatepass-csrf': '1', origin: 'null', 'sec-fetch-site': 'same-origin' };
    for (const [method, path] of [['POST', '/api/x'], ['DELETE', '/api/x'], ['POST', '/api/session/refresh']]) {
      expect((await user.request(path, { method, headers })).status, path).toBe(200);
    }
    expect(api.seen.at(-1).headers.origin).toBeUndefined();
  });

  test('that says in no way where it comes from changes nothing', async () => {
    const response = await user.request('/api/x', { method: 'POST', headers: { 'x-gatepass-csrf': '1' } });
    expect(response.status).toBe(403);
  });

  test('is not allowed by a preflight', async () => {
    for (const path of ['/api/x', '/api/session', '/logout']) {
      const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-gatepass-csrf' };
      const response = await user.request(path, { method: 'OPTIONS', headers });
      expect(response.status).toBe(403);
      expect([...response.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
    }
  });
});

describe('session fixation', () => {
  test('a cookie from before the sign-in is worth nothing after it', async () => {
    const attacker = await signedIn();
    const user = new GatewayUser(stack);
    const planted = attacker.session;
    user.jar().set('__Host-gatepass_session', planted);
    await user.signIn();
    expect(user.session).not.toBe(planted);
    // What the cookie opened was replaced, and says so.
    await expect.poll(async () => (await attacker.get('/api/session')).ended).toBe('replaced');
    expect((await attacker.call('/api/x')).status).toBe(401);
    expect((await user.call('/api/x')).status).toBe(200);
  });

  test.each(['made-up', 'A'.repeat(43), `${'A'.repeat(43)}.${'A'.repeat(43)}`, '.', ''])('a cookie that the gateway has not made (%j) reaches no session', async (value) => {
    const user = new GatewayUser(stack);
    user.jar().set('__Host-gatepass_session', value);
    expect((await user.call('/api/x')).status).toBe(401);
    expect((await user.get('/api/session')).user).toBeNull();
  });

  test('a cookie whose secret is changed by a letter reaches none either', async () => {
    const user = await signedIn();
    const letter = user.session[0] === 'A' ? 'B' : 'A';
    user.jar().set('__Host-gatepass_session', letter + user.session.slice(1));
    expect((await user.call('/api/x')).status).toBe(401);
  });
});

describe('a cookie that a sibling site has planted', () => {
  // Browsers take a name that begins with such white space for one without the prefix `__Host-`, and send it first.
  test.each(['\u2000', '\u00a0', '\u0085', '\u3000'])('with %j before its name is none of the gateway’s', async (space) => {
    const [attacker, user] = [await signedIn(), await signedIn()];
    const cookie = (name, value) => `${name}=${value}`;
    const planted = Buffer.from(cookie(`${space}__Host-gatepass_session`, attacker.session)).toString('latin1');
    const own = cookie('__Host-gatepass_session', user.session);
    const { body } = await rawAnswer(new GatewayUser(stack), '/api/session', { cookie: planted });
    expect(JSON.parse(body).user).toBeNull();
    const before = await rawAnswer(user, '/logout', { cookie: `${planted}; ${own}`, origin: stack.gateway }, 'POST');
    expect(before.status).toBe(200);
    expect((await attacker.get('/api/session')).user).not.toBeNull();
  });
});

describe('a callback', () => {
  const open = async (user, change) => {
    const url = new URL(await user.untilCallback());
    change(url.searchParams, url);
    const response = await user.request(url);
    const html = await response.text();
    return { status: response.status, code: /data-testid="error-code">([^<]*)</.exec(html)?.[1], user, url };
  };

  test('in another browser is refused (login CSRF)', async () => {
    const attacker = new GatewayUser(stack);
    const url = await attacker.untilCallback();
    const victim = new GatewayUser(stack);
    const response = await victim.request(url);
    expect(response.status).toBe(400);
    expect(victim.session).toBeUndefined();
    // Not even with a sign-in of its own under way.
    await victim.untilCallback();
    expect((await victim.request(url)).status).toBe(400);
    expect(victim.session).toBeUndefined();
  });

  test.each([
    ['without state', (query) => query.delete('state'), 'invalid_response'],
    ['with another state', (query) => query.set('state', 'A'.repeat(22)), 'unknown_sign_in'],
    ['with two states', (query) => query.append('state', 'x'), 'invalid_response'],
    ['without a code', (query) => query.delete('code'), 'invalid_response'],
    ['of another issuer', (query) => query.set('iss', 'https://evil.example'), 'other_issuer'],
    ['without the issuer that was promised', (query) => query.delete('iss'), 'other_issuer'],
    ['with a refusal', (query) => { query.delete('code'); query.set('error', 'access_denied'); }, 'refused'],
    ['with another code', (query) => query.set('code', 'another'), 'no_tokens'],
    ['at another registration', (query, url) => { url.pathname = '/login/oauth2/code/nope'; }, 'not_found'],
  ])('%s is refused', async (_, change, code) => {
    const user = new GatewayUser(stack);
    const answer = await open(user, change);
    expect(answer.code).toBe(code);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(user.session).toBeUndefined();
  });

  test('is good once', async () => {
    const user = new GatewayUser(stack);
    const { status, url } = await open(user, () => {});
    expect(status).toBe(200);
    const again = await user.request(url);
    expect(again.status).toBe(400);
    expect((await user.call('/api/x')).status).toBe(200);
  });

  test('whose sign-in cookie was changed is refused', async () => {
    const user = new GatewayUser(stack);
    const answer = await open(user, () => {
      const [name, value] = [...user.jar()].find(([known]) => known.startsWith('__Host-gatepass_sign_in_'));
      user.jar().set(name, value.slice(0, -2) + (value.endsWith('AA') ? 'BB' : 'AA'));
    });
    expect(answer.code).toBe('unknown_sign_in');
  });

  test.each([
    ['for another client', { aud: 'other' }],
    ['of another issuer', { iss: 'https://evil.example' }],
    ['of another sign-in', { nonce: 'other' }],
    ['that has expired', { exp: 1000 }],
    ['for another access token', { at_hash: 'AAAA' }],
    ['of nobody', { sub: undefined }],
    ['signed by nobody', {}, { alg: 'none' }],
    ['signed with another key', {}, { kid: 'other' }],
    ['of another kind', {}, { typ: 'logout+jwt' }],
  ])('with an ID token %s signs nobody in', async (_, claims, header) => {
    const user = new GatewayUser(stack);
    const callback = await user.untilCallback();
    const now = Math.floor(Date.now() / 1000);
    provider.failing['/token'] = (request, response) => {
      const idToken = provider.sign({ iss: provider.origin, aud: provider.clientId, sub: 'anna', iat: now, exp: now + 300, nonce: 'unknown', ...claims }, header);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ access_token: 'a', token_type: 'Bearer', expires_in: 300, id_token: idToken }));
    };
    try {
      const response = await user.request(callback);
      expect([response.status, /data-testid="error-code">([^<]*)</.exec(await response.text())?.[1]]).toEqual([502, 'invalid_id_token']);
      expect(user.session).toBeUndefined();
    } finally {
      provider.failing = {};
    }
  });
});

describe('the relay', () => {
  let user;
  beforeAll(async () => { user = await signedIn(); });

  test.each([
    '/api//evil.example/x', '/api/%2e%2e/admin', '/api/..%2fadmin', '/api/%2f%2fevil.example', '/api/%5cevil', '/api/..;/admin', '/api/%252e%252e/admin', '/api/%00', '/api/x/%2e%2e%2f',
    '/api/.%2e/admin',
  ])('does not pass %s on', async (path) => {
    const seen = api.seen.length;
    expect([400, 404]).toContain(await raw(user, path));
    expect(api.seen.length).toBe(seen);
  });

  test.each(['/api/../admin', '/api/./../admin', '//evil.example/api/x', '/apix'])('takes %s for what it is: no path of an API', async (path) => {
    const seen = api.seen.length;
    expect(await raw(user, path)).toBe(404);
    expect(api.seen.length).toBe(seen);
  });

  test.each([
    ['an absolute address', 'http://169.254.169.254/api/x', {}],
    ['another host', '/api/x', { host: 'evil.example' }],
    ['a forwarded host', '/api/x', { 'x-forwarded-host': 'evil.example' }],
  ])('goes nowhere but to its API, whatever %s says', async (_, path, headers) => {
    const seen = api.seen.length;
    await raw(user, path, headers);
    for (const { headers: sent } of api.seen.slice(seen)) {
      expect(sent.host).toBe(new URL(stack.api).host);
      expect(sent['x-forwarded-host']).toBe(new URL(stack.gateway).host);
    }
  });
});

test('whoever leads a browser to /login again and again does not fill its cookies', async () => {
  const user = new GatewayUser(stack);
  for (let i = 0; i < 20; i += 1) await user.request('/login');
  expect(user.jar().size).toBe(8);
  const { response } = await user.signIn();
  expect(response.status).toBe(200);
});

test('ten tabs may sign in at once: the eight that began last come to their end', async () => {
  const user = new GatewayUser(stack);
  const callbacks = [];
  for (let i = 0; i < 10; i += 1) callbacks.push(await user.untilCallback({ return_to: `/${i}` }));
  const statuses = [];
  for (const callback of callbacks) statuses.push((await user.request(callback)).status);
  expect(statuses).toEqual([400, 400, ...Array(8).fill(200)]);
});

test.each([
  ['/a?b=c', '/a?b=c'],
  [`/${'ä'.repeat(390)}`, `/${'ä'.repeat(390)}`],
  [`/a?b=${'c'.repeat(5_000)}#d`, '/a'],
  [`/${'ä'.repeat(1_000)}`, '/'],
])('the cookie of a sign-in is never larger than a browser keeps, however long the address to lead back to (%#)', async (returnTo, onward) => {
  const user = await signedIn();
  const login = await user.request(`/login?${new URLSearchParams({ return_to: returnTo })}`);
  const [cookie] = login.headers.getSetCookie();
  expect(cookie.length).toBeLessThan(4_096);
  expect((await user.signIn({ return_to: returnTo })).onward).toBe(onward);
});

test('odd input of every kind breaks nothing, and comes back in no page', async () => {
  const user = await signedIn();
  const odd = ['', '%', '%00', '%ff', '=', '&', ';', '.', '..', '"><script>x</script>', "'", '\\', 'A'.repeat(3_000), '\u00e9', '\u00ff', ',', '{}', '[]', 'null', '-1', '1e999', '0', '8.A', '1.', '99999999999999999999'];
  const cookies = ['session', 'sign_in_A', 'tokens_0_0', 'tokens_0_1', 'sign_out', 'signed_out'].map((name) => `__Host-gatepass_${name}`);
  const paths = [
    ...['return_to', 'provider', 'x'].map((name) => (text) => `/login?${name}=${text}`),
    ...['state', 'code', 'iss', 'error', 'x'].map((name) => (text) => `/login/oauth2/code/gatepass?code=a&error=b&${name}=${text}`),
    (text) => `/login/oauth2/code/${text}`, (text) => `/api/${text}`, (text) => `/api/x?${text}`, (text) => `/logout/provider?${text}`, (text) => `/${text}`, () => '/api/session',
  ].map((path) => (text) => path(encodeURI(text).replaceAll('%25', '%').replaceAll('#', '')));
  for (const text of odd) {
    const { body } = await rawAnswer(user, '/api/session', { cookie: cookies.map((name) => `${name}=${text}`).join('; ') });
    expect(JSON.parse(body).user).toBeNull();
    const names = ['origin', 'sec-fetch-site', 'x-gatepass-csrf', 'upgrade', 'accept', 'range', 'x-forwarded-for', 'content-type'];
    const headers = await Promise.all(names.map((name) => rawAnswer(user, '/api/x', { [name]: text })));
    expect(headers.filter(({ status }) => status >= 500)).toEqual([]);
    const answers = await Promise.all(paths.map((path) => rawAnswer(user, path(text))));
    expect(answers.filter(({ status, body }) => status >= 500 || body.includes('<script>x'))).toEqual([]);
    const form = new URLSearchParams({ logout_token: text });
    expect((await fetch(`${stack.gateway}/logout/connect/back-channel/gatepass`, { method: 'POST', body: form })).status).toBe(400);
  }
  expect(stack.logs().filter((line) => /panicked|"failure"/.test(line))).toEqual([]);
  expect((await user.call('/api/x')).status).toBe(200);
}, 60_000);
