// What the guard makes of providers that are not ours: of what is legal though unusual, of what is not, and of what
// should never come to an end.
import { createServer } from 'node:http';
import { deflateSync, gzipSync } from 'node:zlib';

import { afterEach, describe, expect, test } from 'vitest';
import { signingKey, startFakeProvider } from '../support/fake-provider.mjs';
import { startStack } from '../support/stack.mjs';

let stack;
let provider;
let elsewhere;
afterEach(async () => {
  await new Promise((resolve) => { elsewhere ? elsewhere.close(resolve) : resolve(); });
  elsewhere = undefined;
  await provider?.stop();
  await stack?.stop();
});

async function start(validation, variables = {}, issuerPath = '') {
  const api = { GATEPASS_VALIDATION: validation, ...variables };
  stack = await startStack({ only: ['api'], api });
  const issuer = `${stack.provider}${issuerPath}`;
  if (issuerPath) await stack.restart({ api: { ...api, GATEPASS_ISSUER: issuer } });
  provider = await startFakeProvider({ ...stack, provider: issuer });
}

/** Starts another server on this machine; resolves to its origin. */
async function startElsewhere(answer) {
  elsewhere = createServer(answer);
  await new Promise((resolve) => { elsewhere.listen(0, 'localhost', resolve); });
  return `http://localhost:${elsewhere.address().port}`;
}

let addresses = 0;
const call = (token) => fetch(`${stack.api}/api/protected`, {
  headers: { authorization: `Bearer ${token}`, 'cf-connecting-ip': `203.0.113.${addresses++ & 255}` },
});
const status = async (token) => (await call(token)).status;
const active = (more) => {
  const now = Math.floor(Date.now() / 1000);
  return { active: true, sub: 'demo', aud: stack.api, client_id: 'a-client', exp: now + 300, token_type: 'Bearer', ...more };
};

describe('an issuer', () => {
  test.each(['/realms/one', '/', '/one/two/'])('may end with %s, and is no other', async (path) => {
    await start('both', {}, path);
    provider.introspection = () => active({ iss: provider.issuer });
    expect(await status(provider.token())).toBe(200);
    expect(await status(provider.listed(1))).toBe(200);
    expect(await status('an-opaque-token-')).toBe(200);
    expect(await status(provider.token({ iss: stack.provider }))).toBe(401);
    expect(await status(provider.token({ iss: `${provider.issuer}/` }))).toBe(401);
    provider.introspection = () => active({ iss: stack.provider });
    expect(await status('another-opaque-token')).toBe(401);
    expect(provider.asked).toMatchObject({ metadata: 1, keys: 1, list: 1 });
  });
});

describe('metadata', () => {
  test('need not name keys where nobody checks a signature', async () => {
    await start('introspection');
    provider.metadata = { jwks_uri: undefined };
    provider.introspection = active();
    expect(await status('an-opaque-token-')).toBe(200);
  });

  test('may be in two places, each of which says a part', async () => {
    await start('both');
    provider.metadata = { jwks_uri: undefined };
    provider.openid = { jwks_uri: `${provider.issuer}/keys` };
    provider.introspection = active();
    expect(await status(provider.token())).toBe(200);
    expect(await status('an-opaque-token-')).toBe(200);
  });

  test('of which one half cannot be had are not all that there is', async () => {
    await start('jwt');
    provider.metadata = { jwks_uri: undefined };
    provider.openid = { jwks_uri: `${provider.issuer}/keys` };
    provider.instead.openid = (_request, response) => { response.writeHead(500).end(); };
    expect(await status(provider.token())).toBe(503);
    provider.instead = {};
    await expect.poll(() => status(provider.token()), { timeout: 10_000 }).toBe(200);
  });

  test('of another issuer in one of the places do not count', async () => {
    await start('jwt');
    provider.metadata = { issuer: 'https://other.example' };
    expect(await status(provider.token())).toBe(503);
    await stack.restart();
    provider.openid = { jwks_uri: `${provider.issuer}/keys` };
    expect(await status(provider.token())).toBe(200);
  });
});

describe('an opaque token', () => {
  test('may have dots: only what has three parts is a JWT', async () => {
    await start('both');
    provider.introspection = (token) => (token?.startsWith('ory_at_') ? active() : undefined);
    expect(await status('ory_at_a-key-of-the-token.and-its-signature')).toBe(200);
    expect(await status('ory_at_three.parts-of.a-token')).toBe(401);
    expect(provider.asked.introspection).toBe(1);
  });

  test('that says to be bound, and not to which key, is nobody\'s', async () => {
    await start('introspection');
    provider.introspection = active({ token_type: 'DPoP' });
    const refused = await call('an-opaque-token-');
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toContain('error="invalid_token", error_description="the provider does not say enough of the token"');
  });
});

// As their documents have them, for a user's token unless it says otherwise.
describe('an answer as it comes from', () => {
  const now = Math.floor(Date.now() / 1000);
  test.each([
    ['Keycloak', { typ: 'Bearer', azp: 'app', acr: '1', jti: 'a', sub: 'u1', username: 'anna', preferred_username: 'anna', realm_access: { roles: ['a'] }, scope: 'email profile', auth_time: now, sid: 's', 'allowed-origins': ['*'] }, 200],
    ['Keycloak, of a refresh token', { typ: 'Refresh', token_type: 'Refresh' }, 401],
    ['Okta', { device_id: 'd', nbf: now, jti: 'a', uid: 'x', username: 'anna@example.com', scope: 'openid email' }, 200],
    ['Ory Hydra', { aud: ['%api'], token_use: 'access_token', nbf: now, ext: {}, username: '' }, 200],
    ['Ory Hydra, of a client without an audience', { aud: [] }, 401],
    ['Zitadel', { aud: ['162147', '%api'], token_type: 'Bearer', nbf: now, 'urn:zitadel:iam:user:metadata': { a: 'b' } }, 200],
    ['a provider that writes null for what it does not say', { scope: null, username: null, iss: null, cnf: null, act: null, auth_time: null, acr: null, jti: null, authorization_details: null }, 200],
    ['a provider whose times have fractions', { exp: now + 300.5, iat: now + 0.25, auth_time: now - 0.5 }, 200],
    ['a provider that tells no users apart', { sub: undefined, username: 'anna' }, 401],
    ['a provider that tells no users apart, nor their names', { sub: undefined, scope: 'read profile' }, 401],
    ['a provider of a service', { sub: undefined, scope: 'read' }, 200],
    ['a provider that binds to certificates', { cnf: { 'x5t#S256': 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2' } }, 401],
    ['nobody: of another API', { aud: ['https://other.example'] }, 401],
    ['nobody: active as a text', { active: 'true' }, 503],
    ['nobody: active as a number', { active: 1 }, 503],
  ])('%s', async (_, said, expected) => {
    await start('introspection');
    provider.introspection = JSON.parse(JSON.stringify(active({ iss: stack.provider, ...said })).replaceAll('%api', stack.api));
    expect(await status('an-opaque-token-')).toBe(expected);
  });
});

describe('a JWT', () => {
  test('may have no scope, and then allows what needs none', async () => {
    await start('jwt');
    const token = provider.token({ scope: undefined });
    expect(await status(token)).toBe(200);
    const profile = await fetch(`${stack.api}/api/user/profile`, { headers: { authorization: `Bearer ${token}` } });
    expect(profile.status).toBe(403);
  });

  test('may have times with a fraction', async () => {
    await start('jwt');
    const now = Date.now() / 1000;
    expect(await status(provider.token({ iat: now - 0.5, nbf: now - 0.5, exp: now + 60.5 }))).toBe(200);
    expect(await status(provider.token({ iat: now - 60.5, exp: now - 0.5 }))).toBe(401);
  });

  test('counts from when it says, but for a minute by which clocks differ', async () => {
    await start('jwt');
    const now = Math.floor(Date.now() / 1000);
    expect(await status(provider.token({ nbf: now + 30 }))).toBe(200);
    expect(await status(provider.token({ nbf: now + 250 }))).toBe(401);
  });

  test('may be signed with the second of two keys of one name', async () => {
    await start('jwt');
    const [own, other] = [provider.published[0], signingKey('a-key').jwk];
    provider.publish([other, own]);
    expect(await status(provider.token())).toBe(200);
    provider.publish([other]);
    await stack.restart();
    expect(await status(provider.token())).toBe(401);
  });
});

describe('a status list', () => {
  const revoked = [7];
  test('may be where its provider says, and be moved from there, but must be its provider\'s', async () => {
    await start('jwt');
    let list;
    const origin = await startElsewhere((request, response) => {
      if (request.url === '/first') response.writeHead(302, { location: '/second' }).end();
      else response.end(list);
    });
    provider.revoked = revoked;
    const uri = `${origin}/first`;
    const token = (idx) => provider.token({ status: { status_list: { idx, uri } } });
    provider.listClaims = { sub: uri };
    list = provider.list();
    expect([await status(token(1)), await status(token(7))]).toEqual([200, 401]);
    // What somebody else has signed says nothing.
    await stack.restart();
    const [header, claims] = list.split('.');
    list = `${header}.${claims}.${'A'.repeat(86)}`;
    expect(await status(token(1))).toBe(503);
  });

  test('need not say when it ends', async () => {
    await start('jwt');
    Object.assign(provider, { revoked, listClaims: { exp: undefined, ttl: undefined } });
    expect([await status(provider.listed(1)), await status(provider.listed(7))]).toEqual([200, 401]);
  });

  test.each([
    ['at no place', { idx: undefined }], ['at a place that is no number', { idx: '7' }], ['at a place beyond all numbers', { idx: 2 ** 40 }],
    ['nowhere', { uri: undefined }], ['where anybody can change it', { uri: 'http://lists.example/0' }],
  ])('that a token is in %s lets nobody in', async (_, changes) => {
    await start('jwt');
    const status_list = { idx: 1, uri: `${stack.provider}/lists/0`, ...changes };
    expect(await status(provider.token({ status: { status_list } }))).toBe(503);
    expect(provider.asked.list).toBe(0);
  });

  test('that is much longer than it looks is not read to its end', async () => {
    await start('jwt');
    // 400 MB, and of these again: more than an isolate has.
    const bomb = deflateSync(Buffer.alloc(400_000_000), { level: 9 }).toString('base64url');
    provider.listClaims = { status_list: { bits: 1, lst: bomb } };
    expect(await status(provider.listed(1))).toBe(503);
    await expect.poll(() => stack.logs().join('\n')).toContain('is too long');
    expect(await status(provider.token())).toBe(200);
  });
});

describe('what another isolate has kept', () => {
  const token = 'a-good-token-for-a-test';
  const variables = { GATEPASS_VALIDATION: 'introspection', GATEPASS_REVOCATION_BOUND: '60' };
  const keepAnswer = async () => {
    stack = await startStack({ only: ['api'], cache: true, api: variables });
    provider = await startFakeProvider(stack);
    provider.introspection = active();
    expect(await status(token)).toBe(200);
    await expect.poll(async () => (await stack.cached()).keys.length).toBe(1);
  };
  const later = (value) => value.replace(/^\d+/, (seconds) => Number(seconds) + 86_400);
  test.each([
    ['as of tomorrow, by a clock that was wrong', later], ['without its end', (value) => value.slice(0, -5)], ['without its time', (value) => value.replace(/^\d+ /, '')],
  ])('%s is asked for again', async (_, change) => {
    await keepAnswer();
    await stack.spoilCache(change);
    await stack.restart();
    provider.introspection = { active: false };
    expect(await status(token)).toBe(401);
    expect(provider.asked.introspection).toBe(2);
  });

  test('is not about tokens for this API if it is not, though its provider is', async () => {
    await keepAnswer();
    await stack.restart({ api: { ...variables, GATEPASS_AUDIENCE: 'https://another-api.example' } });
    expect(await status(token)).toBe(401);
    await stack.restart({ api: variables });
    expect(await status(token)).toBe(200);
    expect(provider.asked.introspection).toBe(1);
  });
});

const endless = (head, chunk) => (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write(head);
  const write = () => {
    if (response.destroyed) return;
    response.write(chunk, () => { setTimeout(write, chunk.length > 1000 ? 0 : 50); });
  };
  write();
};
const compressed = (text) => (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(gzipSync(text));
};
const page = (_request, response) => { response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Under maintenance</title>'); };

describe('an answer that is none:', () => {
  const answers = [
    ['a stream without an end', endless('{"a":"', 'x'.repeat(100_000)), /too large|unreadable/],
    ['a trickle without an end', endless('{"a":"', 'x'), ''],
    ['200 MB that were compressed', compressed(`{"a":"${'x'.repeat(200_000_000)}"}`), /too large|unreadable/],
    ['a page', page, ''],
    ['half of one', (_request, response) => { response.writeHead(200, { 'content-length': '100' }).write('{"active":true'); setTimeout(() => response.destroy(), 100); }, ''],
    ['nesting without an end', (_request, response) => { response.end(`{"a":${'['.repeat(50_000)}`); }, ''],
    ['nothing', (_request, response) => { response.writeHead(204).end(); }, 'status 204'],
  ];
  const worst = answers.slice(0, 3);
  describe.each([['introspection', answers], ['keys', worst], ['metadata', worst]])('to a request for %s', (document, these) => {
    test.each(these)('%s', async (_, answer, logged) => {
      await start(document === 'keys' ? 'jwt' : 'introspection');
      const token = document === 'keys' ? provider.token() : 'an-opaque-token-';
      provider.instead[document] = answer;
      const began = Date.now();
      expect(await status(token)).toBe(503);
      expect(Date.now() - began).toBeLessThan(9_000);
      await expect.poll(() => stack.logs().join('\n')).toMatch(logged);
      provider.instead = {};
      provider.introspection = active();
      await expect.poll(() => status(token), { timeout: 10_000 }).toBe(200);
    });
  });

  test.each([301, 302, 303, 307, 308])('a redirect (%i), which takes no secret elsewhere', async (code) => {
    await start('introspection');
    let asked = 0;
    const origin = await startElsewhere((_request, response) => {
      asked += 1;
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(active()));
    });
    provider.instead.introspection = (_request, response) => { response.writeHead(code, { location: `${origin}/introspect` }).end(); };
    expect(await status('an-opaque-token-')).toBe(503);
    expect(asked).toBe(0);
  });
});

describe('a token that the provider, or a firewall before it, does not like', () => {
  const disliked = (index) => `../../../../etc/passwd-${index}`;
  test.each([
    ['says that it is forbidden', (response) => response.writeHead(403).end('<html>Blocked</html>')],
    ['says that it is a bad request', (response) => response.writeHead(400).end('{}')],
    ['says more than anybody reads', (response) => response.end(JSON.stringify({ ...active(), biography: 'x'.repeat(100_000) }))],
    ['says so with a page', (response) => response.end('<html>Blocked</html>')],
    ['says what nobody can read', (response) => response.end('{"active":true,"name":"\\ud83d"}')],
  ])('and %s, keeps nobody else out', async (_, answer) => {
    await start('introspection', { GATEPASS_REVOCATION_BOUND: '60' });
    provider.introspection = active();
    provider.instead.introspection = (_request, response) => answer(response);
    for (let index = 0; index < 8; index += 1) expect(await status(disliked(index))).toBe(503);
    provider.instead = {};
    expect(await status('an-honest-token-')).toBe(200);
  });

  test('is a part of a flood like any other', async () => {
    await start('introspection', { GATEPASS_REVOCATION_BOUND: '60' });
    provider.instead.introspection = (_request, response) => { response.writeHead(403).end(); };
    const began = Date.now();
    const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => status(disliked(index))));
    expect(new Set(answers)).toEqual(new Set([429, 503]));
    expect(provider.asked.introspection).toBeLessThanOrEqual(6 + 3 * Math.ceil((Date.now() - began) / 1000));
  });
});
