// Signing keys: algorithms.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { header, keySet, signerOf } from '../support/jws.mjs';
import { Browser, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

const bearer = (token) => ({ authorization: `Bearer ${token}` });

describe('algorithms', () => {
  let stack;
  beforeAll(async () => { stack = await startStack({ only: ['provider', 'api'], api: { GATEPASS_VALIDATION: 'jwt' } }); });
  afterAll(() => stack?.stop());

  const settle = async (settings) => {
    const database = await stack.database('provider');
    await database.prepare("UPDATE clients SET settings = ? WHERE client_id = 'gatepass-demo'").bind(JSON.stringify(settings)).run();
  };

  test('a key is made for the algorithm that the configuration names, and for no other', async () => {
    const keys = await keySet(stack.provider);
    expect(keys.map((key) => key.alg)).toEqual(keys.map(() => 'ES256'));
  });

  test('discovery names every algorithm that a client may choose', async () => {
    const document = await (await fetch(`${stack.provider}/.well-known/openid-configuration`)).json();
    expect(document.id_token_signing_alg_values_supported).toEqual(['ES256', 'RS256', 'EdDSA', 'Ed25519']);
  });

  test.each([
    ['ES256', ['crv', 'x', 'y'], 'EC'],
    ['RS256', ['e', 'n'], 'RSA'],
    ['EdDSA', ['crv', 'x'], 'OKP'],
    ['Ed25519', ['crv', 'x'], 'OKP'],
  ])('a client that chose %s gets its tokens signed so, and they open what they should', async (alg, members, kty) => {
    await settle({ access_token_signed_response_alg: alg, id_token_signed_response_alg: alg });
    const user = new Browser(stack);
    const { tokens } = await user.signIn();
    const refreshed = await (await user.refresh(tokens.refresh_token)).json();
    const keys = await keySet(stack.provider);
    for (const token of [tokens.access_token, tokens.id_token, refreshed.access_token]) {
      expect(header(token).alg).toBe(alg);
      const key = signerOf(token, keys);
      expect(key).toMatchObject({ kty, use: 'sig' });
      expect(Object.keys(key).sort()).toEqual(['alg', 'kid', 'kty', 'use', ...members].sort());
    }
    for (const token of [tokens.access_token, refreshed.access_token]) {
      expect((await fetch(`${stack.provider}/oauth/userinfo`, { headers: bearer(token) })).status).toBe(200);
      expect(await (await user.introspect(token)).json()).toMatchObject({ active: true });
    }
  });

  test('a guard that checks signatures accepts every algorithm', async () => {
    // A guard looks for new keys once in 30 seconds; a new isolate does at once.
    await stack.restart();
    for (const alg of ['ES256', 'RS256', 'EdDSA', 'Ed25519']) {
      await settle({ access_token_signed_response_alg: alg });
      const { tokens } = await new Browser(stack).signIn();
      expect(header(tokens.access_token).alg).toBe(alg);
      expect([alg, (await fetch(`${stack.api}/api/protected`, { headers: bearer(tokens.access_token) })).status]).toEqual([alg, 200]);
    }
  });

  test('an RSA key has 2048 bits', async () => {
    const rsa = (await keySet(stack.provider)).find((key) => key.kty === 'RSA');
    expect(Buffer.from(rsa.n, 'base64url')).toHaveLength(256);
  });

  test('access and ID tokens may differ, and cost no round trip more', async () => {
    await settle({ id_token_signed_response_alg: 'RS256' });
    const user = new Browser(stack);
    await user.signIn();
    const { tokens, response } = await user.signIn();
    expect([tokens.access_token, tokens.id_token].map((token) => header(token).alg)).toEqual(['ES256', 'RS256']);
    expect(roundTrips(response)).toBe(2);
    const refreshed = await user.refresh(tokens.refresh_token);
    expect(roundTrips(refreshed)).toBe(1);
    expect(header((await refreshed.json()).access_token).alg).toBe('ES256');
  });

  test('a token signed by one key under the name of another is refused', async () => {
    await settle({});
    const user = new Browser(stack);
    const { tokens } = await user.signIn();
    const keys = await keySet(stack.provider);
    const [, claims, signature] = tokens.access_token.split('.');
    for (const key of keys.filter(({ kid }) => kid !== header(tokens.access_token).kid)) {
      const head = Buffer.from(JSON.stringify({ alg: key.alg, kid: key.kid, typ: 'at+jwt' })).toString('base64url');
      const forged = `${head}.${claims}.${signature}`;
      expect((await fetch(`${stack.provider}/oauth/userinfo`, { headers: bearer(forged) })).status).toBe(401);
      expect((await fetch(`${stack.api}/api/protected`, { headers: bearer(forged) })).status).toBe(401);
    }
  });

  test('one key for each algorithm, however many ask at once', async () => {
    await stack.restart({ provider: { GATEPASS_SIGNING_ALGORITHM: 'EdDSA' } });
    await (await stack.database('provider')).prepare('DELETE FROM signing_keys').run();
    const users = await Promise.all(Array.from({ length: 8 }, () => new Browser(stack).signIn()));
    const kids = users.map(({ tokens }) => header(tokens.access_token));
    expect(new Set(kids.map(({ kid }) => kid)).size).toBe(1);
    expect(kids[0].alg).toBe('EdDSA');
  });

  test('an algorithm that is none of ours stops the provider', async () => {
    const other = await startStack({ only: ['provider'], healthy: false, provider: { GATEPASS_SIGNING_ALGORITHM: 'HS256' } });
    expect((await fetch(`${other.provider}/health`)).status).toBe(500);
    expect(other.logs().join()).toContain('GATEPASS_SIGNING_ALGORITHM must be ES256, RS256, EdDSA or Ed25519');
    await other.stop();
  });
});
