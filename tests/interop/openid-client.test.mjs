// openid-client, the certified client library for JavaScript: everything it asks for, and none of its checks
// switched off but the one for TLS, which localhost has not.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as oidc from 'openid-client';
import { startStack } from '../support/stack.mjs';
import { User } from './user.mjs';

const REDIRECT = 'https://app.example/cb';
const GOODBYE = 'https://app.example/bye';
const SCOPE = 'openid profile email offline_access read';
const METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'];

let stack;
let server;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'] });
  server = new URL(stack.provider);
});
afterAll(() => stack?.stop());

// Signatures of ID tokens are verified too, although they come straight from the provider (OIDC Core §3.1.3.7).
const insecure = { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] };

/** Registers a client that proves itself so. @returns {Promise<oidc.Configuration>} */
async function register(method, { algorithm, ...metadata } = {}) {
  const { authentication, ...keys } = await credentials(method);
  const asked = {
    client_name: 'Notes',
    redirect_uris: [REDIRECT],
    post_logout_redirect_uris: [GOODBYE],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: method,
    ...keys,
    ...metadata,
  };
  return oidc.dynamicClientRegistration(server, asked, authentication, { ...insecure, algorithm });
}

async function credentials(method) {
  // The library takes the secret from the registration.
  if (method === 'client_secret_basic') return { authentication: oidc.ClientSecretBasic() };
  if (method === 'client_secret_post') return { authentication: oidc.ClientSecretPost() };
  if (method === 'none') return { authentication: oidc.None() };
  const ecdsa = { name: 'ECDSA', namedCurve: 'P-256' };
  const { privateKey, publicKey } = await crypto.subtle.generateKey(ecdsa, true, ['sign', 'verify']);
  const jwk = { ...(await crypto.subtle.exportKey('jwk', publicKey)), alg: 'ES256', kid: 'notes', use: 'sig' };
  return { authentication: oidc.PrivateKeyJwt({ key: privateKey, kid: 'notes' }), jwks: { keys: [jwk] } };
}

/** The code flow: the client's link, where and with what the browser came back, and the tokens. */
async function signIn(client, user, { link = oidc.buildAuthorizationUrl, checks = {}, ...parameters } = {}) {
  const verifier = oidc.randomPKCECodeVerifier();
  const [state, nonce] = [oidc.randomState(), oidc.randomNonce()];
  const url = await link(client, {
    redirect_uri: REDIRECT,
    scope: SCOPE,
    state,
    nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...parameters,
  });
  const back = parameters.response_mode === 'form_post' ? await user.followToForm(url) : new URL(await user.follow(url));
  const expected = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true, ...checks };
  return { url, back, tokens: await oidc.authorizationCodeGrant(client, back, expected) };
}

describe.each(METHODS)('a client that registers with %s', (method) => {
  let client;
  let user;
  beforeAll(async () => {
    client = await register(method);
    user = new User(stack);
  });

  test('signs its user in and is told who that is', async () => {
    const { back, tokens } = await signIn(client, user);
    expect(back.searchParams.get('iss')).toBe(stack.provider);
    expect(tokens).toMatchObject({ token_type: 'bearer', expires_in: 300, refresh_token: expect.any(String) });
    const claims = tokens.claims();
    expect(claims).toMatchObject({ iss: stack.provider, sub: 'demo', aud: client.clientMetadata().client_id });
    expect(claims.at_hash).toBeTruthy();
    const info = await oidc.fetchUserInfo(client, tokens.access_token, claims.sub);
    expect(info).toMatchObject({ sub: 'demo', preferred_username: 'demo' });
  });

  test('refreshes, and again with what it was given', async () => {
    const { tokens } = await signIn(client, user);
    const second = await oidc.refreshTokenGrant(client, tokens.refresh_token);
    expect(second.claims()).toMatchObject({ sub: 'demo', auth_time: tokens.claims().auth_time });
    const third = await oidc.refreshTokenGrant(client, second.refresh_token, { scope: 'openid read' });
    expect(third.scope).toBe('openid read');
    expect(third.access_token).not.toBe(second.access_token);
  });

  test('takes its refresh token back, and is refused with it', async () => {
    const { tokens } = await signIn(client, user);
    await oidc.tokenRevocation(client, tokens.refresh_token, { token_type_hint: 'refresh_token' });
    const refused = oidc.refreshTokenGrant(client, tokens.refresh_token);
    await expect(refused).rejects.toMatchObject({ error: 'invalid_grant', status: 400 });
  });

  test('pushes its request (RFC 9126)', async () => {
    const { url, tokens } = await signIn(client, user, { link: oidc.buildAuthorizationUrlWithPAR });
    expect([...url.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri']);
    expect(tokens.claims().sub).toBe('demo');
  });

  test('signs its user out, and has them back (RP-initiated logout)', async () => {
    const leaver = new User(stack);
    const { tokens } = await signIn(client, leaver);
    const url = oidc.buildEndSessionUrl(client, {
      id_token_hint: tokens.id_token, post_logout_redirect_uri: GOODBYE, state: 'bye',
    });
    expect(await leaver.follow(url)).toBe(`${GOODBYE}?state=bye`);
    const refused = oidc.refreshTokenGrant(client, tokens.refresh_token);
    await expect(refused).rejects.toMatchObject({ error: 'invalid_grant' });
    // Nobody is signed in there any more.
    await expect(signIn(client, leaver, { prompt: 'none' })).rejects.toMatchObject({ error: 'login_required' });
  });
});

describe.each(METHODS.filter((method) => method !== 'none'))('a client that registers with %s', (method) => {
  test('looks at its own token, and takes it back', async () => {
    const client = await register(method);
    const { tokens } = await signIn(client, new User(stack));
    const active = await oidc.tokenIntrospection(client, tokens.access_token);
    expect(active).toMatchObject({ active: true, sub: 'demo', client_id: client.clientMetadata().client_id });
    await oidc.tokenRevocation(client, tokens.access_token);
    expect(await oidc.tokenIntrospection(client, tokens.access_token)).toEqual({ active: false });
  });
});

describe('a client that registers', () => {
  test.each(['ES256', 'RS256', 'EdDSA', 'Ed25519'])('with ID tokens signed with %s verifies them', async (algorithm) => {
    const client = await register('none', { id_token_signed_response_alg: algorithm });
    const { tokens } = await signIn(client, new User(stack));
    const [header] = tokens.id_token.split('.');
    expect(JSON.parse(Buffer.from(header, 'base64url')).alg).toBe(algorithm);
  });

  test('has its userinfo signed, and verifies it', async () => {
    const client = await register('none', { userinfo_signed_response_alg: 'ES256' });
    const { tokens } = await signIn(client, new User(stack));
    expect(await oidc.fetchUserInfo(client, tokens.access_token, 'demo')).toMatchObject({ sub: 'demo', aud: client.clientMetadata().client_id });
  });

  test('asks for one claim by its name', async () => {
    const client = await register('none');
    const claims = JSON.stringify({ id_token: { preferred_username: null } });
    const { tokens } = await signIn(client, new User(stack), { scope: 'openid', claims });
    expect(tokens.claims().preferred_username).toBe('demo');
  });

  test('finds the same at the address of RFC 8414', async () => {
    const client = await register('client_secret_basic', { algorithm: 'oauth2' });
    const { tokens } = await signIn(client, new User(stack));
    expect(tokens.claims().sub).toBe('demo');
  });

  test('is held to pushing its requests, if it says so', async () => {
    const client = await register('client_secret_basic', { require_pushed_authorization_requests: true });
    const user = new User(stack);
    await expect(signIn(client, user)).rejects.toMatchObject({ error: 'invalid_request' });
    const { tokens } = await signIn(client, user, { link: oidc.buildAuthorizationUrlWithPAR });
    expect(tokens.claims().sub).toBe('demo');
  });

  test('signs its request (RFC 9101), pushed too', async () => {
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
    const jwk = { ...(await crypto.subtle.exportKey('jwk', pair.publicKey)), alg: 'ES256', kid: 'signs', use: 'sig' };
    const client = await register('client_secret_basic', { jwks: { keys: [jwk] }, require_signed_request_object: true });
    const sign = (config, parameters) => oidc.buildAuthorizationUrlWithJAR(config, parameters, { key: pair.privateKey, kid: 'signs' });
    const push = async (config, parameters) => oidc.buildAuthorizationUrlWithPAR(config, (await sign(config, parameters)).searchParams);
    const user = new User(stack);
    await expect(signIn(client, user)).rejects.toMatchObject({ error: 'invalid_request' });
    for (const link of [sign, push]) expect((await signIn(client, user, { link })).tokens.claims().sub).toBe('demo');
  });

  test('asks without disturbing anybody, and for a sign-in that is fresh', async () => {
    const client = await register('none');
    const user = new User(stack);
    await expect(signIn(client, user, { prompt: 'none' })).rejects.toMatchObject({ error: 'login_required' });
    await signIn(client, user);
    const { tokens } = await signIn(client, user, { prompt: 'none' });
    expect(tokens.claims().sub).toBe('demo');
    const fresh = await signIn(client, user, { prompt: 'login', max_age: '60', checks: { maxAge: 60 } });
    expect(fresh.tokens.claims().auth_time).toEqual(expect.any(Number));
  });

  test('has the answer posted to it', async () => {
    const client = await register('none');
    const { back, tokens } = await signIn(client, new User(stack), { response_mode: 'form_post' });
    expect(back).toBeInstanceOf(Request);
    expect(tokens.claims().sub).toBe('demo');
  });

  test('is told that its user declined', async () => {
    const client = await register('none');
    const declined = signIn(client, new User(stack, 'deny'));
    await expect(declined).rejects.toMatchObject({ error: 'access_denied' });
  });

  test('is told what its registration lacks', async () => {
    const refused = register('none', { redirect_uris: ['http://app.example/cb'] });
    await expect(refused).rejects.toMatchObject({ error: 'invalid_redirect_uri', status: 400 });
  });
});

describe('a client that its operator set up', () => {
  test('gets tokens for itself (client credentials)', async () => {
    const secret = stack.secrets.GATEPASS_SERVICE_SECRET;
    const client = await oidc.discovery(server, 'gatepass-service', secret, oidc.ClientSecretBasic(secret), insecure);
    const tokens = await oidc.clientCredentialsGrant(client, { scope: 'read' });
    expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'read' });
    const active = await oidc.tokenIntrospection(client, tokens.access_token);
    expect(active).toMatchObject({ active: true, sub: 'gatepass-service' });
  });

  test('has no browser (device authorization)', async () => {
    const client = await oidc.discovery(server, 'gatepass-cli', undefined, oidc.None(), insecure);
    const device = await oidc.initiateDeviceAuthorization(client, { scope: SCOPE });
    await new User(stack).allowDevice(device.verification_uri, device.user_code);
    const tokens = await oidc.pollDeviceAuthorizationGrant(client, { ...device, interval: 0 });
    expect(tokens.claims()).toMatchObject({ sub: 'demo', aud: 'gatepass-cli' });
    expect((await oidc.refreshTokenGrant(client, tokens.refresh_token)).claims().sub).toBe('demo');
  });
});
