// Signed authorization requests (RFC 9101): what the object says counts, and nothing beside it.
import crypto from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyPair, signed } from '../support/jws.mjs';
import { Browser, DEMO, claims, pkce, post, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

const REDIRECT = 'https://app.example/cb';
const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const now = () => Math.floor(Date.now() / 1000);

let stack;
let db;
let key;
let client;
let user;

async function register(changes = {}) {
  const metadata = {
    redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none', jwks: { keys: [key.jwk] },
    grant_types: ['authorization_code', 'refresh_token'], ...changes,
  };
  const response = await fetch(`${stack.provider}/oauth/register`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(metadata),
  });
  expect(response.status).toBe(201);
  const registered = await response.json();
  await db.prepare('UPDATE clients SET is_first_party = 1 WHERE client_id = ?').bind(registered.client_id).run();
  return registered;
}

/** The claims of a good object of `of`. */
const asks = (of, changes = {}) => ({
  iss: of.client_id, aud: stack.provider, exp: now() + 300, nbf: now(), iat: now(), jti: crypto.randomUUID(),
  client_id: of.client_id, response_type: 'code', redirect_uri: REDIRECT, scope: 'openid read', state: 'inside',
  code_challenge: pkce().challenge, code_challenge_method: 'S256', ...changes,
});
const object = (changes, { signer = key, header, of = client } = {}) =>
  signed(signer, asks(of, changes), { typ: 'oauth-authz-req+jwt', ...header });
const go = (parameters, browser = user) =>
  browser.request('GET', `/oauth/authorize?${new URLSearchParams({ client_id: client.client_id, ...parameters })}`);
const back = (response) => Object.fromEntries(new URL(response.headers.get('location')).searchParams);
const push = (parameters) => post(`${stack.provider}/oauth/par`, parameters);

async function shown(response, code) {
  expect(response.status).toBe(400);
  expect(response.headers.get('location')).toBeNull();
  expect(await response.text()).toContain(code);
}

beforeAll(async () => {
  stack = await startStack({ only: ['provider'] });
  db = await stack.database('provider');
  key = keyPair('ES256');
  await fetch(`${stack.provider}/login`);
  client = await register();
  user = new Browser(stack);
  await user.signIn();
});
afterAll(() => stack?.stop());

test('is announced', async () => {
  expect(await (await fetch(`${stack.provider}/.well-known/openid-configuration`)).json()).toMatchObject({
    request_parameter_supported: true, require_signed_request_object: false, request_uri_parameter_supported: false,
    request_object_signing_alg_values_supported: ['ES256', 'RS256', 'EdDSA', 'Ed25519'],
  });
});

describe('a signed request', () => {
  test('leads to a code and to tokens, in no more round trips than another', async () => {
    const { verifier, challenge } = pkce();
    const response = await go({ request: object({ code_challenge: challenge }) });
    expect(roundTrips(response)).toBe(2);
    const { code, state } = back(response);
    expect(state).toBe('inside');
    const tokens = await (await user.token({
      grant_type: 'authorization_code', client_id: client.client_id, code, code_verifier: verifier,
    })).json();
    expect(tokens.scope).toBe('openid read');
  });

  test.each(['RS256', 'EdDSA'])('may be signed with %s', async (alg) => {
    const own = keyPair(alg);
    const of = await register({ jwks: { keys: [own.jwk] }, request_object_signing_alg: alg });
    expect(of.request_object_signing_alg).toBe(alg);
    expect(back(await go({ client_id: of.client_id, request: object({}, { signer: own, of }) })).code).toBeTruthy();
  });

  test('need not say its type, nor when it begins, and may have several audiences', async () => {
    const aud = ['https://other.example', stack.provider];
    for (const request of [object({}, { header: { typ: undefined } }), object({ nbf: undefined, iat: undefined, jti: undefined, aud })]) {
      expect(back(await go({ request })).code).toBeTruthy();
    }
  });

  test('goes through the sign-in page, by POST too, and may be loaded again', async () => {
    const request = object({ prompt: 'login' });
    for (const time of [1, 2]) {
      const { stateToken } = await user.openLogin(`/oauth/authorize?${new URLSearchParams({ client_id: client.client_id, request })}`);
      const signedIn = await user.submitLogin(stateToken);
      expect(back(await user.request('GET', signedIn.headers.get('location'))).state, `time ${time}`).toBe('inside');
    }
    const posted = await user.request('POST', '/oauth/authorize', { form: { client_id: client.client_id, request: object() } });
    expect(back(posted).code).toBeTruthy();
  });

  test('has everything that a request may have', async () => {
    const { verifier, challenge } = pkce();
    const rich = { code_challenge: challenge, nonce: 'n-1', max_age: 3600, resource: [stack.api], claims: { id_token: { name: null } } };
    const { code } = back(await go({ request: object(rich) }));
    const tokens = await (await user.token({
      grant_type: 'authorization_code', client_id: client.client_id, code, code_verifier: verifier,
    })).json();
    expect(claims(tokens.access_token).aud).toBe(stack.api);
    expect(claims(tokens.id_token).nonce).toBe('n-1');
  });
});

describe('what stands beside the object', () => {
  const beside = {
    scope: 'write', state: 'outside', redirect_uri: 'https://evil.example/', nonce: 'x', response_type: 'token', response_mode: 'fragment',
    code_challenge: 'x', prompt: 'none', resource: 'https://evil.example', id_token_hint: 'x', claims: '{', registration: '{}',
  };

  test('counts for nothing', async () => {
    const { verifier, challenge } = pkce();
    const answer = back(await go({ ...beside, request: object({ code_challenge: challenge }) }));
    expect(answer.state).toBe('inside');
    const tokens = await (await user.token({
      grant_type: 'authorization_code', client_id: client.client_id, code: answer.code, code_verifier: verifier,
    })).json();
    expect(tokens.scope).toBe('openid read');
    expect(claims(tokens.id_token).nonce).toBeUndefined();
  });

  test('does not fill in what the object leaves out', async () => {
    const code_challenge = pkce().challenge;
    expect(back(await go({ code_challenge, request: object({ code_challenge: undefined }) }))).toMatchObject({ error: 'invalid_request', state: 'inside' });
    const bare = back(await go({ response_type: 'code', state: 'outside', request: object({ response_type: undefined, state: undefined }) }));
    expect(bare.error).toBe('unsupported_response_type');
    expect(bare.state).toBeUndefined();
  });

  test('is refused if it is another request', async () => {
    const parameters = { redirect_uri: REDIRECT, state: 's', request: object(), request_uri: 'https://app.example/request.jwt' };
    expect(back(await go(parameters))).toMatchObject({ error: 'request_uri_not_supported', state: 's' });
  });
});

describe('refused is, without going anywhere, an object', () => {
  const wrong = {
    'that has expired': { exp: 1 },
    'without an end': { exp: undefined },
    'that ends too late': { exp: Math.floor(Date.now() / 1000) + 3_720 },
    'that has not begun': { nbf: Math.floor(Date.now() / 1000) + 600 },
    'that began long ago': { nbf: 1 },
    'for another provider': { aud: 'https://other.example' },
    'for nobody': { aud: undefined },
    'of another issuer': { iss: 'other' },
    'of no issuer': { iss: undefined },
    'that names another client': { client_id: 'gatepass-demo' },
    'that names no client': { client_id: undefined },
    'with another request in it': { request: 'a.b.c' },
    'with a reference in it': { request_uri: 'urn:ietf:params:oauth:request_uri:x' },
  };
  test.each(Object.entries(wrong))('%s', async (_, changes) => {
    await shown(await go({ redirect_uri: REDIRECT, request: object(changes) }), 'invalid_request_object');
    const pushed = await push({ client_id: client.client_id, request: object(changes) });
    expect({ status: pushed.status, error: (await pushed.json()).error }).toEqual({ status: 400, error: 'invalid_request_object' });
  });

  const json = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const unsigned = {
    'without a signature (alg none)': () => `${json({ alg: 'none', typ: 'oauth-authz-req+jwt' })}.${json(asks(client))}.`,
    'with alg none and the key of the client': () => object({}, { header: { alg: 'none' } }),
    'signed with the public key as a secret (HS256)': () => {
      const input = `${json({ alg: 'HS256', kid: key.kid })}.${json(asks(client))}`;
      return `${input}.${crypto.createHmac('sha256', JSON.stringify(key.jwk)).update(input).digest('base64url')}`;
    },
    'signed with another key of the same name': () => object({}, { signer: keyPair('ES256') }),
    'with a key that the client has not': () => object({}, { header: { kid: 'other' } }),
    'without a key': () => object({}, { header: { kid: undefined } }),
    'of another type': () => object({}, { header: { typ: 'at+jwt' } }),
    'that was changed': () => {
      const [header, , signature] = object().split('.');
      return `${header}.${json(asks(client, { scope: 'openid write' }))}.${signature}`;
    },
    'that must be understood otherwise (crit)': () => object({}, { header: { crit: ['b64'] } }),
    'that is garbage': () => 'a.b.c',
  };
  test.each(Object.entries(unsigned))('%s', async (_, make) => {
    await shown(await go({ redirect_uri: REDIRECT, request: make() }), 'invalid_request_object');
    const pushed = await push({ client_id: client.client_id, request: make() });
    expect({ status: pushed.status, error: (await pushed.json()).error }).toEqual({ status: 400, error: 'invalid_request_object' });
  });

  test('replayed as another client’s', async () => {
    const other = await register();
    await shown(await go({ client_id: other.client_id, request: object() }), 'invalid_request_object');
    const pushed = await push({ client_id: other.client_id, request: object() });
    expect((await pushed.json()).error).toBe('invalid_request_object');
    await shown(await go({ client_id: DEMO.id, request: object() }), 'invalid_request_object');
  });

  test('with another algorithm than the client has settled', async () => {
    const of = await register({ jwks: { keys: [key.jwk, keyPair('RS256').jwk] }, request_object_signing_alg: 'RS256' });
    await shown(await go({ client_id: of.client_id, request: object({}, { of }) }), 'invalid_request_object');
  });

  test('that proves the client, and the other way round', async () => {
    const of = await register({ token_endpoint_auth_method: 'private_key_jwt' });
    const proving = signed(key, asks(of, { sub: of.client_id }));
    await shown(await go({ client_id: of.client_id, request: proving }), 'invalid_request_object');
    const proof = (jwt) => ({ client_assertion_type: TYPE, client_assertion: jwt, token: 'x' });
    for (const header of [{}, { typ: 'JWT' }]) {
      const response = await post(`${stack.provider}/oauth/introspect`, proof(object({}, { of, header })));
      expect({ status: response.status, error: (await response.json()).error }).toEqual({ status: 401, error: 'invalid_client' });
    }
  });
});

describe('a pushed object', () => {
  const open = async (pushed) => {
    const { request_uri } = await pushed.json();
    return back(await go({ request_uri }));
  };

  test('is kept as what it says, and needs no client_id beside it', async () => {
    const pushed = await push({ client_id: client.client_id, scope: 'write', state: 'outside', request: object() });
    expect(pushed.status).toBe(201);
    expect(roundTrips(pushed)).toBe(2);
    const { results } = await db.prepare('SELECT parameters FROM pushed_requests').all();
    expect(results).toHaveLength(1);
    expect(results[0].parameters).not.toMatch(/request=|outside/);
    expect((await open(pushed)).state).toBe('inside');
    const of = await register({ token_endpoint_auth_method: 'private_key_jwt' });
    const assertion = signed(key, { iss: of.client_id, sub: of.client_id, aud: stack.provider, jti: crypto.randomUUID(), iat: now(), exp: now() + 60 });
    const proved = await push({ client_assertion_type: TYPE, client_assertion: assertion, request: object({}, { of }) });
    expect(proved.status).toBe(201);
  });

  test('is checked like any other request', async () => {
    const pushed = await push({ client_id: client.client_id, request: object({ scope: 'admin' }) });
    expect({ status: pushed.status, error: (await pushed.json()).error }).toEqual({ status: 400, error: 'invalid_scope' });
    const elsewhere = await push({ client_id: client.client_id, redirect_uri: REDIRECT, request: object({ redirect_uri: 'https://evil.example/' }) });
    expect((await elsewhere.json()).error).toBe('invalid_request');
  });
});

describe('a client that must sign', () => {
  let signs;
  const bare = () => ({
    client_id: signs.client_id, redirect_uri: REDIRECT, response_type: 'code', state: 's', code_challenge: pkce().challenge, code_challenge_method: 'S256',
  });
  beforeAll(async () => {
    signs = await register({ require_signed_request_object: true });
  });

  test('is told so, and may neither ask nor push without', async () => {
    expect(signs.require_signed_request_object).toBe(true);
    expect(back(await go(bare()))).toMatchObject({ error: 'invalid_request', state: 's' });
    const pushed = await push(bare());
    expect({ status: pushed.status, error: (await pushed.json()).error }).toEqual({ status: 400, error: 'invalid_request' });
  });

  test('asks with an object, also after the sign-in page and pushed', async () => {
    expect(back(await go({ client_id: signs.client_id, request: object({}, { of: signs }) })).code).toBeTruthy();
    const fresh = new Browser(stack);
    const url = `/oauth/authorize?${new URLSearchParams({ client_id: signs.client_id, request: object({}, { of: signs }) })}`;
    const { stateToken } = await fresh.openLogin(url);
    const signedIn = await fresh.submitLogin(stateToken);
    expect(back(await fresh.request('GET', signedIn.headers.get('location'))).code).toBeTruthy();
    const pushed = await push({ client_id: signs.client_id, request: object({}, { of: signs }) });
    const { request_uri } = await pushed.json();
    expect(back(await go({ client_id: signs.client_id, request_uri })).code).toBeTruthy();
  });

  test('and pushes, must do both', async () => {
    const both = await register({ require_signed_request_object: true, require_pushed_authorization_requests: true });
    expect(back(await go({ client_id: both.client_id, request: object({}, { of: both }) }))).toMatchObject({ error: 'invalid_request', state: 'inside' });
  });
});
