// The guard and proof of possession (DPoP, RFC 9449 §7), in both ways of validation.
import { request } from 'node:http';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ProofKey, ProvingApp } from '../support/dpop.mjs';
import { Browser } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

const wire = async (response) => ({ status: response.status, error: (await response.clone().json()).error });
const refused = (error, status = 401) => ({ status, error });
const challenge = (response) => response.headers.get('www-authenticate');
const KEY = Buffer.alloc(32, 7).toString('base64url');
const ALGS = 'algs="ES256 RS256 EdDSA Ed25519"';

describe.each(['introspection', 'jwt'])('validating by %s', (validation) => {
  let stack;
  let app;
  let token;
  let url;
  beforeAll(async () => {
    stack = await startStack({ only: ['provider', 'api'], api: { GATEPASS_VALIDATION: validation } });
    app = new ProvingApp(stack);
    ({ tokens: { access_token: token } } = await app.signIn());
    url = `${stack.api}/api/user/profile`;
  });
  afterAll(() => stack?.stop());

  test.each(['ES256', 'EdDSA', 'RS256'])('a bound token opens what it should with a proof for it (%s)', async (alg) => {
    const other = new ProvingApp(stack, new ProofKey(alg));
    const { tokens } = await other.signIn();
    const response = await other.call(url, tokens.access_token);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ subject: 'demo' });
    expect((await other.call(`${url}?a=b`, tokens.access_token, { how: { claims: { htu: url } } })).status).toBe(200);
    const updated = await fetch(`${stack.api}/api/user/update`, {
      method: 'POST',
      headers: {
        authorization: `DPoP ${tokens.access_token}`,
        dpop: other.key.proof('POST', `${stack.api}/api/user/update`, { token: tokens.access_token }),
        'content-type': 'application/json',
      },
      body: JSON.stringify({ display_name: 'Proven' }),
    });
    expect(updated.status).toBe(200);
  });

  test('it is no bearer token, whatever else comes with it', async () => {
    for (const headers of [{}, { dpop: app.key.proof('GET', url, { token }) }]) {
      const response = await fetch(url, { headers: { authorization: `Bearer ${token}`, ...headers } });
      expect(await wire(response)).toEqual(refused('invalid_token'));
      expect(challenge(response)).toMatch(/^DPoP .*error="invalid_token"/);
      expect(challenge(response)).toContain(ALGS);
      expect(challenge(response)).toContain(`resource_metadata="${stack.api}/.well-known/oauth-protected-resource"`);
    }
  });

  const now = () => Math.floor(Date.now() / 1000);
  const wrong = {
    'without a proof': () => ({ headers: { dpop: '' } }),
    'with a proof that is none': () => ({ headers: { dpop: 'x' } }),
    'with a proof for another token': () => ({ how: { token: 'other' } }),
    'with a proof for no token': () => ({ how: { claims: { ath: undefined } } }),
    'with a proof for another method': () => ({ how: { claims: { htm: 'POST' } } }),
    'with a proof for another resource': () => ({ how: { claims: { htu: `${stack.api}/api/data` } } }),
    'with a proof for another host': () => ({ how: { claims: { htu: url.replace('localhost', '127.0.0.1') } } }),
    'with a proof that another key signed': () => ({ how: { signedBy: new ProofKey() } }),
    'with a proof of another key': () => ({ headers: { dpop: new ProofKey().proof('GET', url, { token }) } }),
    'with a proof of two minutes ago': () => ({ how: { claims: { iat: now() - 120 } } }),
    'with a proof of the future': () => ({ how: { claims: { iat: now() + 120 } } }),
  };
  test.each(Object.entries(wrong))('it is refused %s', async (_, how) => {
    const response = await app.call(url, token, how());
    expect(await wire(response)).toEqual(refused('invalid_dpop_proof'));
    expect(challenge(response)).toMatch(/^DPoP .*error="invalid_dpop_proof"/);
    expect(challenge(response)).toContain(ALGS);
  });

  test('a proof opens once', async () => {
    const headers = { authorization: `DPoP ${token}`, dpop: app.key.proof('GET', url, { token }) };
    expect((await fetch(url, { headers })).status).toBe(200);
    expect(await wire(await fetch(url, { headers }))).toEqual(refused('invalid_dpop_proof'));
  });

  test('a method that is not well known is proved like any other, and not with a proof for GET', async () => {
    for (const [method, htm, statuses] of [['PURGE', 'PURGE', [200, 404, 405]], ['PURGE', 'GET', [401]], ['GET', 'PURGE', [401]]]) {
      const status = await new Promise((resolve, reject) => {
        const headers = { authorization: `DPoP ${token}`, dpop: app.key.proof(htm, url, { token }) };
        request(url, { method, headers }, (response) => resolve(response.resume().statusCode)).on('error', reject).end();
      });
      expect([method, htm, statuses.includes(status) || status]).toEqual([method, htm, true]);
    }
  });

  test('what is wrong with the token itself is said as for any other', async () => {
    const forged = `${token.slice(0, -6)}AAAAAA`;
    const response = await app.call(url, forged);
    expect(await wire(response)).toEqual(refused('invalid_token'));
    expect(challenge(response)).toMatch(/^DPoP .*error="invalid_token"/);
    const { tokens } = await app.signIn({ scope: 'openid' });
    const narrow = await app.call(url, tokens.access_token);
    expect(await wire(narrow)).toEqual(refused('insufficient_scope', 403));
    expect(challenge(narrow)).toMatch(/^DPoP .*scope="read"/);
  });

  test('a token that is bound to no key is a bearer token and nothing else', async () => {
    const { tokens } = await new Browser(stack).signIn();
    expect((await fetch(url, { headers: { authorization: `Bearer ${tokens.access_token}` } })).status).toBe(200);
    expect(await wire(await app.call(url, tokens.access_token))).toEqual(refused('invalid_token'));
  });

  test('it says what it takes, and pages may send it', async () => {
    const metadata = await (await fetch(`${stack.api}/.well-known/oauth-protected-resource`)).json();
    expect(metadata).toMatchObject({
      dpop_signing_alg_values_supported: ['ES256', 'RS256', 'EdDSA', 'Ed25519'], dpop_bound_access_tokens_required: false,
    });
    const preflight = await fetch(url, { method: 'OPTIONS', headers: { origin: stack.gateway } });
    expect(preflight.headers.get('access-control-allow-headers')).toContain('DPoP');
  });
});

describe('with GATEPASS_DPOP=require and a key for nonces', () => {
  let stack;
  let app;
  let token;
  let url;
  beforeAll(async () => {
    stack = await startStack({
      only: ['provider', 'api'], api: { GATEPASS_VALIDATION: 'jwt', GATEPASS_DPOP: 'require', GATEPASS_DPOP_NONCE_KEY: KEY },
    });
    app = new ProvingApp(stack);
    ({ tokens: { access_token: token } } = await app.signIn());
    url = `${stack.api}/api/protected`;
  });
  afterAll(() => stack?.stop());

  test('a bearer token is refused, and who has none is told what to bring', async () => {
    const { tokens } = await new Browser(stack).signIn();
    for (const headers of [{}, { authorization: `Bearer ${tokens.access_token}` }]) {
      const response = await fetch(url, { headers });
      expect(response.status).toBe(401);
      expect(challenge(response)).toMatch(/^DPoP realm="[^"]*", algs=/);
    }
    const metadata = await (await fetch(`${stack.api}/.well-known/oauth-protected-resource`)).json();
    expect(metadata.dpop_bound_access_tokens_required).toBe(true);
  });

  test('a client whose clock is wrong gets in with a nonce', async () => {
    const claims = { iat: 1_000_000_000 };
    const asked = await app.call(url, token, { how: { claims }, headers: { origin: stack.gateway } });
    expect(await wire(asked)).toEqual(refused('use_dpop_nonce'));
    expect(challenge(asked)).toMatch(/^DPoP .*error="use_dpop_nonce"/);
    const nonce = asked.headers.get('dpop-nonce');
    expect(nonce).toMatch(/^[\w-]{43}$/);
    expect((await app.call(url, token, { how: { claims, nonce } })).status).toBe(200);
    expect(await wire(await app.call(url, token, { how: { nonce: app.nonce } }))).toEqual(refused('use_dpop_nonce'));
    expect((await app.call(url, token)).status).toBe(200);
  });
});
