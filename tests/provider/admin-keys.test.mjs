// An operator's commands about signing keys: rotate, import, and replace in an emergency.
import crypto, { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { header, keySet, signerOf } from '../support/jws.mjs';
import { Browser } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

const adminToken = randomBytes(32).toString('base64url');
const bearer = (token) => ({ authorization: `Bearer ${token}` });
const json = { 'content-type': 'application/json' };

let stack;
let user;

const command = (name, body, headers = bearer(adminToken)) => fetch(`${stack.provider}/admin/keys/${name}`, {
  method: 'POST', headers: { ...json, ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body),
});
const answer = async (response) => ({ status: response.status, ...(await response.json()) });
const list = async () => (await (await fetch(`${stack.provider}/admin/keys`, { headers: bearer(adminToken) })).json()).keys;
const withStatus = async (status, alg = 'ES256') => (await list()).filter((key) => key.status === status && key.alg === alg).map((key) => key.kid);
const published = async () => (await keySet(stack.provider)).map((key) => key.kid);
const userinfo = async (token) => (await fetch(`${stack.provider}/oauth/userinfo`, { headers: bearer(token) })).status;
const callApi = async (token) => (await fetch(`${stack.api}/api/protected`, { headers: bearer(token) })).status;
const run = async (sql, ...values) => (await stack.database('provider')).prepare(sql).bind(...values).run();
/** As if the next key had been published long ago. */
const ripen = () => run('UPDATE signing_keys SET created_at = created_at - 86400');
/** An isolate looks at most a minute later; these tests wait for none. */
const restart = (provider = {}) => stack.restart({ provider: { GATEPASS_ADMIN_TOKEN: adminToken, ...provider }, api: { GATEPASS_VALIDATION: 'jwt' } });

async function begin() {
  stack = await startStack({
    only: ['provider', 'api'], provider: { GATEPASS_ADMIN_TOKEN: adminToken }, api: { GATEPASS_VALIDATION: 'jwt' },
  });
  user = new Browser(stack);
  // The first request creates the development data.
  await published();
}
const end = () => stack.stop();

describe('the commands', () => {
  beforeAll(begin);
  afterAll(end);

  test('need the operator\'s token', async () => {
    const [current] = await published();
    for (const [headers, challenge] of [
      [{}, /^Bearer realm="[^"]+"$/],
      [{ authorization: `Basic ${adminToken}` }, /^Bearer realm="[^"]+"$/],
      [bearer(`${adminToken}x`), /error="invalid_token"/],
      [bearer(adminToken.slice(1)), /error="invalid_token"/],
      [bearer((await user.signIn()).tokens.access_token), /error="invalid_token"/],
    ]) {
      for (const response of [
        await command('replace', { all: true }, headers),
        await command('rotate', {}, headers),
        await command('import', { key: {} }, headers),
        await fetch(`${stack.provider}/admin/keys`, { headers }),
      ]) {
        expect(response.status).toBe(401);
        expect(response.headers.get('www-authenticate')).toMatch(challenge);
      }
    }
    expect((await published())[0]).toBe(current);
  });

  test('are not there for any page of a browser, nor by another method', async () => {
    const origin = stack.gateway;
    const preflight = await fetch(`${stack.provider}/admin/keys/replace`, {
      method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    });
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
    expect((await fetch(`${stack.provider}/admin/keys/replace`, { headers: bearer(adminToken) })).status).toBe(405);
    expect((await fetch(`${stack.provider}/admin/keys`, { method: 'POST', headers: bearer(adminToken) })).status).toBe(405);
  });

  test('list the keys without anything secret', async () => {
    const { tokens } = await user.signIn();
    const response = await fetch(`${stack.provider}/admin/keys`, { headers: bearer(adminToken) });
    expect(response.headers.get('cache-control')).toBe('no-store');
    const { keys } = await response.json();
    const key = { alg: 'ES256', since: expect.any(Number), created_at: expect.any(Number), encryption: 'current' };
    expect(keys).toEqual([
      { kid: header(tokens.access_token).kid, status: 'current', ...key },
      { kid: expect.any(String), status: 'next', ...key },
    ]);
  });

  test('refuse what they do not understand, and change nothing', async () => {
    const before = await list();
    for (const [name, body, error] of [
      ['rotate', '', 'the body must be a JSON object'],
      ['rotate', { alg: 'none' }, 'alg is missing, or not what it may be'],
      ['replace', {}, 'kid is missing, or not what it may be'],
      ['replace', { all: 'yes' }, 'all is missing, or not what it may be'],
      ['import', {}, 'key is missing, or not what it may be'],
      ['import', { key: 7 }, 'key is missing, or not what it may be'],
    ]) {
      expect(await answer(await command(name, body))).toEqual({ status: 400, error: 'invalid_request', error_description: error });
    }
    expect((await command('rotate', '{}', { ...bearer(adminToken), 'content-type': 'text/plain' })).status).toBe(415);
    expect((await command('import', { key: 'A'.repeat(70_000) })).status).toBe(413);
    expect(await answer(await command('replace', { kid: 'nobody' }))).toMatchObject({ status: 404, error: 'invalid_request' });
    expect(await list()).toEqual(before);
  });
});

describe('without a token in the configuration', () => {
  beforeAll(begin);
  afterAll(end);

  test('there are no commands, for nobody', async () => {
    await restart({ GATEPASS_ADMIN_TOKEN: undefined });
    for (const response of [
      await command('rotate', {}), await command('replace', { all: true }, bearer('')),
      await fetch(`${stack.provider}/admin/keys`, { headers: bearer('undefined') }),
      await fetch(`${stack.provider}/admin/keys`, { method: 'OPTIONS' }),
    ]) {
      expect(response.status).toBe(404);
    }
  });

  test('that nobody guesses, the provider does not start', async () => {
    const other = await startStack({ only: ['provider'], healthy: false, provider: { GATEPASS_ADMIN_TOKEN: 'x'.repeat(31) } });
    expect((await fetch(`${other.provider}/health`)).status).toBe(500);
    expect(other.logs().join()).toContain('GATEPASS_ADMIN_TOKEN must have 32 characters or more');
    await other.stop();
  });
});

describe('rotating early', () => {
  beforeEach(begin);
  afterEach(end);

  test('waits until everybody knows the next key, and says how long', async () => {
    const before = await published();
    const early = await command('rotate', {});
    expect(Number(early.headers.get('retry-after'))).toBeGreaterThan(600);
    expect(await answer(early)).toMatchObject({ status: 409, error_description: 'the next key is not known everywhere yet' });
    expect(await published()).toEqual(before);
    await ripen();
    const { tokens } = await user.signIn();
    expect(await answer(await command('rotate', {}))).toMatchObject({ status: 200 });
    expect(await published()).toEqual([before[1], expect.any(String), before[0]]);
    expect(await userinfo(tokens.access_token)).toBe(200);
  });

  test('is for an algorithm that has a key', async () => {
    expect(await answer(await command('rotate', { alg: 'RS256' }))).toMatchObject({
      status: 409, error_description: 'there is no next key of this algorithm',
    });
  });
});

describe('replacing a key that somebody else may have', () => {
  beforeEach(begin);
  afterEach(end);

  test('its tokens are refused and users stay signed in; whoever verifies knows the new key already', async () => {
    const { tokens } = await user.signIn();
    const [stolen, next] = await published();
    expect(await callApi(tokens.access_token)).toBe(200);
    expect(await answer(await command('replace', { kid: stolen }))).toMatchObject({ status: 200 });

    expect(await published()).toEqual([next, expect.any(String)]);
    expect(await userinfo(tokens.access_token)).toBe(401);
    expect(await (await user.introspect(tokens.access_token)).json()).toEqual({ active: false });
    const refreshed = await user.refresh(tokens.refresh_token);
    expect(refreshed.status).toBe(200);
    const { access_token: token } = await refreshed.json();
    expect(header(token).kid).toBe(next);
    expect(await userinfo(token)).toBe(200);
    // The guard still has the key set of before: it takes the new token at once, and the old one, too,
    // until it looks again.
    expect(await callApi(token)).toBe(200);
    await restart();
    expect(await callApi(tokens.access_token)).toBe(401);
    expect(await callApi(token)).toBe(200);
  });

  test('the sign-in of the browser stays, too, but an ID token of the key says nothing any more', async () => {
    const { tokens } = await user.signIn();
    await command('replace', { kid: header(tokens.id_token).kid });
    const again = await user.request('GET', user.authorizeUrl({ challenge: 'A'.repeat(43) }));
    expect(new URL(again.headers.get('location')).searchParams.get('code')).toBeTruthy();
    const question = await user.request('GET', `/oauth/logout?id_token_hint=${tokens.id_token}`);
    expect(await question.text()).toContain('Sign out?');
  });

  test('what a thief signs with it is refused, under any name', async () => {
    const { privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = privateKey.export({ format: 'jwk' });
    await command('import', { key: jwk, kid: 'copied', status: 'current' });
    const { tokens } = await user.signIn();
    expect(header(tokens.access_token).kid).toBe('copied');
    const forge = (kid) => {
      const head = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid })).toString('base64url');
      const signed = `${head}.${tokens.access_token.split('.')[1]}`;
      const signature = crypto.sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `${signed}.${signature.toString('base64url')}`;
    };
    expect(await userinfo(forge('copied'))).toBe(200);
    await command('replace', { kid: 'copied' });
    for (const kid of ['copied', ...await published()]) expect(await userinfo(forge(kid))).toBe(401);
    // Nor does it come back.
    for (const key of [jwk, privateKey.export({ type: 'pkcs8', format: 'pem' })]) {
      expect(await answer(await command('import', { key, kid: 'another-name' }))).toMatchObject({ status: 409 });
    }
    expect(await answer(await command('replace', { kid: 'copied' }))).toMatchObject({ status: 404 });
  });

  test('all keys at once: new ones are made, and users stay signed in', async () => {
    await run('UPDATE clients SET settings = ?', JSON.stringify({ id_token_signed_response_alg: 'EdDSA' }));
    const { tokens } = await user.signIn();
    const before = await published();
    expect(before).toHaveLength(4);
    expect(await answer(await command('replace', { all: true }))).toMatchObject({ status: 200 });
    const after = await keySet(stack.provider);
    expect(after.map((key) => key.kid).filter((kid) => before.includes(kid))).toEqual([]);
    for (const alg of ['ES256', 'EdDSA']) {
      expect(await withStatus('current', alg)).toHaveLength(1);
      expect(await withStatus('next', alg)).toHaveLength(1);
    }
    expect(await userinfo(tokens.access_token)).toBe(401);
    const refreshed = await (await user.refresh(tokens.refresh_token)).json();
    expect(signerOf(refreshed.access_token, after)).toBeTruthy();
    expect(await userinfo(refreshed.access_token)).toBe(200);
  });

  test('a next or previous key is just dropped', async () => {
    const [current, next] = await published();
    await command('replace', { kid: next });
    const [still, another] = await published();
    expect([still, another]).toEqual([current, expect.not.stringMatching(next)]);
    await ripen();
    await command('rotate', {});
    await command('replace', { kid: current });
    expect(await published()).toEqual([another, expect.any(String)]);
  });

  test('many times at once leaves one key that signs and one that will', async () => {
    const [stolen] = await published();
    const answers = await Promise.all(Array.from({ length: 8 }, () => command('replace', { kid: stolen })));
    for (const { status } of answers) expect([200, 404]).toContain(status);
    expect(await withStatus('current')).toHaveLength(1);
    expect(await withStatus('next')).toHaveLength(1);
    expect(await withStatus('revoked')).toEqual([stolen]);
  });

  test('it is the way out when the key encryption key is lost', async () => {
    const { tokens } = await user.signIn();
    await restart({ GATEPASS_KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64url') });
    expect((await user.refresh(tokens.refresh_token)).status).toBe(500);
    expect((await list()).find((key) => key.status === 'current').encryption).toBe('unknown');
    expect(await answer(await command('replace', { all: true }))).toMatchObject({ status: 200 });
    expect((await user.refresh(tokens.refresh_token)).status).toBe(200);
  });

  test('every step is in the log, and no secret is', async () => {
    const [stolen, next] = await published();
    await command('replace', { kid: stolen });
    const logs = stack.logs().join('\n');
    expect(logs).toContain(`"event":"signing_key_revoked","about":"${stolen}"`);
    expect(logs).toContain(`"event":"signing_key_promoted","about":"${next}"`);
    expect(logs).not.toContain(adminToken);
  });
});

describe('importing a key', () => {
  beforeAll(begin);
  afterAll(end);

  const pairs = {
    ES256: () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    RS256: () => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }),
    EdDSA: () => crypto.generateKeyPairSync('ed25519'),
    Ed25519: () => crypto.generateKeyPairSync('ed25519'),
  };

  describe.each(Object.keys(pairs))('for %s', (alg) => {
    test.each(['jwk', 'pem', 'der'])('as %s: it signs, and verifies by the public key from elsewhere', async (form) => {
      const { privateKey, publicKey } = pairs[alg]();
      const key = {
        jwk: () => privateKey.export({ format: 'jwk' }),
        pem: () => privateKey.export({ type: 'pkcs8', format: 'pem' }),
        der: () => privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64'),
      }[form]();
      const kid = `${alg} as ${form}`;
      const imported = await answer(await command('import', { key, status: 'current', kid, ...(alg === 'Ed25519' && { alg }) }));
      expect(imported).toMatchObject({ status: 200 });
      expect(await withStatus('current', alg)).toEqual([kid]);
      await run('UPDATE clients SET settings = ?', JSON.stringify({ access_token_signed_response_alg: alg }));
      const { tokens } = await user.signIn();
      expect(header(tokens.access_token)).toMatchObject({ alg, kid });
      const elsewhere = { ...publicKey.export({ format: 'jwk' }), kid, alg };
      expect(signerOf(tokens.access_token, [elsewhere])).toBeTruthy();
      expect(await userinfo(tokens.access_token)).toBe(200);
    });
  });

  test('it waits as the next key unless it is to sign at once, and is named by its thumbprint (RFC 7638)', async () => {
    const [[current], [next]] = [await withStatus('current'), await withStatus('next')];
    const { privateKey, publicKey } = pairs.ES256();
    expect(await answer(await command('import', { key: privateKey.export({ format: 'jwk' }) }))).toMatchObject({ status: 200 });
    const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
    const thumbprint = crypto.createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
    expect(await withStatus('current')).toEqual([current]);
    expect(await withStatus('next')).toEqual([thumbprint]);
    expect(await published()).not.toContain(next);
    await ripen();
    await command('rotate', {});
    await run("UPDATE clients SET settings = '{}'");
    expect(header((await user.signIn()).tokens.access_token).kid).toBe(thumbprint);
  });

  test('in the place of the one that signs: what that signed stays good', async () => {
    await run("UPDATE clients SET settings = '{}'");
    const { tokens } = await user.signIn();
    const { privateKey } = pairs.ES256();
    await command('import', { key: privateKey.export({ format: 'jwk' }), kid: 'at once', status: 'current' });
    expect(await withStatus('current')).toEqual(['at once']);
    expect(await withStatus('previous')).toContain(header(tokens.access_token).kid);
    expect(await userinfo(tokens.access_token)).toBe(200);
  });

  test('is encrypted at once, and is nowhere to be read', async () => {
    const { privateKey } = pairs.ES256();
    const jwk = privateKey.export({ format: 'jwk' });
    const response = await command('import', { key: jwk, kid: 'secret' });
    expect(response.status).toBe(200);
    expect(await response.text()).not.toContain(jwk.d);
    const { results } = await (await stack.database('provider')).prepare('SELECT * FROM signing_keys').all();
    expect(JSON.stringify(results)).not.toContain(jwk.d);
    const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64url');
    expect(JSON.stringify(results)).not.toContain(pkcs8);
    expect(stack.logs().join()).not.toContain(jwk.d);
  });

  test('of no use is refused, and nothing changes', async () => {
    const before = await list();
    const own = pairs.ES256().privateKey.export({ format: 'jwk' });
    const other = pairs.ES256().privateKey.export({ format: 'jwk' });
    const useless = 'key is not a private key for an algorithm of this provider';
    const { d: _, ...publicHalf } = own;
    for (const [key, more, error] of [
      [publicHalf, {}, useless],
      [{ ...own, x: other.x, y: other.y }, {}, useless],
      [own, { alg: 'RS256' }, useless],
      [{ kty: 'oct', k: 'AAAA' }, {}, useless],
      [{}, {}, useless],
      ['AAAA', {}, useless],
      [crypto.generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({ format: 'jwk' }), {}, useless],
      [crypto.generateKeyPairSync('ed448').privateKey.export({ type: 'pkcs8', format: 'pem' }), {}, useless],
      [crypto.generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ format: 'jwk' }), {}, 'an RSA key must have 2048 bits or more'],
    ]) {
      expect(await answer(await command('import', { key, ...more }))).toEqual({ status: 400, error: 'invalid_request', error_description: error });
    }
    expect(await list()).toEqual(before);
  });

  test('that is here already, or under a name that is taken, is refused, and nothing changes', async () => {
    const [current] = await withStatus('current');
    const [own, other] = [pairs.ES256(), pairs.ES256()].map((pair) => pair.privateKey.export({ format: 'jwk' }));
    expect((await command('import', { key: own, kid: 'taken' })).status).toBe(200);
    const before = await list();
    for (const body of [{ key: own }, { key: own, kid: 'other' }, { key: other, kid: 'taken' }, { key: other, kid: current }]) {
      for (const status of ['next', 'current']) {
        expect(await answer(await command('import', { ...body, status }))).toMatchObject({ status: 409, error: 'invalid_request' });
      }
    }
    expect(await list()).toEqual(before);
  });
});
