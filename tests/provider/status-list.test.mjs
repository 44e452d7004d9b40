// What is published of revocations: Token Status List (IETF draft-ietf-oauth-status-list).
import { inflateSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { header, keySet, signerOf } from '../support/jws.mjs';
import { Browser, atOnce, basic, claims, pkce, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

let stack;
let user;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'] });
  user = new Browser(stack);
  await user.signIn();
});
afterAll(() => stack?.stop());

/** Where a token says that its status is. */
const reference = (token) => claims(token).status.status_list;

/** What a list says, signed by a published key. */
async function read(uri) {
  const text = await (await fetch(uri)).text();
  expect(signerOf(text, await keySet(stack.provider))).toBeDefined();
  return claims(text);
}

/** As a verifier that knows the standard alone reads it (§8.3). */
async function status(token) {
  const { idx, uri } = reference(token);
  const list = await read(uri);
  expect(list).toMatchObject({ sub: uri, status_list: { bits: 1 } });
  const bytes = inflateSync(Buffer.from(list.status_list.lst, 'base64url'));
  return (bytes[idx >> 3] >> (idx & 7)) & 1;
}

/** The list has a new second to be of. */
const becomes = (token, expected) => expect.poll(() => status(token), { timeout: 5_000 }).toBe(expected);

describe('an access token', () => {
  test('carries the index of its grant, the same after a refresh and in a retry, and another grant has another', async () => {
    const { tokens } = await user.signIn();
    const own = reference(tokens.access_token);
    expect(own).toEqual({ idx: expect.any(Number), uri: `${stack.provider}/oauth/status_lists/0` });
    const response = await user.refresh(tokens.refresh_token);
    expect(roundTrips(response)).toBe(1);
    expect(reference((await response.json()).access_token)).toEqual(own);
    expect(reference((await (await user.refresh(tokens.refresh_token)).json()).access_token)).toEqual(own);
    const others = await Promise.all(Array.from({ length: 5 }, () => new Browser(stack).signIn()));
    const indexes = [own, ...others.map((other) => reference(other.tokens.access_token))].map(({ idx }) => idx);
    expect(new Set(indexes).size).toBe(6);
  });

  test('of a code that is redeemed twenty times at once has one index', async () => {
    const { verifier, challenge } = pkce();
    const code = (await user.authorize({ challenge })).get('code');
    const answers = await atOnce(20, () => user.redeem(code, verifier));
    expect(answers.filter(({ status: is }) => is === 200)).toHaveLength(1);
  });

  test('of a client that acts for itself has the index that no grant has', async () => {
    const authorization = basic('gatepass-service', stack.secrets.GATEPASS_SERVICE_SECRET);
    const answer = await user.token({ grant_type: 'client_credentials' }, { authorization });
    expect(reference((await answer.json()).access_token).idx).toBe(0);
  });
});

describe('a list', () => {
  test('is signed, says whose and how old it is and how long it may be kept, in one round trip', async () => {
    const uri = `${stack.provider}/oauth/status_lists/0`;
    const response = await fetch(uri, { headers: { accept: 'application/statuslist+jwt' } });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/statuslist+jwt');
    expect(response.headers.get('cache-control')).toBe('public, max-age=5');
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(roundTrips(response)).toBeLessThanOrEqual(1);
    const text = await response.text();
    expect(header(text)).toMatchObject({ typ: 'statuslist+jwt', alg: 'ES256' });
    const { sub, iat, exp, ttl, status_list: list } = await read(uri);
    expect({ sub, ttl }).toEqual({ sub: uri, ttl: 5 });
    expect(Math.abs(iat - Date.now() / 1000)).toBeLessThan(5);
    expect(exp).toBe(iat + 70);
    expect(inflateSync(Buffer.from(list.lst, 'base64url'))).toHaveLength(131_072);
    expect(text.length).toBeLessThan(2_000);
  });

  test('may be kept for half of the configured bound', async () => {
    const slow = await startStack({ only: ['provider'], provider: { GATEPASS_REVOCATION_BOUND: '60' } });
    try {
      const response = await fetch(`${slow.provider}/oauth/status_lists/0`);
      expect(response.headers.get('cache-control')).toBe('public, max-age=30');
      expect(claims(await response.text()).ttl).toBe(30);
    } finally {
      await slow.stop();
    }
  });

  test.each(['2', '01', 'x', '-1', '4294967296', '0/'])('that there is not is not there: %s', async (number) => {
    expect((await fetch(`${stack.provider}/oauth/status_lists/${number}`)).status).toBe(404);
  });

  test('is there before its first grant, and empty', async () => {
    const uri = `${stack.provider}/oauth/status_lists/1`;
    const { sub, status_list: list } = await read(uri);
    expect(sub).toBe(uri);
    expect(inflateSync(Buffer.from(list.lst, 'base64url')).every((byte) => byte === 0)).toBe(true);
  });

  test('that there is not costs one round trip for all such, and that may be kept', async () => {
    const trips = [];
    for (let number = 0; number < 40; number += 1) {
      const response = await fetch(`${stack.provider}/oauth/status_lists/${4_294_967_295 - number}`);
      expect(response.status).toBe(404);
      expect(response.headers.get('cache-control')).toBe('public, max-age=5');
      trips.push(roundTrips(response));
    }
    // Half the bound may end meanwhile, and the keys be read anew.
    expect(trips.filter((count) => count > 0).length).toBeLessThanOrEqual(3);
  });

  test('is read, and nothing else', async () => {
    expect((await fetch(`${stack.provider}/oauth/status_lists/0`, { method: 'POST' })).status).toBe(405);
  });
});

describe('a list shows', () => {
  test('a grant that its client ended, and no other', async () => {
    const [gone, stays] = [await user.signIn(), await user.signIn()];
    expect(await status(gone.tokens.access_token)).toBe(0);
    await user.revoke(gone.tokens.refresh_token);
    await becomes(gone.tokens.access_token, 1);
    expect(await status(stays.tokens.access_token)).toBe(0);
  });

  test('every grant of a browser that signed out, also what was issued by a refresh', async () => {
    const browser = new Browser(stack);
    const [first, second] = [await browser.signIn(), await browser.signIn()];
    const refreshed = await (await browser.refresh(first.tokens.refresh_token)).json();
    await browser.request('GET', `/oauth/logout?id_token_hint=${first.tokens.id_token}`);
    for (const { access_token: token } of [first.tokens, refreshed, second.tokens]) await becomes(token, 1);
  });

  test('a grant whose refresh token was replayed', async () => {
    const { tokens } = await user.signIn();
    await user.refresh(tokens.refresh_token);
    const db = await stack.database('provider');
    await db.prepare('UPDATE sessions SET refreshed_at = refreshed_at - 31 WHERE refreshed_at > 0').run();
    expect((await user.refresh(tokens.refresh_token)).status).toBe(400);
    await becomes(tokens.access_token, 1);
  });

  test('an access token that was revoked alone, by its name, and leaves its grant', async () => {
    const { tokens } = await user.signIn();
    await user.revoke(tokens.access_token);
    const { uri } = reference(tokens.access_token);
    const { jti } = claims(tokens.access_token);
    await expect.poll(async () => (await read(uri)).revoked_jti ?? [], { timeout: 5_000 }).toContain(jti);
    expect(await status(tokens.access_token)).toBe(0);
  });

  test('few of many access tokens that were revoked one by one, and of the others when the last of them was issued', async () => {
    const { tokens } = await user.signIn();
    const { refresh_token: retried } = tokens;
    const retry = async () => (await (await user.refresh(retried)).json()).access_token;
    const { uri } = reference(tokens.access_token);
    const family = `gatepass-demo ${claims(tokens.access_token).grant_id}`;
    const revoked = [];
    while (revoked.length < 24) {
      const token = await retry();
      expect(roundTrips(await user.revoke(token))).toBe(2);
      revoked.push(token);
    }
    const last = claims(revoked.at(-1)).iat;
    await expect.poll(async () => (await read(uri)).revoked_until ?? {}, { timeout: 5_000 }).toHaveProperty([family], last);
    const { revoked_jti: named } = await read(uri);
    expect(revoked.filter((token) => named.includes(claims(token).jti))).toHaveLength(16);
    const isActive = async (token) => (await (await user.introspect(token)).json()).active;
    expect(await Promise.all([...revoked, tokens.access_token].map(isActive))).toEqual(Array(25).fill(false));
    expect(await status(tokens.access_token)).toBe(0);
    // The user refreshes, and goes on.
    let next = await retry();
    while (claims(next).iat <= last) next = await retry();
    expect(await isActive(next)).toBe(true);
  });

  test('a client that ended its registration, by its name', async () => {
    const registered = await (await fetch(`${stack.provider}/oauth/register`, {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: ['https://app.example/callback'], client_name: 'An app' }),
    })).json();
    const headers = { authorization: `Bearer ${registered.registration_access_token}` };
    expect((await fetch(registered.registration_client_uri, { method: 'DELETE', headers })).status).toBe(204);
    const list = () => read(`${stack.provider}/oauth/status_lists/0`);
    await expect.poll(async () => (await list()).ended_clients ?? [], { timeout: 5_000 }).toContain(registered.client_id);
  });

  test('nothing any more of what ended longer ago than any access token lives', async () => {
    const { tokens } = await user.signIn();
    await user.revoke(tokens.refresh_token);
    await becomes(tokens.access_token, 1);
    const db = await stack.database('provider');
    const { longest } = (await db.prepare('SELECT max(token_lifetime) AS longest FROM signing_keys').all()).results[0];
    const ago = Math.max(longest, 600) + 1;
    await db.prepare('UPDATE grants SET ended_at = ended_at - ? WHERE status_index = ?').bind(ago, reference(tokens.access_token).idx).run();
    await becomes(tokens.access_token, 0);
  });
});
