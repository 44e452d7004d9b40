// Opaque access tokens: they say nothing, the database holds their hash, and everything that takes an access
// token takes them.
import { createHash } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ProvingApp } from '../support/dpop.mjs';
import { Browser, atOnce, basic, claims, refusal, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const SHAPE = /^[\w-]{43}$/;

let stack;
let user;
let db;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'] });
  user = new Browser(stack);
  await user.signIn();
  db = await stack.database('provider');
  const settings = { access_token_format: 'opaque', access_token_lifetime: 120 };
  await db.prepare("UPDATE clients SET settings = json_patch(settings, ?) WHERE client_id IN ('gatepass-demo', 'gatepass-service', 'gatepass-cli')")
    .bind(JSON.stringify(settings)).run();
});
afterAll(() => stack?.stop());

const bearer = (token) => ({ authorization: `Bearer ${token}` });
const userinfo = (token, headers = bearer(token)) => fetch(`${stack.provider}/oauth/userinfo`, { headers });
const introspect = async (token) => (await user.introspect(token)).json();
const rows = async () => (await db.prepare('SELECT token_hash FROM opaque_access_tokens').all()).results.map((row) => row.token_hash);
const hash = (token) => createHash('sha256').update(token).digest('base64url');

describe('an opaque access token', () => {
  test('is 256 random bits, of which the database holds the hash, in two round trips', async () => {
    const { tokens, response } = await user.signIn();
    expect(roundTrips(response)).toBe(2);
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 120 });
    expect(tokens.access_token).toMatch(SHAPE);
    expect(await rows()).toContain(hash(tokens.access_token));
    const everything = (await db.prepare('SELECT * FROM opaque_access_tokens').all()).results;
    expect(JSON.stringify(everything)).not.toContain(tokens.access_token);
    expect(claims(tokens.id_token).at_hash).toBe(createHash('sha256').update(tokens.access_token).digest().subarray(0, 16).toString('base64url'));
  });

  test('is told about by introspection, in one round trip, as a JWT would be', async () => {
    const { tokens } = await user.signIn({ scope: 'openid read' });
    const response = await user.introspect(tokens.access_token);
    expect(roundTrips(response)).toBe(1);
    const answer = await response.json();
    expect(answer).toMatchObject({
      active: true, iss: stack.provider, sub: 'demo', client_id: 'gatepass-demo', token_type: 'Bearer', username: 'demo',
      scope: 'openid read', jti: hash(tokens.access_token),
      auth_time: claims(tokens.id_token).auth_time, acr: claims(tokens.id_token).acr,
    });
    expect(answer.exp - answer.iat).toBe(120);
  });

  test('opens userinfo, in one round trip', async () => {
    const { tokens } = await user.signIn();
    const response = await userinfo(tokens.access_token);
    expect(roundTrips(response)).toBe(1);
    expect(await response.json()).toMatchObject({ sub: 'demo' });
    const { tokens: narrow } = await user.signIn({ scope: 'read' });
    expect((await userinfo(narrow.access_token)).status).toBe(403);
  });

  test('is another after a refresh, in one round trip and three rows; the one before stays good', async () => {
    const { tokens } = await user.signIn();
    const response = await user.refresh(tokens.refresh_token);
    expect(roundTrips(response)).toBe(1);
    const next = await response.json();
    expect(next.access_token).toMatch(SHAPE);
    expect(next.access_token).not.toBe(tokens.access_token);
    for (const token of [tokens.access_token, next.access_token]) expect(await introspect(token)).toMatchObject({ active: true });
  });

  test('is good for every one of twenty that refresh at once, and for a retry', async () => {
    const { tokens } = await user.signIn();
    const answers = await atOnce(20, () => user.refresh(tokens.refresh_token));
    const got = new Set(answers.map(({ body }) => body.access_token));
    expect(got.size).toBe(20);
    for (const token of got) expect(await introspect(token)).toMatchObject({ active: true });
    expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1);
  });

  test('may be for less scope', async () => {
    const { tokens } = await user.signIn();
    const narrow = await (await user.refresh(tokens.refresh_token, { scope: 'read' })).json();
    expect(await introspect(narrow.access_token)).toMatchObject({ active: true, scope: 'read' });
  });

  test('ends with its grant, however that ends', async () => {
    const browser = new Browser(stack);
    const [signedOut, revoked] = [(await browser.signIn()).tokens, (await user.signIn()).tokens];
    await browser.request('GET', `/oauth/logout?id_token_hint=${signedOut.id_token}`);
    await user.revoke(revoked.refresh_token);
    for (const { access_token: token } of [signedOut, revoked]) {
      expect(await introspect(token)).toEqual({ active: false });
      expect((await userinfo(token)).status).toBe(401);
    }
  });

  test('can be revoked alone, by its own client', async () => {
    const { tokens } = await user.signIn();
    const service = { authorization: basic('gatepass-service', stack.secrets.GATEPASS_SERVICE_SECRET) };
    expect(await refusal(await user.revoke(tokens.access_token, {}, service))).toMatchObject({ status: 400, error: 'invalid_grant' });
    expect(await introspect(tokens.access_token)).toMatchObject({ active: true });
    expect((await user.revoke(tokens.access_token)).status).toBe(200);
    expect(await introspect(tokens.access_token)).toEqual({ active: false });
    expect(await rows()).not.toContain(hash(tokens.access_token));
    expect((await user.revoke(tokens.access_token)).status).toBe(200);
    expect((await user.refresh(tokens.refresh_token)).status).toBe(200);
  });

  test('expires', async () => {
    const { tokens } = await user.signIn();
    await db.prepare('UPDATE opaque_access_tokens SET expires_at = unixepoch() WHERE token_hash = ?').bind(hash(tokens.access_token)).run();
    expect(await introspect(tokens.access_token)).toEqual({ active: false });
    expect((await userinfo(tokens.access_token)).headers.get('www-authenticate')).toContain('error_description="the token has expired"');
  });

  test('is not told about to another client, and its hash opens nothing', async () => {
    const { tokens } = await user.signIn();
    const gateway = { authorization: basic('gatepass-gateway', stack.secrets.GATEPASS_GATEWAY_SECRET) };
    const asked = (token) => fetch(`${stack.provider}/oauth/introspect`, { method: 'POST', headers: gateway, body: new URLSearchParams({ token }) });
    expect(await (await asked(tokens.access_token)).json()).toEqual({ active: false });
    expect(await introspect(hash(tokens.access_token))).toEqual({ active: false });
    expect((await userinfo(hash(tokens.access_token))).status).toBe(401);
  });

  test('of one that nobody issued is worth nothing, and only a client that proves itself learns that', async () => {
    const invented = 'A'.repeat(43);
    expect(await introspect(invented)).toEqual({ active: false });
    expect((await user.introspect(invented, 'wrong')).status).toBe(401);
    expect((await userinfo(invented)).status).toBe(401);
    expect((await user.revoke(invented)).status).toBe(200);
  });

  test('is bound to the key that was proved (RFC 9449)', async () => {
    const app = new ProvingApp(stack);
    const { tokens } = await app.signIn();
    expect(tokens).toMatchObject({ token_type: 'DPoP', access_token: expect.stringMatching(SHAPE) });
    const told = await introspect(tokens.access_token);
    expect(told).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt: expect.any(String) } });
    const downgraded = await userinfo(tokens.access_token);
    expect(downgraded.status).toBe(401);
    expect(downgraded.headers.get('www-authenticate')).toContain('DPoP');
    const next = await (await app.send(app.refreshForm(tokens.refresh_token))).json();
    expect(await introspect(next.access_token)).toMatchObject({ cnf: told.cnf });
  });

  test('of a service that acts for itself', async () => {
    const authorization = basic('gatepass-service', stack.secrets.GATEPASS_SERVICE_SECRET);
    const token = (await (await user.token({ grant_type: 'client_credentials', scope: 'read' }, { authorization })).json()).access_token;
    expect(token).toMatch(SHAPE);
    expect(await introspect(token)).toMatchObject({ active: true, sub: 'gatepass-service', scope: 'read' });
  });

  test('is exchanged, for another (RFC 8693)', async () => {
    await db.prepare("UPDATE clients SET grant_types = grant_types || ' ' || ?, settings = json_patch(settings, ?) WHERE client_id = 'gatepass-service'")
      .bind(EXCHANGE, JSON.stringify({ exchanges_tokens_of: ['gatepass-demo'] })).run();
    const { tokens } = await user.signIn();
    const authorization = basic('gatepass-service', stack.secrets.GATEPASS_SERVICE_SECRET);
    const form = { grant_type: EXCHANGE, subject_token: tokens.access_token, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' };
    const exchanged = await (await user.token(form, { authorization })).json();
    expect(exchanged.access_token).toMatch(SHAPE);
    expect(await introspect(exchanged.access_token)).toMatchObject({ active: true, sub: 'demo', client_id: 'gatepass-service', act: { sub: 'gatepass-service' } });
    await user.revoke(tokens.refresh_token);
    expect(await introspect(exchanged.access_token)).toEqual({ active: false });
    expect(await refusal(await user.token(form, { authorization }))).toMatchObject({ status: 400, error: 'invalid_request' });
  });
});
