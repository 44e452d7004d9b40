// A client that acts for itself (RFC 6749 §4.4, RFC 9068 §2.2).
import { setTimeout } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, basic, claims, post, refusal, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

const other = 'https://other.example';

let stack;
let user;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'], provider: { GATEPASS_RESOURCES: other } });
  user = new Browser(stack);
  await user.signIn();
});
afterAll(() => stack?.stop());

const service = (secret = stack.secrets.GATEPASS_SERVICE_SECRET) => ({ authorization: basic('gatepass-service', secret) });
const ask = (parameters = {}, headers = service()) => user.token({ grant_type: 'client_credentials', ...parameters }, headers);
const obtain = async (parameters) => (await (await ask(parameters)).json()).access_token;

async function inDatabase(sql, ...values) {
  const db = await stack.database('provider');
  return db.prepare(sql).bind(...values).run();
}

describe('a service', () => {
  test('gets an access token and nothing else, in one round trip', async () => {
    const response = await ask({ scope: 'read' });
    expect(response.status).toBe(200);
    expect(roundTrips(response)).toBe(1);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const body = await response.json();
    expect(Object.keys(body).sort()).toEqual(['access_token', 'expires_in', 'scope', 'token_type']);
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 300, scope: 'read' });
    const token = claims(body.access_token);
    expect(token).toMatchObject({ iss: stack.provider, sub: 'gatepass-service', client_id: 'gatepass-service', scope: 'read' });
    expect(token).not.toHaveProperty('auth_time');
    expect(token).not.toHaveProperty('grant_id');
  });

  test('that names no scope gets all of its own', async () => {
    expect(claims(await obtain()).scope).toBe('read write');
  });

  test('may name a resource (RFC 8707)', async () => {
    expect(claims(await obtain({ resource: other })).aud).toBe(other);
  });
});

describe('its token', () => {
  const introspect = (token) => user.introspect(token);
  const revoke = (token, headers) => post(`${stack.provider}/oauth/revoke`, { token }, headers);

  test('is described without a user, in one round trip', async () => {
    const response = await introspect(await obtain({ scope: 'read' }));
    expect(roundTrips(response)).toBe(1);
    const answer = await response.json();
    expect(answer).toMatchObject({ active: true, sub: 'gatepass-service', client_id: 'gatepass-service', scope: 'read', token_type: 'Bearer' });
    expect(answer).not.toHaveProperty('username');
  });

  test('can be asked about by its own client, and by no other that is no resource server', async () => {
    const token = await obtain();
    const about = (id, secret) => post(`${stack.provider}/oauth/introspect`, { token }, { authorization: basic(id, secret) });
    expect(await (await about('gatepass-service', stack.secrets.GATEPASS_SERVICE_SECRET)).json()).toMatchObject({ active: true });
    expect(await (await about('gatepass-gateway', stack.secrets.GATEPASS_GATEWAY_SECRET)).json()).toEqual({ active: false });
  });

  test('is revoked alone, and by its own client only', async () => {
    const [token, another] = [await obtain(), await obtain()];
    const gateway = { authorization: basic('gatepass-gateway', stack.secrets.GATEPASS_GATEWAY_SECRET) };
    expect(await refusal(await revoke(token, gateway))).toMatchObject({ status: 400, error: 'invalid_grant' });
    expect(await (await introspect(token)).json()).toMatchObject({ active: true });
    expect((await revoke(token, service())).status).toBe(200);
    expect(await (await introspect(token)).json()).toEqual({ active: false });
    expect(await (await introspect(another)).json()).toMatchObject({ active: true });
  });

  test('speaks of no user at userinfo', async () => {
    const response = await fetch(`${stack.provider}/oauth/userinfo`, { headers: { authorization: `Bearer ${await obtain()}` } });
    expect(response.status).toBe(403);
    expect(response.headers.get('www-authenticate')).toMatch(/error="insufficient_scope".*scope="openid"/);
  });

  test('is worth nothing as soon as its client may have no such token, or is gone', async () => {
    const token = await obtain();
    await inDatabase("UPDATE clients SET grant_types = '' WHERE client_id = 'gatepass-service'");
    expect(await (await introspect(token)).json()).toEqual({ active: false });
    await inDatabase("UPDATE clients SET grant_types = 'client_credentials' WHERE client_id = 'gatepass-service'");
    // What was taken away does not come back; what is got from the next second on is another token.
    expect(await (await introspect(token)).json()).toEqual({ active: false });
    await setTimeout(1_010 - (Date.now() % 1000));
    const another = await obtain();
    expect(await (await introspect(another)).json()).toMatchObject({ active: true });
    await inDatabase("UPDATE clients SET client_id = 'renamed' WHERE client_id = 'gatepass-service'");
    expect(await (await introspect(another)).json()).toEqual({ active: false });
    await inDatabase("UPDATE clients SET client_id = 'gatepass-service' WHERE client_id = 'renamed'");
  });
});

describe('refused is', () => {
  const cases = {
    'a wrong secret': [{}, () => service('wrong'), 401, 'invalid_client'],
    'no secret': [{ client_id: 'gatepass-service' }, () => ({}), 401, 'invalid_client'],
    'more scope than is registered': [{ scope: 'read admin' }, service, 400, 'invalid_scope'],
    'a scope that speaks of a user': [{ scope: 'openid' }, service, 400, 'invalid_scope'],
    'a malformed scope': [{ scope: 'read  write' }, service, 400, 'invalid_scope'],
    'an unknown resource': [{ resource: 'https://evil.example' }, service, 400, 'invalid_target'],
    'a client without this grant type': [{ client_id: 'gatepass-cli' }, () => ({}), 400, 'unauthorized_client'],
  };
  test.each(Object.entries(cases))('%s', async (_, [parameters, headers, status, error]) => {
    expect(await refusal(await ask(parameters, headers()))).toMatchObject({ status, error });
  });

  test('two resources', async () => {
    const body = new URLSearchParams([['grant_type', 'client_credentials'], ['resource', other], ['resource', other]]);
    const response = await fetch(`${stack.provider}/oauth/token`, { method: 'POST', headers: service(), body });
    expect(await refusal(response)).toMatchObject({ status: 400, error: 'invalid_target' });
  });

  test('a public client, even with this grant type: anyone could be it', async () => {
    const types = "UPDATE clients SET grant_types = ? WHERE client_id = 'gatepass-cli'";
    await inDatabase(types, 'client_credentials');
    const answer = await refusal(await ask({ client_id: 'gatepass-cli' }, {}));
    await inDatabase(types, 'authorization_code refresh_token');
    expect(answer).toMatchObject({ status: 400, error: 'unauthorized_client' });
    expect(answer.error_description).toContain('proves who it is');
  });

  test('a client that goes by the name of a user', async () => {
    const rename = 'UPDATE clients SET client_id = ? WHERE client_id = ?';
    await inDatabase(rename, 'admin', 'gatepass-service');
    const answer = await refusal(await ask({}, { authorization: basic('admin', stack.secrets.GATEPASS_SERVICE_SECRET) }));
    await inDatabase(rename, 'gatepass-service', 'admin');
    expect(answer).toMatchObject({ status: 400, error: 'unauthorized_client' });
    expect(answer.error_description).toContain("goes by this client's identifier");
  });
});
