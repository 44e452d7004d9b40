// Introspection answers as signed JWTs (RFC 9701).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { header, keySet, signerOf } from '../support/jws.mjs';
import { Browser, basic, claims, post, refusal, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

const TYPE = 'application/token-introspection+jwt';

let stack;
let user;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'] });
  user = new Browser(stack);
  await user.signIn();
});
afterAll(() => stack?.stop());

const ask = (token, { id = 'gatepass-api', secret = stack.secrets.GATEPASS_API_SECRET, accept = TYPE } = {}) =>
  post(`${stack.provider}/oauth/introspect`, { token }, { authorization: basic(id, secret), accept });

/** What an answer says, signed by a published key. */
async function read(response) {
  expect(response.headers.get('content-type')).toBe(TYPE);
  const text = await response.text();
  expect(signerOf(text, await keySet(stack.provider))).toBeDefined();
  return { header: header(text), claims: claims(text), text };
}

describe('a signed answer', () => {
  test('says the same as the plain one, who says so, to whom and when, in one round trip', async () => {
    const { tokens } = await user.signIn();
    const response = await ask(tokens.access_token);
    expect(response.status).toBe(200);
    expect(roundTrips(response)).toBe(1);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const signed = await read(response);
    expect(signed.header).toMatchObject({ typ: 'token-introspection+jwt', alg: 'ES256' });
    const plain = await (await user.introspect(tokens.access_token)).json();
    expect(plain.active).toBe(true);
    expect(signed.claims).toEqual({ iss: stack.provider, aud: 'gatepass-api', iat: expect.any(Number), token_introspection: plain });
  });

  test('says of a token that is worth nothing just that', async () => {
    const { claims: said } = await read(await ask('garbage'));
    expect(said.token_introspection).toEqual({ active: false });
    const { tokens } = await user.signIn();
    await user.revoke(tokens.refresh_token);
    for (const token of [tokens.access_token, tokens.refresh_token]) {
      expect((await read(await ask(token))).claims.token_introspection).toEqual({ active: false });
    }
  });

  test('is for whoever asked: another is told of its own tokens', async () => {
    const { tokens } = await user.signIn();
    const { claims: said } = await read(await ask(tokens.access_token, { id: 'gatepass-gateway', secret: stack.secrets.GATEPASS_GATEWAY_SECRET }));
    expect(said).toMatchObject({ aud: 'gatepass-gateway', token_introspection: { active: false } });
  });

  test('is not given to whoever does not ask for it, nor to whoever may not ask at all', async () => {
    const { tokens } = await user.signIn();
    for (const accept of ['application/json', '*/*']) {
      const response = await ask(tokens.access_token, { accept });
      expect(response.headers.get('content-type')).toBe('application/json');
    }
    expect(await refusal(await ask(tokens.access_token, { secret: 'wrong' }))).toMatchObject({ status: 401, error: 'invalid_client' });
  });

  test('opens nothing: it is no access token', async () => {
    const { tokens } = await user.signIn();
    const { text } = await read(await ask(tokens.access_token));
    const response = await fetch(`${stack.provider}/oauth/userinfo`, { headers: { authorization: `Bearer ${text}` } });
    expect(response.status).toBe(401);
    expect((await read(await ask(text))).claims.token_introspection).toEqual({ active: false });
  });

  test('is signed as its caller settled, with one of the algorithms that discovery names', async () => {
    const { introspection_signing_alg_values_supported: supported } = await (await fetch(`${stack.provider}/.well-known/openid-configuration`)).json();
    expect(supported).toContain('RS256');
    const db = await stack.database('provider');
    await db.prepare("UPDATE clients SET settings = json_set(settings, '$.introspection_signed_response_alg', 'RS256') WHERE client_id = 'gatepass-api'").run();
    const { header: said } = await read(await ask('garbage'));
    expect(said.alg).toBe('RS256');
  });
});
