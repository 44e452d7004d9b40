// Clients that prove themselves with a key of their own: private_key_jwt (RFC 7523, OIDC Core §9).
import crypto from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyPair, signed } from '../support/jws.mjs';
import { Browser, claims, pkce, post } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const REDIRECT = 'https://app.example/cb';
const json = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

let stack;
let key;
let client;
const now = () => Math.floor(Date.now() / 1000);

/** An assertion of `client`, with other claims or another header where a test wants them. */
function assertion(of, { signer = key, header = {}, ...changes } = {}) {
  const claimed = {
    iss: of.client_id, sub: of.client_id, aud: stack.provider, jti: crypto.randomUUID(), iat: now(), exp: now() + 60, ...changes,
  };
  return signed(signer, claimed, header);
}

const proof = (jwt) => ({ client_assertion_type: TYPE, client_assertion: jwt });
const introspect = (parameters) => post(`${stack.provider}/oauth/introspect`, { token: 'x', ...parameters });

async function register(keys) {
  const metadata = {
    redirect_uris: [REDIRECT], token_endpoint_auth_method: 'private_key_jwt', jwks: { keys },
    grant_types: ['authorization_code', 'refresh_token'],
  };
  const response = await fetch(`${stack.provider}/oauth/register`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(metadata),
  });
  expect(response.status).toBe(201);
  return response.json();
}

async function refused(response) {
  const { error, error_description: description } = await response.json();
  expect({ status: response.status, error }).toEqual({ status: 401, error: 'invalid_client' });
  return description;
}

beforeAll(async () => {
  stack = await startStack({ only: ['provider'] });
  key = keyPair('ES256');
  client = await register([key.jwk]);
});
afterAll(() => stack?.stop());

test('is announced, and such a client has no secret', async () => {
  const discovery = await (await fetch(`${stack.provider}/.well-known/openid-configuration`)).json();
  expect(discovery.token_endpoint_auth_methods_supported).toContain('private_key_jwt');
  expect(discovery.token_endpoint_auth_signing_alg_values_supported).toContain('ES256');
  expect(client.client_secret).toBeUndefined();
});

test.each(['ES256', 'RS256', 'EdDSA'])('proves itself with %s', async (alg) => {
  const own = keyPair(alg);
  const registered = await register([own.jwk]);
  const response = await introspect(proof(assertion(registered, { signer: own })));
  expect(response.status).toBe(200);
});

test('has proved nothing with a key with which nothing can be verified, nor signed a request', async () => {
  const own = keyPair('EdDSA');
  const registered = await register([{ ...own.jwk, x: Buffer.alloc(32).toString('base64url') }]);
  await refused(await introspect(proof(assertion(registered, { signer: own }))));
  const request = signed(own, { iss: registered.client_id, client_id: registered.client_id, aud: stack.provider, exp: now() + 60 }, { typ: 'oauth-authz-req+jwt' });
  const query = new URLSearchParams({ client_id: registered.client_id, request });
  expect((await fetch(`${stack.provider}/oauth/authorize?${query}`, { redirect: 'manual' })).status).toBe(400);
});

test('redeems a code and refreshes, and a lost answer heals with a new assertion', async () => {
  const db = await stack.database('provider');
  await db.prepare('UPDATE clients SET is_first_party = 1 WHERE client_id = ?').bind(client.client_id).run();
  const user = new Browser(stack);
  const { verifier, challenge } = pkce();
  const code = (await user.authorize({ challenge, client_id: client.client_id, redirect_uri: REDIRECT })).get('code');
  const redeemed = await user.token({
    grant_type: 'authorization_code', code, code_verifier: verifier, ...proof(assertion(client)),
  });
  expect(redeemed.status).toBe(200);
  const tokens = await redeemed.json();
  expect(claims(tokens.access_token).client_id).toBe(client.client_id);
  const refresh = (jwt) => user.token({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token, ...proof(jwt) });
  const lost = await (await refresh(assertion(client))).json();
  const again = await (await refresh(assertion(client))).json();
  expect(again.refresh_token).toBe(lost.refresh_token);
});

describe('an assertion', () => {
  test('counts once', async () => {
    const jwt = assertion(client);
    expect((await introspect(proof(jwt))).status).toBe(200);
    expect(await refused(await introspect(proof(jwt)))).toContain('used before');
  });

  test('counts once of twenty at once', async () => {
    const jwt = assertion(client);
    const answers = await Promise.all(Array.from({ length: 20 }, () => introspect(proof(jwt))));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  test('may leave out client_id and typ, and name the token endpoint', async () => {
    expect((await introspect(proof(assertion(client, { header: { typ: undefined } })))).status).toBe(200);
    const aud = [`${stack.provider}/oauth/token`];
    expect((await introspect({ ...proof(assertion(client, { aud })), client_id: client.client_id })).status).toBe(200);
  });

  test('may last an hour, as some libraries have it', async () => {
    expect((await introspect(proof(assertion(client, { exp: now() + 3_600 })))).status).toBe(200);
  });

  const wrong = {
    'for another provider': { aud: 'https://other.example' },
    'of another issuer': { iss: 'other' },
    'that has expired': { exp: 1 },
    'that ends too late': { exp: Math.floor(Date.now() / 1000) + 3_720 },
    'without jti': { jti: undefined },
    'without exp': { exp: undefined },
    'of another type': { header: { typ: 'at+jwt' } },
    'with no algorithm': { header: { alg: 'none' } },
    'with a key that the client has not': { header: { kid: 'other' } },
  };
  test.each(Object.entries(wrong))('%s is refused', async (_, changes) => {
    await refused(await introspect(proof(assertion(client, changes))));
  });

  test('signed with another key is refused', async () => {
    await refused(await introspect(proof(assertion(client, { signer: keyPair('ES256') }))));
  });

  test('of an unknown client, or of one with a secret, is refused', async () => {
    await refused(await introspect(proof(assertion({ client_id: 'nobody' }))));
    await refused(await introspect(proof(assertion({ client_id: 'gatepass-api' }))));
  });

  test('that is garbage, or comes with another method, is refused', async () => {
    for (const jwt of ['x', 'a.b.c', `${assertion(client)}x`, `${json({ alg: 'ES256' })}.e30.`]) {
      expect((await introspect({ ...proof(jwt), client_id: client.client_id })).status).toBe(401);
    }
    expect((await introspect({ ...proof(assertion(client)), client_secret: 'x' })).status).toBe(400);
    expect((await introspect({ client_id: client.client_id, client_assertion: assertion(client) })).status).toBe(401);
    await refused(await introspect({ client_id: client.client_id }));
  });
});
