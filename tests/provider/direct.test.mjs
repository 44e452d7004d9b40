// First-party sign-in in JSON: POST /auth/login, /auth/refresh, /auth/logout. And the password grant, for old
// clients that an administrator lets have it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, DEMO, basic, claims, refusal, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';
import { stranger } from '../support/strangers.mjs';

const RIGHT = { username: 'demo', password: 'demo-password' };
const COOKIE = 'gatepass_refresh';

let stack;
let db;
let user;
let page;
const settle = (changes, id = DEMO.id) => db.prepare('UPDATE clients SET settings = ? WHERE client_id = ?').bind(JSON.stringify(changes), id).run();
const set = (sql, id = DEMO.id) => db.prepare(`UPDATE clients SET ${sql} WHERE client_id = ?`).bind(id).run();

beforeAll(async () => {
  stack = await startStack({ only: ['provider'] });
  db = await stack.database('provider');
  user = new Browser(stack);
  // The first request also makes the development data and the keys.
  await user.signIn();
  await settle({ direct_sign_in: true });
  // What a browser says of a page of the provider's own origin.
  page = { 'x-gatepass-csrf': '1', 'sec-fetch-site': 'same-origin', origin: stack.provider };
});
afterAll(() => stack?.stop());

const call = (path, body, headers = {}, browser = user) => browser.request('POST', `/auth/${path}`, {
  body: JSON.stringify({ client_id: DEMO.id, ...body }), headers: { 'content-type': 'application/json', ...headers },
});
const login = (body, headers, browser) => call('login', { ...RIGHT, ...body }, headers, browser);
const tokensOf = async (response) => { expect(response.status).toBe(200); return response.json(); };
const introspected = async (token) => (await user.introspect(token)).json();
const fromAddress = (address) => ({ 'cf-connecting-ip': address });

describe('a first-party app', () => {
  test('signs its user in, in two round trips, refreshes and signs them out', async () => {
    const response = await login({ scope: 'openid read' });
    expect(roundTrips(response)).toBe(2);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.getSetCookie()).toEqual([]);
    const tokens = await tokensOf(response);
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 300, scope: 'openid read' });
    expect(claims(tokens.id_token)).toMatchObject({ sub: 'demo', aud: DEMO.id, amr: ['pwd'] });
    expect(await introspected(tokens.access_token)).toMatchObject({ active: true, sub: 'demo', username: 'demo' });

    const refreshed = await call('refresh', { refresh_token: tokens.refresh_token });
    expect(roundTrips(refreshed)).toBe(2);
    const next = await tokensOf(refreshed);
    expect(next.refresh_token).not.toBe(tokens.refresh_token);

    const out = await call('logout', { refresh_token: next.refresh_token });
    expect({ status: out.status, body: await out.json() }).toEqual({ status: 200, body: {} });
    expect((await introspected(next.access_token)).active).toBe(false);
    expect(await refusal(await call('refresh', { refresh_token: next.refresh_token }))).toMatchObject({
      status: 400, error: 'invalid_grant', gatepass_reason: 'signed_out',
    });
    const { event, reason } = await db.prepare("SELECT event, reason FROM audit_log WHERE reason = 'signed_out'").first();
    expect({ event, reason }).toEqual({ event: 'grant_ended', reason: 'signed_out' });
  });

  test('heals a lost answer, a double submit and three racers, and a replay ends that one grant', async () => {
    const { refresh_token } = await tokensOf(await login());
    const racers = await Promise.all([1, 2, 3].map(() => call('refresh', { refresh_token })));
    const answers = await Promise.all(racers.map(tokensOf));
    expect(new Set(answers.map((answer) => answer.refresh_token)).size).toBe(1);
    // The same rotation as at the token endpoint, whichever is asked next.
    const elsewhere = await tokensOf(await user.refresh(answers[0].refresh_token));
    await db.prepare("UPDATE sessions SET refreshed_at = 1 WHERE status = 'refreshed'").run();
    expect(await refusal(await call('refresh', { refresh_token }))).toMatchObject({ error: 'invalid_grant', gatepass_reason: 'replayed' });
    expect((await user.refresh(elsewhere.refresh_token)).status).toBe(400);
  });

  test('is not signed out with another grant, nor by a browser’s sign-out', async () => {
    const [one, other] = [await tokensOf(await login()), await tokensOf(await login())];
    await call('logout', { refresh_token: one.refresh_token });
    expect((await call('refresh', { refresh_token: other.refresh_token })).status).toBe(200);
  });

  test('asks for a resource and less scope, and never for more', async () => {
    expect(claims((await tokensOf(await login({ resource: stack.api, scope: 'read' }))).access_token)).toMatchObject({ aud: stack.api, scope: 'read' });
    expect(await refusal(await login({ scope: 'admin' }))).toMatchObject({ status: 400, error: 'invalid_scope' });
    expect(await refusal(await login({ resource: 'https://evil.example' }))).toMatchObject({ status: 400, error: 'invalid_target' });
    expect(await refusal(await login({ authorization_details: '[{"type":"t"}]' }))).toMatchObject({ status: 400, error: 'invalid_authorization_details' });
  });

  test('that can keep a secret proves itself', async () => {
    await settle({ direct_sign_in: true }, 'gatepass-gateway');
    const asked = { client_id: 'gatepass-gateway' };
    const headers = { authorization: basic('gatepass-gateway', stack.secrets.GATEPASS_GATEWAY_SECRET) };
    expect((await login(asked, headers)).status).toBe(200);
    expect(await refusal(await login(asked))).toMatchObject({ status: 401, error: 'invalid_client' });
    await settle({}, 'gatepass-gateway');
  });

  test('without the grant type gets no refresh token', async () => {
    const { grant_types: before } = await db.prepare('SELECT grant_types FROM clients WHERE client_id = ?').bind(DEMO.id).first();
    await set("grant_types = 'authorization_code'");
    const tokens = await tokensOf(await login());
    await db.prepare('UPDATE clients SET grant_types = ? WHERE client_id = ?').bind(before, DEMO.id).run();
    expect(tokens.refresh_token).toBeUndefined();
  });

  test('on pages of its registered origin may read the answer, others may not', async () => {
    const reads = async (origin) => (await login({}, { origin })).headers.get('access-control-allow-origin');
    expect(await reads(stack.gateway)).toBe(stack.gateway);
    expect(await reads('https://evil.example')).toBeNull();
  });
});

describe('nobody else', () => {
  const unauthorized = { status: 400, error: 'unauthorized_client' };

  test('signs users in here: a client that nobody let, one of somebody else, one that registered', async () => {
    const { refresh_token } = await tokensOf(await login());
    await settle({});
    const plain = [await login(), await call('refresh', { refresh_token }), await call('logout', { refresh_token })];
    await settle({ direct_sign_in: true });
    for (const response of plain) expect(await refusal(response)).toMatchObject(unauthorized);
    // Nothing was spent, and nothing ended.
    expect((await call('refresh', { refresh_token })).status).toBe(200);
    await set('is_first_party = 0');
    const third = await login();
    await set('is_first_party = 1');
    expect(await refusal(third)).toMatchObject(unauthorized);
    const registered = await stranger(stack, { direct_sign_in: true, is_first_party: true });
    expect(await refusal(await login({ client_id: registered.id }))).toMatchObject(unauthorized);
  });

  test('learns there whether a password is right', async () => {
    for (const password of ['demo-password', 'wrong']) {
      expect(await refusal(await login({ client_id: 'gatepass-cli', password }))).toMatchObject(unauthorized);
    }
  });

  test('gets another kind of grant there', async () => {
    for (const grant_type of ['client_credentials', 'password', 'authorization_code']) {
      expect(await refusal(await login({ grant_type }))).toMatchObject({ status: 400, error: 'invalid_request' });
    }
  });
});

describe('a wrong password', () => {
  test('and an unknown user are answered alike, and written down', async () => {
    const wrong = await refusal(await login({ password: 'wrong' }, fromAddress('198.51.100.1')));
    const unknown = await refusal(await login({ username: 'nobody' }, fromAddress('198.51.100.2')));
    expect(wrong).toEqual({ status: 400, error: 'invalid_grant', error_description: 'user name and password do not match' });
    expect(unknown).toEqual(wrong);
    await expect.poll(async () => (await db.prepare("SELECT count(*) AS n FROM audit_log WHERE event = 'wrong_password'").first()).n).toBeGreaterThan(1);
  });

  test('six times makes whoever comes from there wait, here, on the page and at the token endpoint alike', async () => {
    const from = fromAddress('198.51.100.3');
    for (let guess = 0; guess < 5; guess += 1) expect((await login({ password: `wrong-${guess}` }, from)).status).toBe(400);
    for (const response of [await login({ password: 'wrong' }, from), await login({}, from)]) {
      if (response.status === 400) continue;
      expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(await refusal(response)).toMatchObject({ status: 429, error: 'temporarily_unavailable' });
    }
    const locked = await login({}, from);
    expect(locked.status).toBe(429);
    // An unknown name is locked like a known one.
    const other = fromAddress('198.51.100.4');
    for (let guess = 0; guess < 6; guess += 1) await login({ username: 'nobody', password: `wrong-${guess}` }, other);
    expect((await login({ username: 'nobody' }, other)).status).toBe(429);
    // The user, elsewhere, notices nothing.
    expect((await login({}, fromAddress('198.51.100.5'))).status).toBe(200);
  });

  test('is not looked at if it is endless', async () => {
    expect(await refusal(await login({ password: 'x'.repeat(2_000) }))).toMatchObject({ status: 400, error: 'invalid_grant' });
  });
});

describe('a page of the provider’s own origin', () => {
  test('may leave the refresh token to a cookie that no script reads', async () => {
    const browser = new Browser(stack);
    const signedIn = await login({ cookie: true }, page, browser);
    const [cookie] = signedIn.headers.getSetCookie();
    expect(cookie).toMatch(/^gatepass_refresh=[^;]+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
    const tokens = await tokensOf(signedIn);
    expect(tokens.refresh_token).toBeUndefined();
    const before = browser.cookie(COOKIE);
    const refreshed = await tokensOf(await call('refresh', {}, page, browser));
    expect(refreshed.refresh_token).toBeUndefined();
    expect(browser.cookie(COOKIE)).not.toBe(before);
    const out = await call('logout', {}, page, browser);
    expect(out.status).toBe(200);
    expect(browser.cookie(COOKIE)).toBeUndefined();
    expect((await introspected(refreshed.access_token)).active).toBe(false);
    // Who is signed out already is as good as done; who asks for tokens is told.
    expect((await call('logout', {}, page, browser)).status).toBe(200);
    expect(await refusal(await call('refresh', {}, page, browser))).toMatchObject({ status: 400, error: 'invalid_request' });
  });

  test.each([
    ['without the header', { 'x-gatepass-csrf': undefined }],
    ['with another header', { 'x-gatepass-csrf': '0' }],
    ['of another origin', { origin: 'https://evil.example' }],
    ['of the opaque origin', { origin: 'null' }],
    ['from another site, by the browser’s word', { 'sec-fetch-site': 'cross-site' }],
    ['from a sibling', { 'sec-fetch-site': 'same-site' }],
  ])('%s neither signs in with the cookie, nor refreshes, nor signs out', async (_, changes) => {
    const browser = new Browser(stack);
    await login({ cookie: true }, page, browser);
    const kept = browser.cookie(COOKIE);
    const headers = Object.fromEntries(Object.entries({ ...page, ...changes }).filter(([, value]) => value !== undefined));
    for (const response of [await login({ cookie: true }, headers, browser), await call('refresh', {}, headers, browser), await call('logout', {}, headers, browser)]) {
      expect(await refusal(response)).toMatchObject({ status: 403, error: 'access_denied' });
    }
    expect(browser.cookie(COOKIE)).toBe(kept);
    expect((await call('refresh', {}, page, browser)).status).toBe(200);
  });

  test('keeps the cookie of a newer sign-in when a refusal comes late', async () => {
    const browser = new Browser(stack);
    const { access_token } = await tokensOf(await login({ cookie: true }, page, browser));
    await db.prepare("UPDATE grants SET status = 'ended', end_reason = 'administrator', ended_at = 1 WHERE grant_id = ?").bind(claims(access_token).grant_id).run();
    // Another tab has asked with the old cookie, and hears of it after the user has signed in again here.
    const late = await call('refresh', {}, page, browser);
    expect(late.headers.getSetCookie()).toEqual([]);
    expect(await refusal(late)).toMatchObject({ error: 'invalid_grant', gatepass_reason: 'administrator' });
    await tokensOf(await login({ cookie: true }, page, browser));
    expect((await call('refresh', {}, page, browser)).status).toBe(200);
    // A sign-out is meant, and deletes it.
    await call('logout', {}, page, browser);
    expect(browser.cookie(COOKIE)).toBeUndefined();
  });

  test('of another origin is told by the preflight that it may not send the header', async () => {
    const response = await fetch(`${stack.provider}/auth/refresh`, {
      method: 'OPTIONS', headers: { origin: stack.gateway, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-gatepass-csrf' },
    });
    expect(response.headers.get('access-control-allow-headers').toLowerCase()).not.toContain('csrf');
    expect(response.headers.get('access-control-allow-credentials')).toBeNull();
  });
});

describe('the endpoints', () => {
  test.each(['login', 'refresh', 'logout'])('/auth/%s takes POST only, JSON only, and an object of texts', async (path) => {
    const url = `${stack.provider}/auth/${path}`;
    expect((await fetch(url)).status).toBe(405);
    const form = await fetch(url, { method: 'POST', body: new URLSearchParams({ client_id: DEMO.id, ...RIGHT }) });
    expect(form.status).toBe(415);
    for (const body of ['', 'x', '[]', '{"client_id":1}', '{"client_id":["a"]}', '{"username":{"a":"b"}}']) {
      const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      expect(await refusal(response), body).toMatchObject({ status: 400, error: 'invalid_request' });
    }
    const huge = JSON.stringify({ client_id: 'x'.repeat(70_000) });
    expect((await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: huge })).status).toBe(413);
  });

  test('name what is missing', async () => {
    expect(await refusal(await login({ username: '' }))).toMatchObject({ error: 'invalid_request', error_description: 'the parameter username is required' });
    expect(await refusal(await login({ password: '' }))).toMatchObject({ error: 'invalid_request', error_description: 'the parameter password is required' });
    expect(await refusal(await login({ client_id: '' }))).toMatchObject({ status: 401, error: 'invalid_client' });
  });
});

describe('the password grant', () => {
  const ask = (parameters = {}, headers) => user.token({ grant_type: 'password', client_id: DEMO.id, ...RIGHT, ...parameters }, headers);
  const withGrant = async (run) => {
    const { grant_types: before } = await db.prepare('SELECT grant_types FROM clients WHERE client_id = ?').bind(DEMO.id).first();
    await set(`grant_types = '${before} password'`);
    try { return await run(); } finally { await db.prepare('UPDATE clients SET grant_types = ? WHERE client_id = ?').bind(before, DEMO.id).run(); }
  };

  test('is nobody’s unless an administrator names it, not even a first-party client’s', async () => {
    for (const password of ['demo-password', 'wrong']) {
      expect(await refusal(await ask({ password }))).toMatchObject({ status: 400, error: 'unauthorized_client' });
    }
    await expect(stranger(stack, { grant_types: ['authorization_code', 'password'] })).rejects.toThrow('invalid_client_metadata');
    const { grant_types_supported: announced } = await (await fetch(`${stack.provider}/.well-known/openid-configuration`)).json();
    expect(announced).not.toContain('password');
  });

  test('gives tokens like any other to a client that has it, and the same refusals', async () => {
    await withGrant(async () => {
      const response = await ask({ scope: 'openid read' });
      expect(roundTrips(response)).toBe(2);
      const tokens = await tokensOf(response);
      expect(claims(tokens.id_token).amr).toEqual(['pwd']);
      expect((await user.refresh(tokens.refresh_token)).status).toBe(200);
      expect(await refusal(await ask({ password: 'wrong' }, fromAddress('198.51.100.6')))).toMatchObject({ status: 400, error: 'invalid_grant' });
      expect(await refusal(await ask({ scope: 'admin' }))).toMatchObject({ error: 'invalid_scope' });
    });
  });

  test('counts wrong passwords with those of every other way to sign in', async () => {
    await withGrant(async () => {
      const from = fromAddress('198.51.100.7');
      for (let guess = 0; guess < 3; guess += 1) await ask({ password: `wrong-${guess}` }, from);
      for (let guess = 0; guess < 3; guess += 1) await login({ password: `wrong-${guess}` }, from);
      expect((await ask({}, from)).status).toBe(429);
      expect((await login({}, from)).status).toBe(429);
    });
  });
});
