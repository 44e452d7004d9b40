// Token exchange (RFC 8693): a service acts for a user with a token of its own.
import { generateKeyPairSync } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ProvingApp } from '../support/dpop.mjs';
import { Browser, basic, claims, post, refusal, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

const other = 'https://other.example';
const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';

let stack;
let user;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'], provider: { GATEPASS_RESOURCES: other, GATEPASS_AUTHORIZATION_DETAILS_TYPES: 'payment stock' } });
  user = new Browser(stack);
  await user.signIn();
  await settle({ exchanges_tokens_of: ['gatepass-demo'] });
});
afterAll(() => stack?.stop());

async function inDatabase(sql, ...values) {
  const db = await stack.database('provider');
  return db.prepare(sql).bind(...values).run();
}

/** What an administrator writes on the service. What it was issued in the same second may be revoked by that. */
async function settle(settings, grantTypes = `client_credentials ${GRANT_TYPE}`) {
  const sql = "UPDATE clients SET grant_types = ?, settings = ? WHERE client_id = 'gatepass-service'";
  await inDatabase(sql, grantTypes, JSON.stringify(settings));
  await nextSecond();
}

const nextSecond = () => setTimeout(1_010 - (Date.now() % 1000));

const service = (secret = stack.secrets.GATEPASS_SERVICE_SECRET) => ({ authorization: basic('gatepass-service', secret) });
const ask = (parameters, headers = service()) =>
  user.token({ grant_type: GRANT_TYPE, subject_token_type: ACCESS_TOKEN, ...parameters }, headers);
const usersToken = async (parameters) => (await user.signIn(parameters)).tokens.access_token;
const ownToken = async () => (await (await user.token({ grant_type: 'client_credentials' }, service())).json()).access_token;
const introspect = async (token) => (await user.introspect(token)).json();

describe('a service', () => {
  test('gets a token of its own for the user, which names it, in one round trip', async () => {
    const subject = await usersToken();
    const response = await ask({ subject_token: subject });
    expect(response.status).toBe(200);
    expect(roundTrips(response)).toBe(1);
    const answer = await response.json();
    expect(answer).toMatchObject({ token_type: 'Bearer', issued_token_type: ACCESS_TOKEN, scope: 'read write' });
    expect(answer).not.toHaveProperty('refresh_token');
    const [before, after] = [claims(subject), claims(answer.access_token)];
    expect(after).toMatchObject({ sub: before.sub, client_id: 'gatepass-service', act: { sub: 'gatepass-service' }, grant_id: before.grant_id });
    expect(after.exp).toBeLessThanOrEqual(before.exp);
    expect(after.jti).not.toBe(before.jti);
    expect(await introspect(answer.access_token)).toMatchObject({ active: true, sub: before.sub, act: { sub: 'gatepass-service' } });
  });

  test('may have its token bound to a key of its own; to the user\'s it never is', async () => {
    const users = new ProvingApp(stack);
    const { tokens } = await users.signIn();
    const form = { grant_type: GRANT_TYPE, subject_token_type: ACCESS_TOKEN, subject_token: tokens.access_token };
    const plain = await (await ask(form)).json();
    expect(plain.token_type).toBe('Bearer');
    expect(claims(plain.access_token).cnf).toBeUndefined();
    const app = new ProvingApp(stack);
    expect((await app.token(form, service())).status).toBe(200);
    const proof = app.proof();
    const response = await app.send(form, proof, service());
    expect(roundTrips(response)).toBe(2);
    const bound = await response.json();
    expect(bound.token_type).toBe('DPoP');
    expect(claims(bound.access_token).cnf).toEqual({ jkt: app.key.thumbprint });
    expect(await refusal(await app.send(form, proof, service()))).toMatchObject({ status: 400, error: 'invalid_dpop_proof' });
  });

  test('may ask for less, elsewhere, and for the name of what it is written as', async () => {
    const subject_token = await usersToken();
    for (const where of [{ resource: other }, { audience: other }]) {
      const answer = await (await ask({ subject_token, scope: 'read', requested_token_type: JWT, ...where })).json();
      expect(answer).toMatchObject({ issued_token_type: JWT, scope: 'read' });
      expect(claims(answer.access_token).aud).toBe(other);
    }
  });

  test('gets only such details as it may ask for', async () => {
    const [payment, stock] = [{ type: 'payment', amount: '12' }, { type: 'stock' }];
    const own = (types) => inDatabase("UPDATE clients SET settings = ? WHERE client_id = 'gatepass-demo'", JSON.stringify({ authorization_details_types: types }));
    await own(['payment', 'stock']);
    const subject_token = await usersToken({ authorization_details: JSON.stringify([payment, stock]) });
    await own([]);
    const detailsWith = async (types) => {
      await settle({ exchanges_tokens_of: ['gatepass-demo'], authorization_details_types: types });
      const { access_token, authorization_details } = await (await ask({ subject_token })).json();
      expect(claims(access_token).authorization_details).toEqual(authorization_details);
      return authorization_details;
    };
    expect(await detailsWith(['payment', 'stock'])).toEqual([payment, stock]);
    expect(await detailsWith(['stock'])).toEqual([stock]);
    expect(await detailsWith([])).toBeUndefined();
  });

  test('may say who acts, with a token of its own, in two round trips', async () => {
    const response = await ask({ subject_token: await usersToken(), actor_token: await ownToken(), actor_token_type: JWT });
    expect(roundTrips(response)).toBe(2);
    expect(claims((await response.json()).access_token).act).toEqual({ sub: 'gatepass-service' });
  });

  test('passes for the user if an administrator lets it', async () => {
    await settle({ exchanges_tokens_of: ['gatepass-demo'], may_impersonate: true });
    const answer = await (await ask({ subject_token: await usersToken() })).json();
    await settle({ exchanges_tokens_of: ['gatepass-demo'] });
    expect(claims(answer.access_token)).not.toHaveProperty('act');
  });

  test('has a token for as long as the grant stands that it came of', async () => {
    const { tokens } = await user.signIn();
    const { access_token: exchanged } = await (await ask({ subject_token: tokens.access_token })).json();
    // Its place in the status list is the grant's, so an API that reads the list learns of that, too.
    expect(claims(exchanged).status).toEqual(claims(tokens.access_token).status);
    expect(await introspect(exchanged)).toMatchObject({ active: true });
    await post(`${stack.provider}/oauth/revoke`, { token: tokens.refresh_token, client_id: 'gatepass-demo' });
    expect(await introspect(exchanged)).toEqual({ active: false });
    const late = await refusal(await ask({ subject_token: tokens.access_token }));
    expect(late).toMatchObject({ status: 400, error: 'invalid_request' });
  });

  test('hands it on, and who acted before stays named', async () => {
    const { access_token: first } = await (await ask({ subject_token: await usersToken() })).json();
    const settings = JSON.stringify({ exchanges_tokens_of: ['gatepass-service'] });
    const types = "UPDATE clients SET grant_types = ?, settings = ? WHERE client_id = 'gatepass-gateway'";
    await inDatabase(types, GRANT_TYPE, settings);
    const gateway = { authorization: basic('gatepass-gateway', stack.secrets.GATEPASS_GATEWAY_SECRET) };
    const { access_token: second } = await (await ask({ subject_token: first }, gateway)).json();
    await inDatabase(types, 'authorization_code refresh_token', '{}');
    expect(claims(second).act).toEqual({ sub: 'gatepass-gateway', act: { sub: 'gatepass-service' } });
  });
});

describe('a token that was exchanged ends, though the grant of its user stands, when its service', () => {
  const key = (kid) => ({ ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }), kid, alg: 'ES256' });
  const [one, two] = ['one', 'two'].map(key);
  const losses = {
    'has ended': ["UPDATE clients SET ended_at = unixepoch() WHERE client_id = ?", 'ended_clients'],
    'is deleted': ['DELETE FROM clients WHERE client_id = ?', 'revoked_until'],
    'has another secret, and the one before counts no more': ["UPDATE clients SET secret_hash = 'x' || substr(secret_hash, 2) WHERE client_id = ?", 'revoked_until'],
    'proves itself in another way': ["UPDATE clients SET secret_hash = NULL, auth_method = 'none' WHERE client_id = ?", 'revoked_until'],
    'may not exchange tokens any more': ["UPDATE clients SET grant_types = 'client_credentials' WHERE client_id = ?", 'revoked_until'],
    'may not exchange those tokens any more': ["UPDATE clients SET settings = json_remove(settings, '$.exchanges_tokens_of') WHERE client_id = ?", 'revoked_until'],
    'may not pass for the user any more': ["UPDATE clients SET settings = json_remove(settings, '$.may_impersonate') WHERE client_id = ?", 'revoked_until'],
  };
  const names = Object.keys(losses);
  const copy = "INSERT INTO clients (client_id, name, auth_method, secret_hash, scope, grant_types, settings, created_at) SELECT ?1, name, auth_method, secret_hash, scope, ?2, ?3, 0 FROM clients WHERE client_id = 'gatepass-service'";
  const listed = async (member) => {
    const list = claims(await (await fetch(`${stack.provider}/oauth/status_lists/0`)).text());
    return member === 'ended_clients' ? (list[member] ?? []) : Object.keys(list[member] ?? {});
  };

  test.each(['jwt', 'opaque'].flatMap((format) => names.map((name) => [name, format])))('%s (%s)', async (name, format) => {
    const [sql, member] = losses[name];
    const id = `service-${format}-${names.indexOf(name)}`;
    const settings = { exchanges_tokens_of: ['gatepass-demo'], may_impersonate: true, access_token_format: format };
    await inDatabase(copy, id, GRANT_TYPE, JSON.stringify(settings));
    const subject_token = await usersToken({ scope: 'openid read' });
    const { access_token } = await (await ask({ subject_token }, { authorization: basic(id, stack.secrets.GATEPASS_SERVICE_SECRET) })).json();
    expect(await introspect(access_token)).toMatchObject({ active: true, client_id: id });
    await inDatabase(sql, id);
    expect(await introspect(access_token)).toEqual({ active: false });
    expect(await introspect(subject_token)).toMatchObject({ active: true });
    const mark = member === 'ended_clients' ? id : `${id} *`;
    await expect.poll(() => listed(member), { timeout: 5_000 }).toContain(mark);
  });

  test('is not one that only got another secret beside the one before, or asks for that again', async () => {
    const id = 'service-that-rotates';
    await inDatabase(copy, id, GRANT_TYPE, JSON.stringify({ exchanges_tokens_of: ['gatepass-demo'], jwks: { keys: [one] } }));
    const exchanged = async () => (await (await ask({ subject_token: await usersToken() }, { authorization: basic(id, stack.secrets.GATEPASS_SERVICE_SECRET) })).json()).access_token;
    const first = await exchanged();
    const rotate = "UPDATE clients SET previous_secret_hash = coalesce(previous_secret_hash, secret_hash), previous_secret_expires_at = unixepoch() + 86400, secret_hash = ?2 || substr(secret_hash, 2) WHERE client_id = ?1";
    for (const letter of ['x', 'y']) await inDatabase(rotate, id, letter);
    await inDatabase("UPDATE clients SET name = 'Another', settings = json_set(settings, '$.jwks', json(?2)) WHERE client_id = ?1", id, JSON.stringify({ keys: [one, two] }));
    expect(await introspect(first)).toMatchObject({ active: true });
    // A key that is taken away ends what it may have got.
    await inDatabase("UPDATE clients SET settings = json_set(settings, '$.jwks', json(?2)) WHERE client_id = ?1", id, JSON.stringify({ keys: [two] }));
    expect(await introspect(first)).toEqual({ active: false });
    await nextSecond();
    const next = await exchanged();
    expect(await introspect(next)).toMatchObject({ active: true });
    await inDatabase('UPDATE clients SET previous_secret_hash = NULL, previous_secret_expires_at = NULL WHERE client_id = ?', id);
    expect(await introspect(next)).toEqual({ active: false });
  });

  test('has ended, and cannot be handed on', async () => {
    const id = 'service-that-hands-on';
    await inDatabase(copy, id, GRANT_TYPE, JSON.stringify({ exchanges_tokens_of: ['gatepass-demo'] }));
    const { access_token: subject_token } = await (await ask({ subject_token: await usersToken() }, { authorization: basic(id, stack.secrets.GATEPASS_SERVICE_SECRET) })).json();
    await settle({ exchanges_tokens_of: ['gatepass-demo', id] });
    expect((await ask({ subject_token })).status).toBe(200);
    await inDatabase('UPDATE clients SET ended_at = unixepoch() WHERE client_id = ?', id);
    expect(await refusal(await ask({ subject_token }))).toMatchObject({ status: 400, error: 'invalid_request' });
    await settle({ exchanges_tokens_of: ['gatepass-demo'] });
  });
});

describe('refused is', () => {
  const cases = {
    'a wrong secret': [{}, () => service('wrong'), 401, 'invalid_client'],
    'no secret': [{ client_id: 'gatepass-service' }, () => ({}), 401, 'invalid_client'],
    'no subject token': [{ subject_token: '' }, service, 400, 'invalid_request'],
    'garbage': [{ subject_token: 'garbage' }, service, 400, 'invalid_request'],
    'another type of token': [{ subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' }, service, 400, 'invalid_request'],
    'no type of token': [{ subject_token_type: '' }, service, 400, 'invalid_request'],
    'a type that is not issued here': [{ requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }, service, 400, 'invalid_request'],
    'an actor token without its type': [{ actor_token: 'x' }, service, 400, 'invalid_request'],
    'a type without its actor token': [{ actor_token_type: JWT }, service, 400, 'invalid_request'],
    'a forged actor token': [{ actor_token: 'x', actor_token_type: JWT }, service, 400, 'invalid_request'],
    'more scope than the subject token allows': [{ scope: 'read admin' }, service, 400, 'invalid_scope'],
    'a malformed scope': [{ scope: 'read  write' }, service, 400, 'invalid_scope'],
    'an unknown resource': [{ resource: 'https://evil.example' }, service, 400, 'invalid_target'],
    'two resources': [{ resource: other, audience: 'https://evil.example' }, service, 400, 'invalid_target'],
    'a client without this grant type': [{ client_id: 'gatepass-cli' }, () => ({}), 400, 'unauthorized_client'],
  };
  test.each(Object.entries(cases))('%s', async (_, [parameters, headers, status, error]) => {
    const answer = await refusal(await ask({ subject_token: await usersToken(), ...parameters }, headers()));
    expect(answer).toMatchObject({ status, error });
  });

  test('a token of a client that is not named', async () => {
    const subject_token = await usersToken();
    await settle({});
    const answer = await refusal(await ask({ subject_token }));
    await settle({ exchanges_tokens_of: ['gatepass-demo'] });
    expect(answer).toMatchObject({ status: 400, error: 'invalid_request' });
    expect(answer.error_description).toContain('may not exchange the tokens of the client');
  });

  test('a token behind which there is no user, and a token that opens more than access', async () => {
    const { tokens } = await user.signIn();
    for (const subject_token of [await ownToken(), tokens.refresh_token, tokens.id_token]) {
      expect(await refusal(await ask({ subject_token }))).toMatchObject({ status: 400, error: 'invalid_request' });
    }
  });

  test("a user's token as the actor's, if another client has it", async () => {
    const stolen = { actor_token: await usersToken(), actor_token_type: ACCESS_TOKEN };
    const answer = await refusal(await ask({ subject_token: await usersToken(), ...stolen }));
    expect(answer).toMatchObject({ status: 400, error: 'invalid_request' });
    expect(answer.error_description).toContain('actor_token');
  });

  test('a public client, even with this grant type: anyone could be it', async () => {
    const types = "UPDATE clients SET grant_types = ? WHERE client_id = 'gatepass-demo'";
    const subject_token = await usersToken();
    await inDatabase(types, GRANT_TYPE);
    const answer = await refusal(await ask({ subject_token, client_id: 'gatepass-demo' }, {}));
    await inDatabase(types, 'authorization_code refresh_token');
    expect(answer).toMatchObject({ status: 400, error: 'unauthorized_client' });
  });
});
