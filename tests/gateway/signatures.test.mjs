// Whose signature the gateway believes: every standard way of signing, keys with and without names.

import crypto from 'node:crypto';
import { createServer } from 'node:http';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { setAhead } from '../support/ahead.mjs';
import { GatewayUser } from '../support/gateway-user.mjs';
import { startIdentityProvider } from '../support/identity-provider.mjs';
import { freePorts } from '../support/ports.mjs';
import { startStack } from '../support/stack.mjs';

const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING } = crypto.constants;
const pss = (saltLength) => ({ padding: RSA_PKCS1_PSS_PADDING, saltLength });
const pkcs1 = { padding: RSA_PKCS1_PADDING };
const ec = { dsaEncoding: 'ieee-p1363' };

/** How Node signs: the kind of key, the hash, and the rest. */
const methods = {
  RS256: ['rsa', 'sha256', pkcs1], RS384: ['rsa', 'sha384', pkcs1], RS512: ['rsa', 'sha512', pkcs1],
  PS256: ['rsa', 'sha256', pss(32)], PS384: ['rsa', 'sha384', pss(48)], PS512: ['rsa', 'sha512', pss(64)],
  ES256: ['P-256', 'sha256', ec], ES384: ['P-384', 'sha384', ec], ES512: ['P-521', 'sha512', ec],
  EdDSA: ['ed25519', null, {}], Ed25519: ['ed25519', null, {}],
};

const newPair = (kind) => {
  if (kind === 'rsa') return crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  if (kind === 'ed25519') return crypto.generateKeyPairSync('ed25519');
  return crypto.generateKeyPairSync('ec', { namedCurve: kind });
};

const made = {};
const pair = (kind, index = 0) => (made[`${kind} ${index}`] ??= newPair(kind));

/** The JWK of a key, with these members beside. */
const jwk = (alg, members = {}, index = 0) => ({ ...pair(methods[alg][0], index).publicKey.export({ format: 'jwk' }), ...members });

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token signed with the key of `alg`. A header that says otherwise lies. */
function signed(alg, claims, header = {}, index = 0) {
  const [kind, hash, how] = methods[alg];
  const input = `${part({ alg, ...header })}.${part(claims)}`;
  return `${input}.${crypto.sign(hash, Buffer.from(input), { key: pair(kind, index).privateKey, ...how }).toString('base64url')}`;
}

let stack;
let others;
beforeAll(async () => {
  const signing = ['ES384', 'PS256', 'ES512', 'EdDSA'];
  const ports = await freePorts(signing.length);
  others = signing.map((alg, index) => ({ alg, name: alg.toLowerCase(), origin: `http://localhost:${ports[index]}` }));
  const registration = { client_id: 'gatepass-gateway', secret: 'GATEPASS_GATEWAY_SECRET' };
  const [own] = await freePorts(1);
  const providers = [
    { ...registration, name: 'own', issuer: `http://localhost:${own}` },
    ...others.map(({ name, origin }) => ({ ...registration, name, issuer: origin })),
  ];
  stack = await startStack({ only: ['gateway'], ahead: true, gateway: { GATEPASS_ISSUER: `http://localhost:${own}`, GATEPASS_PROVIDERS: JSON.stringify(providers) } });
  stack.issuer = `http://localhost:${own}`;
});
afterAll(() => stack?.stop());

test.each([0, 1, 2, 3])('a user signs in at a provider that signs ID tokens in another way (%i)', async (index) => {
  const { alg, name, origin } = others[index];
  const key = { ...pair(methods[alg][0]).privateKey.export({ format: 'jwk' }), kid: 'a-key', use: 'sig' };
  const provider = await startIdentityProvider(stack, {
    origin, registration: name, keys: [key], signing: [alg], client: { id_token_signed_response_alg: alg },
  });
  try {
    const user = new GatewayUser(stack);
    await user.signIn({ provider: name });
    expect((await user.get('/api/session')).user.sub).toBe('anna');
  } finally {
    await provider.stop();
  }
});

describe('a logout token', () => {
  let server;
  let keys = [];
  let fetched = 0;
  let ahead = 0;
  beforeAll(async () => {
    const document = {
      issuer: stack.issuer, authorization_endpoint: `${stack.issuer}/authorize`, token_endpoint: `${stack.issuer}/token`, jwks_uri: `${stack.issuer}/keys`,
    };
    server = createServer((request, response) => {
      if (request.url === '/keys') fetched += 1;
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(request.url === '/keys' ? { keys } : document));
    });
    await new Promise((resolve) => { server.listen(Number(new URL(stack.issuer).port), 'localhost', resolve); });
  });
  afterAll(() => { server?.close().closeAllConnections(); });
  afterEach(() => { fetched = 0; });

  /** Other keys; the gateway has had the time to look again. */
  const publish = async (...published) => {
    keys = published;
    ahead += 601;
    await setAhead(stack, ahead);
  };
  let count = 0;
  const claims = () => ({
    iss: stack.issuer, aud: 'gatepass-gateway', sub: 'anna', jti: `order-${count += 1}`, events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    iat: Math.floor(Date.now() / 1000) + ahead, exp: Math.floor(Date.now() / 1000) + ahead + 120,
  });
  const send = async (token) => {
    const response = await fetch(`${stack.gateway}/logout/connect/back-channel/own`, { method: 'POST', body: new URLSearchParams({ logout_token: token }) });
    return response.status;
  };

  test.each(Object.keys(methods))('signed with %s is obeyed', async (alg) => {
    await publish(jwk(alg, { kid: 'a', alg, use: 'sig' }));
    expect(await send(signed(alg, claims(), { kid: 'a' }))).toBe(200);
    expect(fetched).toBe(1);
  });

  test('may be signed with a key without a name, whether it names one or not', async () => {
    await publish(jwk('ES384'));
    expect(await send(signed('ES384', claims()))).toBe(200);
    expect(await send(signed('ES384', claims(), { kid: 'a' }))).toBe(200);
  });

  test('may name none of several keys', async () => {
    await publish(jwk('RS256', { kid: 'a' }), jwk('ES256'), jwk('RS256', { kid: 'b' }, 1));
    expect(await send(signed('RS256', claims(), {}, 1))).toBe(200);
    expect(await send(signed('PS512', claims(), {}, 0))).toBe(200);
    expect(await send(signed('RS256', claims(), {}, 2))).toBe(400);
  });

  test('that names a key is checked with no other', async () => {
    await publish(jwk('ES256', { kid: 'a' }), jwk('ES256', { kid: 'b' }, 1));
    expect(await send(signed('ES256', claims(), { kid: 'b' }, 0))).toBe(400);
    expect(await send(signed('ES256', claims(), { kid: 'b' }, 1))).toBe(200);
  });

  test('without a name makes for a look at new keys, once in an interval', async () => {
    await publish(jwk('ES256'));
    expect(await send(signed('ES256', claims()))).toBe(200);
    await publish(jwk('ES256', {}, 1));
    fetched = 0;
    expect(await send(signed('ES256', claims(), {}, 1))).toBe(200);
    expect(fetched).toBe(1);
    const forged = Array.from({ length: 40 }, (_, index) => send(signed('ES256', claims(), index % 2 ? {} : { kid: `invented-${index}` }, 2)));
    expect(await Promise.all(forged)).toEqual(Array(40).fill(400));
    expect(fetched).toBe(1);
  });

  test('is tried with a bounded number of keys', async () => {
    const strangers = Array.from({ length: 8 }, (_, index) => jwk('ES256', {}, index + 1));
    await publish(...strangers.slice(1), jwk('ES256'));
    expect(await send(signed('ES256', claims()))).toBe(200);
    await publish(...strangers, jwk('ES256'));
    expect(await send(signed('ES256', claims()))).toBe(400);
    expect(await send(signed('ES256', claims(), {}, 8))).toBe(200);
  });

  test.each([
    ['with the algorithm of another key', 'ES256', { kid: 'rsa' }],
    ['with RS256 and a key for PS256', 'RS256', { kid: 'pss' }],
    ['with a key for encryption', 'ES384', { kid: 'enc' }],
    ['and says another algorithm', 'RS256', { kid: 'rsa', alg: 'RS512' }],
  ])('signed %s is refused', async (_, alg, header) => {
    await publish(jwk('RS256', { kid: 'rsa' }), jwk('PS256', { kid: 'pss', alg: 'PS256' }), jwk('ES384', { kid: 'enc', use: 'enc' }));
    expect(await send(signed(alg, claims(), header))).toBe(400);
  });

  test('without a signature, or with the public key as a secret, is refused before any key is fetched', async () => {
    await publish(jwk('RS256', { kid: 'a' }));
    const pem = pair('rsa').publicKey.export({ type: 'spki', format: 'pem' });
    const input = `${part({ alg: 'HS256', kid: 'a' })}.${part(claims())}`;
    expect(await send(`${input}.${crypto.createHmac('sha256', pem).update(input).digest('base64url')}`)).toBe(400);
    for (const alg of ['none', 'None', 'HS512', 'ES256K']) expect(await send(`${part({ alg, kid: 'a' })}.${part(claims())}.`)).toBe(400);
    expect(fetched).toBe(0);
  });
});
