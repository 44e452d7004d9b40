// The audit log: who did what, when and from where, without secrets; and the numbers for operators.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Device, DevicePage } from '../support/device.mjs';
import { Browser, atOnce, basic, claims, pkce, post, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';
import { answerConsent, openConsent, stranger } from '../support/strangers.mjs';

const DAY = 86_400;
const adminToken = randomBytes(32).toString('base64url');
const operator = { authorization: `Bearer ${adminToken}` };
const place = { 'cf-connecting-ip': '198.51.100.23', 'cf-ipcountry': 'NZ' };

let stack;
let db;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'], provider: { GATEPASS_ADMIN_TOKEN: adminToken } });
  db = await stack.database('provider');
  await new Browser(stack).signIn();
});
afterAll(() => stack?.stop());

const view = (path, headers = operator) => fetch(`${stack.provider}/admin/${path}`, { headers });
const read = async (query = '') => (await (await view(`audit${query}`)).json());

/** The log once it has so many rows: what nobody waits for is written when the answer is on its way. */
async function events(count) {
  for (let time = 0; time < 200; time += 1) {
    const { events: found } = await read();
    if (found.length >= count) return found;
    await new Promise((resolve) => { setImmediate(resolve); });
  }
  return (await read()).events;
}

const codes = (found) => found.map(({ event }) => event);

beforeEach(async () => {
  // Also what is still on its way.
  for (let rows = 1; rows > 0;) rows = (await db.prepare('DELETE FROM audit_log').run()).meta.changes;
});

describe('is written', () => {
  test('by a sign-in and the grant that comes of it, with who, which client, when and roughly where', async () => {
    const user = new Browser(stack);
    const { challenge, verifier } = pkce();
    const { stateToken } = await user.openLogin(user.authorizeUrl({ challenge }));
    const form = { state_token: stateToken, username: 'demo', password: 'demo-password' };
    const signedIn = await user.request('POST', '/login', { form, headers: place });
    expect(roundTrips(signedIn)).toBe(2);
    const back = await user.request('GET', signedIn.headers.get('location'));
    const response = await user.redeem(new URL(back.headers.get('location')).searchParams.get('code'), verifier);
    expect(roundTrips(response)).toBe(2);
    const { sub } = claims((await response.json()).access_token);
    const [begun, first, ...others] = await events(2);
    expect(others).toEqual([]);
    expect(first).toEqual({
      id: expect.stringMatching(/^\d{13}-[\w-]{22}$/), at: expect.any(Number), event: 'signed_in', outcome: 'done', reason: null,
      user_id: sub, client_id: null, grant_id: null, request_id: signedIn.headers.get('x-request-id'), country: 'NZ', network: '198.51.100.0/24',
    });
    expect(Math.abs(first.at - Date.now() / 1000)).toBeLessThan(60);
    expect(begun).toMatchObject({
      event: 'grant_begun', outcome: 'done', reason: 'code', user_id: sub, client_id: 'gatepass-demo', grant_id: expect.any(String),
      request_id: response.headers.get('x-request-id'), country: null, network: null,
    });
  });

  test('once by what happens once, however often it is tried', async () => {
    const user = new Browser(stack);
    const { challenge, verifier } = pkce();
    const code = (await user.authorize({ challenge })).get('code');
    await atOnce(10, () => user.redeem(code, verifier));
    const found = codes(await events(2));
    expect(found.filter((event) => event === 'grant_begun')).toHaveLength(1);
  });

  test('not by a refresh, unless it ends the grant', async () => {
    const user = new Browser(stack);
    const { tokens } = await user.signIn();
    await events(2);
    await user.refresh(tokens.refresh_token);
    await db.prepare('UPDATE sessions SET refreshed_at = refreshed_at - 31 WHERE refresh_jti = ?').bind(claims(tokens.refresh_token).jti).run();
    for (let time = 0; time < 2; time += 1) expect(roundTrips(await user.refresh(tokens.refresh_token))).toBeLessThanOrEqual(2);
    const found = await events(3);
    expect(codes(found)).toEqual(['grant_ended', 'grant_begun', 'signed_in']);
    expect(found[0]).toMatchObject({ reason: 'replayed', grant_id: found[1].grant_id });
  });

  test('by a wrong password, with the user if there is one, and never what was typed', async () => {
    const user = new Browser(stack);
    const { stateToken } = await user.openLogin(user.authorizeUrl({ challenge: pkce().challenge }));
    await user.submitLogin(stateToken, 'demo', 'a-secret-password');
    await user.submitLogin(stateToken, 'my-password-typed-here', 'x');
    const found = await events(2);
    expect(found).toMatchObject([
      { event: 'wrong_password', outcome: 'refused', user_id: null },
      { event: 'wrong_password', outcome: 'refused', user_id: expect.any(String) },
    ]);
    expect(JSON.stringify(found)).not.toMatch(/a-secret-password|my-password/);
  });

  test('by signing out and by revocations', async () => {
    const user = new Browser(stack);
    const { tokens } = await user.signIn();
    await user.revoke(tokens.access_token);
    await user.revoke(tokens.access_token);
    await user.revoke(tokens.refresh_token);
    await user.request('GET', `/oauth/logout?id_token_hint=${tokens.id_token}`);
    const found = await events(5);
    expect(codes(found)).toEqual(expect.arrayContaining(['signed_out', 'grant_ended', 'token_revoked', 'grant_begun', 'signed_in']));
    expect(found).toHaveLength(5);
    expect(found.find(({ event }) => event === 'grant_ended').reason).toBe('revoked');
  });

  test('by a device that is allowed, and one that is not', async () => {
    const user = new Browser(stack);
    for (const decision of ['allow', 'deny']) {
      const device = new Device(user);
      await device.begin();
      await new DevicePage(user).answer(device.codes.user_code, decision);
      await device.poll();
    }
    const found = codes(await events(4));
    expect(found.toSorted()).toEqual(['device_allowed', 'device_denied', 'grant_begun', 'signed_in']);
  });

  test('by wrong credentials, a registration and what becomes of it, and an operator\'s command', async () => {
    const refused = await post(`${stack.provider}/oauth/introspect`, { token: 'x' }, { authorization: basic('gatepass-api', 'wrong') });
    expect(refused.status).toBe(401);
    expect(roundTrips(refused)).toBe(1);
    const json = { 'content-type': 'application/json' };
    const registered = await (await fetch(`${stack.provider}/oauth/register`, {
      method: 'POST', headers: json, body: '{"redirect_uris":["https://a.example/"]}',
    })).json();
    const manage = (method) => fetch(registered.registration_client_uri, {
      method, headers: { ...json, authorization: `Bearer ${registered.registration_access_token}` },
    });
    await manage('POST');
    await manage('DELETE');
    await fetch(`${stack.provider}/admin/keys/replace`, { method: 'POST', headers: { ...json, ...operator }, body: '{"all":true}' });
    const found = await events(5);
    const brief = found.map(({ event, reason, client_id: client }) => [event, reason, client]);
    expect(brief).toHaveLength(5);
    expect(brief).toEqual(expect.arrayContaining([
      ['credentials_refused', null, 'gatepass-api'],
      ['client_registered', null, registered.client_id],
      ['client_changed', 'secret', registered.client_id],
      ['client_changed', 'ended', registered.client_id],
      ['keys_changed', 'replace', null],
    ]));
    const secrets = [registered.client_secret, registered.registration_access_token, adminToken, 'wrong'];
    for (const secret of secrets) expect(JSON.stringify(found)).not.toContain(secret);
  });

  test('by what a user lets a client have', async () => {
    const user = new Browser(stack);
    await user.signIn();
    const app = await stranger(stack);
    const url = user.authorizeUrl({ client_id: app.id, redirect_uri: app.redirectUri, challenge: pkce().challenge });
    const asked = await user.request('GET', url);
    await answerConsent(user, await openConsent(user, asked.headers.get('location')), ['openid', 'read']);
    const found = await events(4);
    expect(codes(found)).toContain('consent_given');
    expect(found.find(({ event }) => event === 'consent_given')).toMatchObject({ client_id: app.id, user_id: expect.any(String) });
  });
});

describe('is read', () => {
  test('a page after the other, newest first', async () => {
    const count = 250;
    await db.prepare('WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO audit_log '
      + "(event_id, at, event, outcome, reason, request_id) SELECT printf('%010d%03d-x', 1700000000 + i / 3, i), 1700000000 + i / 3, 'signed_in', 'done', '', i FROM n")
      .bind(count).run();
    const pages = [];
    let next;
    do {
      const page = await read(next ? `?before=${next}` : '');
      pages.push(page.events.map(({ request_id: id }) => Number(id)));
      next = page.next;
    } while (next);
    expect(pages.map((page) => page.length)).toEqual([100, 100, 50]);
    expect(pages.flat()).toEqual(Array.from({ length: count }, (_, i) => count - i));
    expect((await read('?limit=3')).events).toHaveLength(3);
    for (const odd of ['0', '101', 'x', '-1', '1.5']) {
      const refused = await view(`audit?limit=${odd}`);
      expect([refused.status, (await refused.json()).error]).toEqual([400, 'invalid_request']);
    }
    expect((await view('audit?limit=1&limit=2')).status).toBe(400);
  });

  test('by the operator alone, and by no page of another origin', async () => {
    for (const path of ['audit', 'metrics']) {
      const asked = await view(path);
      expect(asked.status).toBe(200);
      expect(asked.headers.get('cache-control')).toBe('no-store');
      expect(asked.headers.get('access-control-allow-origin')).toBeNull();
      for (const headers of [{}, { authorization: 'Bearer x' }]) expect((await view(path, headers)).status).toBe(401);
      expect((await fetch(`${stack.provider}/admin/${path}`, { method: 'POST', headers: operator })).status).toBe(405);
    }
  });
});

describe('is kept', () => {
  test('for ninety days, then deleted a bounded number of rows a run', async () => {
    const old = Math.floor(Date.now() / 1000) - 90 * DAY - 60;
    const add = (at, count) => db.prepare('WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2) INSERT INTO audit_log '
      + "(event_id, at, event, outcome, reason, request_id) SELECT ?1 || printf('000-%05d', i), ?1, 'signed_in', 'done', '', 'x' FROM n").bind(at, count).run();
    await add(old, 10_001);
    await add(old + 120, 2);
    const rows = async () => (await db.prepare('SELECT count(*) AS n FROM audit_log').first()).n;
    await stack.clean();
    expect(await rows()).toBe(3);
    await stack.clean();
    expect(await rows()).toBe(2);
  });

  test('for another time, or for ever, by configuration', async () => {
    const now = Math.floor(Date.now() / 1000);
    for (const [retention, left] of [['never', 2], ['3600', 1]]) {
      await stack.restart({ provider: { GATEPASS_ADMIN_TOKEN: adminToken, GATEPASS_AUDIT_RETENTION: retention } });
      db = await stack.database('provider');
      await db.prepare('DELETE FROM audit_log').run();
      for (const at of [now - 3_700, now - 3_500]) {
        await db.prepare("INSERT INTO audit_log (event_id, at, event, outcome, reason, request_id) VALUES (?1 || '000-x', ?1, 'signed_in', 'done', '', 'x')").bind(at).run();
      }
      await stack.clean();
      expect((await db.prepare('SELECT count(*) AS n FROM audit_log').first()).n).toBe(left);
    }
  });
});

describe('the numbers', () => {
  test('are text that Prometheus reads: events of the last minutes, answers of this isolate', async () => {
    const user = new Browser(stack);
    const { stateToken } = await user.openLogin(user.authorizeUrl({ challenge: pkce().challenge }));
    await user.submitLogin(stateToken, 'demo', 'wrong');
    await user.submitLogin(stateToken);
    await events(2);
    await db.prepare("INSERT INTO audit_log (event_id, at, event, outcome, reason, request_id) VALUES ('1700000000000-x', 1700000000, 'grant_ended', 'done', 'replayed', 'x')").run();
    const response = await view('metrics');
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(roundTrips(response)).toBe(1);
    const text = await response.text();
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(/^(# TYPE gatepass_\w+ (gauge|counter)|gatepass_\w+\{(\w+="[^"]*",?)+\} \d+)$/);
    }
    expect(text).toContain('gatepass_events{event="wrong_password",outcome="refused",reason=""} 1\n');
    expect(text).toContain('gatepass_events{event="signed_in",outcome="done",reason=""} 1\n');
    expect(text).not.toContain('grant_ended');
    expect(text).toMatch(/gatepass_isolate_answers_total\{status="4xx"\} [1-9]/);
    for (const status of ['current', 'next']) expect(text).toContain(`gatepass_signing_keys{alg="ES256",status="${status}"} 1\n`);
  });
});
