// Clients that register by themselves (RFC 7591) and manage their registration (RFC 7592).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, basic, pkce, post, roundTrips } from '../support/oauth.mjs';
import { keyPair } from '../support/jws.mjs';
import { startStack } from '../support/stack.mjs';

const APP = { redirect_uris: ['https://app.example/cb'], client_name: 'Notes' };

function send(method, url, body, token) {
  return fetch(url, {
    method,
    headers: { ...(body && { 'content-type': 'application/json' }), ...(token && { authorization: `Bearer ${token}` }) },
    body: body && (typeof body === 'string' ? body : JSON.stringify(body)),
  });
}

let stack;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'] });
  await new Browser(stack).signIn();
});
afterAll(() => stack?.stop());

const register = (metadata, token) => send('POST', `${stack.provider}/oauth/register`, metadata, token);
const registered = async (metadata = APP) => (await register(metadata)).json();
const manage = (method, client, body, token = client.registration_access_token) =>
  send(method, client.registration_client_uri, body, token);

async function refusal(response) {
  const { error, error_description: description } = await response.json();
  return { status: response.status, error, description };
}

describe('registering', () => {
  test('gives a client its name and secret, once, in one round trip, and is announced', async () => {
    const response = await register(APP);
    expect(response.status).toBe(201);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(roundTrips(response)).toBe(1);
    const client = await response.json();
    expect(client).toMatchObject({
      ...APP,
      client_secret_expires_at: 0,
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      scope: 'email offline_access openid profile read write',
      registration_client_uri: `${stack.provider}/oauth/register/${client.client_id}`,
    });
    expect(client.client_secret).toMatch(/^[\w-]{43}$/);
    expect(client.registration_access_token).toMatch(/^[\w-]{43}$/);
    const discovery = await (await fetch(`${stack.provider}/.well-known/openid-configuration`)).json();
    expect(discovery.registration_endpoint).toBe(`${stack.provider}/oauth/register`);
    // The database holds neither.
    const row = JSON.stringify(await (await stack.database('provider'))
      .prepare('SELECT * FROM clients WHERE client_id = ?').bind(client.client_id).first());
    expect(row).not.toContain(client.client_secret);
    expect(row).not.toContain(client.registration_access_token);
  });

  test('makes a client that authorization requests know and no user trusts unasked', async () => {
    const client = await registered({ ...APP, token_endpoint_auth_method: 'none' });
    expect(client.client_secret).toBeUndefined();
    const user = new Browser(stack);
    await user.signIn();
    const url = user.authorizeUrl({
      challenge: pkce().challenge, client_id: client.client_id, redirect_uri: APP.redirect_uris[0], prompt: 'none',
    });
    const location = new URL((await user.request('GET', url)).headers.get('location'));
    expect(location.href).toMatch(/^https:\/\/app\.example\/cb\?/);
    expect(location.searchParams.get('error')).toBe('consent_required');
  });

  test('opens the token endpoint to the pages of a public client', async () => {
    const origin = `https://app-${pkce().challenge.toLowerCase().replaceAll('_', '-')}.example`;
    await registered({ redirect_uris: [`${origin}/cb`], token_endpoint_auth_method: 'none' });
    const db = await stack.database('provider');
    const { origins } = await db.prepare('SELECT origins FROM clients WHERE origins = ?').bind(origin).first();
    expect(origins).toBe(origin);
  });

  test.each([
    ['no redirect URI', {}, 'invalid_redirect_uri'],
    ['a redirect URI without TLS', { redirect_uris: ['http://app.example/cb'] }, 'invalid_redirect_uri'],
    ['a script for a redirect URI', { redirect_uris: ['javascript:alert(1)'] }, 'invalid_redirect_uri'],
    ['a name that hides what it says', { ...APP, client_name: 'a\u202eb' }, 'invalid_client_metadata'],
    ['a grant type for which nobody is asked', { ...APP, grant_types: ['client_credentials'] }, 'invalid_client_metadata'],
    ['a grant type that is nobody’s by itself', { ...APP, grant_types: ['authorization_code', 'password'] }, 'invalid_client_metadata'],
    ['refreshing alone', { ...APP, grant_types: ['refresh_token'] }, 'invalid_client_metadata'],
    ['another response type', { ...APP, response_types: ['token'] }, 'invalid_client_metadata'],
    ['a software statement', { ...APP, software_statement: 'a.b.c' }, 'unapproved_software_statement'],
    ['a member of another type', { ...APP, client_name: 7 }, 'invalid_client_metadata'],
    ['no object', '"text"', 'invalid_client_metadata'],
    ['no JSON', '{', 'invalid_client_metadata'],
  ])('refuses %s', async (_, metadata, error) => {
    const refused = await refusal(await register(metadata));
    expect(refused).toMatchObject({ status: 400, error });
    expect(refused.description).toMatch(/^[ !#-[\]-~]+$/);
  });

  test('gives a device its grant type, which its user has to allow', async () => {
    const device = await registered({
      client_name: 'TV', token_endpoint_auth_method: 'none', grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
    });
    expect(device).toMatchObject({ response_types: [], redirect_uris: [] });
    const codes = await post(`${stack.provider}/oauth/device_authorization`, { client_id: device.client_id });
    expect(codes.status).toBe(200);
    const nameless = await register({ token_endpoint_auth_method: 'none', grant_types: ['urn:ietf:params:oauth:grant-type:device_code'] });
    expect(await refusal(nameless)).toMatchObject({ status: 400, error: 'invalid_client_metadata' });
  });

  test('needs JSON of at most 64 kB', async () => {
    expect((await post(`${stack.provider}/oauth/register`, { redirect_uris: 'x' })).status).toBe(415);
    expect((await register({ ...APP, client_name: 'x'.repeat(70_000) })).status).toBe(413);
  });

  test('can be done by a page of any origin', async () => {
    const response = await fetch(`${stack.provider}/oauth/register`, { method: 'OPTIONS', headers: { origin: 'https://tool.example' } });
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-allow-methods')).toContain('POST');
  });
});

describe('managing a registration', () => {
  test('reads and replaces what the client said, but not how it proves itself', async () => {
    const client = await registered();
    const read = await (await manage('GET', client)).json();
    expect(read).toMatchObject({ client_id: client.client_id, ...APP });
    expect(read.client_secret).toBeUndefined();
    const next = { redirect_uris: ['https://app.example/new'], client_name: 'Renamed' };
    expect(await (await manage('PUT', client, next)).json()).toMatchObject(next);
    expect(await (await manage('GET', client)).json()).toMatchObject(next);
    const other = await refusal(await manage('PUT', client, { ...next, client_id: 'gatepass-demo' }));
    expect(other).toMatchObject({ status: 400, error: 'invalid_client_metadata' });
    const changed = await refusal(await manage('PUT', client, { ...next, token_endpoint_auth_method: 'none' }));
    expect(changed).toMatchObject({ status: 400, error: 'invalid_client_metadata' });
  });

  test('gives a new secret twice to whoever did not hear the answer, and the one in use still counts', async () => {
    const client = await registered();
    const lost = await (await manage('POST', client)).json();
    const heard = await (await manage('POST', client)).json();
    const introspect = async (secret) => (await post(`${stack.provider}/oauth/introspect`, { token: 'x' }, { authorization: basic(client.client_id, secret) })).status;
    expect(await introspect(client.client_secret)).toBe(200);
    expect(await introspect(heard.client_secret)).toBe(200);
    expect(await introspect(lost.client_secret)).toBe(401);
    // Asked for later, it is another change: the last one counts on.
    const db = await stack.database('provider');
    await db.prepare('UPDATE clients SET previous_secret_expires_at = previous_secret_expires_at - 301 WHERE client_id = ?').bind(client.client_id).run();
    const next = await (await manage('POST', client)).json();
    for (const secret of [heard.client_secret, next.client_secret]) expect(await introspect(secret)).toBe(200);
    expect(await introspect(client.client_secret)).toBe(401);
  });

  test('gives a new secret while the one before still counts', async () => {
    const client = await registered();
    const rotated = await (await manage('POST', client)).json();
    expect(rotated.client_secret).not.toBe(client.client_secret);
    expect(rotated.previous_client_secret_expires_at).toBeGreaterThan(Date.now() / 1000);
    const introspect = (secret) => post(`${stack.provider}/oauth/introspect`, { token: 'x' }, { authorization: basic(client.client_id, secret) });
    expect((await introspect(client.client_secret)).status).toBe(200);
    expect((await introspect(rotated.client_secret)).status).toBe(200);
    const db = await stack.database('provider');
    await db.prepare('UPDATE clients SET previous_secret_expires_at = 1 WHERE client_id = ?').bind(client.client_id).run();
    expect(await refusal(await introspect(client.client_secret))).toMatchObject({ status: 401, error: 'invalid_client' });
    expect((await introspect(rotated.client_secret)).status).toBe(200);
    const page = await registered({ ...APP, token_endpoint_auth_method: 'none' });
    expect(await refusal(await manage('POST', page))).toMatchObject({ status: 400, error: 'invalid_client_metadata' });
    const keyed = await registered({ ...APP, token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [keyPair('ES256').jwk] } });
    expect(await refusal(await manage('POST', keyed))).toMatchObject({ status: 400, error: 'invalid_client_metadata' });
  });

  test('ends it, and with it whatever it could do', async () => {
    const client = await registered();
    expect((await manage('DELETE', client)).status).toBe(204);
    expect((await manage('GET', client)).status).toBe(401);
    const answer = await post(`${stack.provider}/oauth/introspect`, { token: 'x' }, { authorization: basic(client.client_id, client.client_secret) });
    expect(await refusal(answer)).toMatchObject({ status: 401, error: 'invalid_client' });
    const user = new Browser(stack);
    const url = user.authorizeUrl({ challenge: pkce().challenge, client_id: client.client_id, redirect_uri: APP.redirect_uris[0] });
    expect((await user.request('GET', url)).status).toBe(400);
  });

  test('needs the token of this very client', async () => {
    const [client, other] = [await registered(), await registered()];
    for (const [token, status] of [[other.registration_access_token, 401], [client.client_secret, 401], ['x', 401], [null, 401]]) {
      for (const method of ['GET', 'PUT', 'POST', 'DELETE']) {
        const response = await manage(method, client, method === 'PUT' ? APP : undefined, token);
        expect(response.status).toBe(status);
        expect(response.headers.get('www-authenticate')).toMatch(/^Bearer /);
      }
    }
    // A client that an administrator made has no registration to manage.
    const demo = { registration_client_uri: `${stack.provider}/oauth/register/gatepass-demo` };
    expect((await manage('DELETE', demo, undefined, 'x')).status).toBe(401);
    expect((await manage('GET', client)).status).toBe(200);
  });
});

describe('a provider that chooses its clients', () => {
  test('registers none, and announces nothing', async () => {
    const closed = await startStack({ only: ['provider'], provider: { GATEPASS_REGISTRATION: 'closed' } });
    try {
      const refused = await refusal(await send('POST', `${closed.provider}/oauth/register`, APP));
      expect(refused).toMatchObject({ status: 403, error: 'access_denied' });
      const discovery = await (await fetch(`${closed.provider}/.well-known/openid-configuration`)).json();
      expect(discovery).not.toHaveProperty('registration_endpoint');
    } finally {
      await closed.stop();
    }
  });

  test('registers those with the initial access token', async () => {
    const vars = { GATEPASS_REGISTRATION: 'token', GATEPASS_REGISTRATION_TOKEN: 'an-initial-access-token' };
    const chosen = await startStack({ only: ['provider'], provider: vars });
    try {
      const endpoint = `${chosen.provider}/oauth/register`;
      expect((await send('POST', endpoint, APP)).status).toBe(401);
      expect(await refusal(await send('POST', endpoint, APP, 'another'))).toMatchObject({ status: 401, error: 'invalid_token' });
      expect((await send('POST', endpoint, APP, vars.GATEPASS_REGISTRATION_TOKEN)).status).toBe(201);
      // Somebody gave it the token: it may act for itself, if it can keep a secret.
      const job = { client_name: 'Job', grant_types: ['client_credentials'], scope: 'read' };
      const { client_id: id, client_secret: secret } = await (await send('POST', endpoint, job, vars.GATEPASS_REGISTRATION_TOKEN)).json();
      const tokens = await post(`${chosen.provider}/oauth/token`, { grant_type: 'client_credentials' }, { authorization: basic(id, secret) });
      expect(tokens.status).toBe(200);
      const anybody = await send('POST', endpoint, { ...job, token_endpoint_auth_method: 'none' }, vars.GATEPASS_REGISTRATION_TOKEN);
      expect(await refusal(anybody)).toMatchObject({ status: 400, error: 'invalid_client_metadata' });
    } finally {
      await chosen.stop();
    }
  });
});
