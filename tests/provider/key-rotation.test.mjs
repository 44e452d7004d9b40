// Signing keys come and go: next, current, previous, retired. The cron trigger is told what time it is,
// and nobody waits for a month.
import crypto, { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { header, keySet, signerOf } from '../support/jws.mjs';
import { Browser, atOnce, claims, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

const day = 86_400_000;
const bearer = (token) => ({ authorization: `Bearer ${token}` });
const newKey = () => randomBytes(32).toString('base64url');
const seconds = () => Math.floor(Date.now() / 1000);

// Every request looks into the database, as if each came to a new isolate. The trigger also cleans up: what
// the tests go on with must live until then.
const uncached = {
  GATEPASS_JWKS_CACHE_LIFETIME: '0',
  GATEPASS_REFRESH_TOKEN_LIFETIME: `${90 * 86_400}`,
  GATEPASS_SIGN_IN_LIFETIME: 'never',
};

let stack;
let user;

const begin = (provider) => async () => {
  stack = await startStack({ only: ['provider'], provider });
};

const prepare = async (sql, ...values) => (await stack.database('provider')).prepare(sql).bind(...values);
const run = async (sql, ...values) => (await prepare(sql, ...values)).run();
const rows = async (where = 'true') => (await (await prepare(`SELECT * FROM signing_keys WHERE ${where} ORDER BY key_id`)).all()).results;
const settle = async (settings) => run("UPDATE clients SET settings = ? WHERE client_id = 'gatepass-demo'", JSON.stringify(settings));
const withStatus = async (status) => (await rows(`status = '${status}'`)).map((row) => row.key_id);
const published = async () => (await keySet(stack.provider)).map((key) => key.kid);
const userinfo = async (token) => (await fetch(`${stack.provider}/oauth/userinfo`, { headers: bearer(token) })).status;
const cronAfter = (days) => stack.clean(new Date(Date.now() + days * day));

describe('rotation', () => {
  beforeEach(begin(uncached));
  beforeEach(() => { user = new Browser(stack); });
  afterEach(() => stack.stop());

  test('the next key signs after thirty days; what the one before signed stays good until it has expired', async () => {
    const { tokens } = await user.signIn();
    const [current, next] = await published();
    expect(header(tokens.access_token).kid).toBe(current);
    await cronAfter(29);
    expect(await published()).toEqual([current, next]);

    await cronAfter(30);
    const keys = await keySet(stack.provider);
    expect(keys.map((key) => key.kid)).toEqual([next, expect.any(String), current]);
    expect(signerOf(tokens.access_token, keys)).toBeTruthy();
    expect(await userinfo(tokens.access_token)).toBe(200);
    const { refresh_token, access_token } = await (await user.refresh(tokens.refresh_token)).json();
    expect(header(access_token).kid).toBe(next);
    expect(await userinfo(access_token)).toBe(200);
    // It signs no more, so nobody needs its private half.
    expect(await rows(`key_id = '${current}'`)).toMatchObject([{ status: 'previous', private_key: null, nonce: null }]);

    await cronAfter(31);
    expect(await published()).not.toContain(current);
    expect(await userinfo(tokens.access_token)).toBe(401);
    expect((await user.refresh(refresh_token)).status).toBe(200);
  });

  test('an ID token of a retired key still says who signs out, until nobody can have one any more', async () => {
    const { tokens } = await user.signIn();
    const other = new Browser(stack);
    const { tokens: later } = await other.signIn();
    const signOut = (browser, hint) => browser.request('GET', `/oauth/logout?id_token_hint=${hint}`);
    await cronAfter(30);
    await cronAfter(31);
    expect(await withStatus('retired')).toEqual([header(tokens.id_token).kid]);
    expect(await (await signOut(user, tokens.id_token)).text()).not.toContain('Sign out?');
    expect(user.cookie('gatepass_sign_in')).toBeUndefined();
    await cronAfter(31 + 91);
    expect(await rows(`key_id = '${header(later.id_token).kid}'`)).toEqual([]);
    expect(await (await signOut(other, later.id_token)).text()).toContain('Sign out?');
  });

  test('many runs at once rotate once', async () => {
    const [current, next] = await published();
    await Promise.all(Array.from({ length: 12 }, () => cronAfter(30)));
    expect(await withStatus('current')).toEqual([next]);
    expect(await withStatus('previous')).toEqual([current]);
    expect(await withStatus('next')).toHaveLength(1);
  });

  test('a rotation that is due is done by whoever finds it, once', async () => {
    const { tokens } = await user.signIn();
    const [current, next] = await published();
    await run('UPDATE signing_keys SET since = since - 31 * 86400, created_at = created_at - 86400');
    const answers = await atOnce(20, () => fetch(`${stack.provider}/.well-known/jwks.json`));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(await withStatus('current')).toEqual([next]);
    expect(await withStatus('previous')).toEqual([current]);
    expect(await withStatus('next')).toHaveLength(1);
    expect((await user.refresh(tokens.refresh_token)).status).toBe(200);
  });

  test('the next key waits until every copy of the key set has it', async () => {
    const [current, next] = await published();
    await run('UPDATE signing_keys SET since = since - 31 * 86400, created_at = created_at + 3600');
    expect(await published()).toEqual([current, next]);
    // With a key set that nobody may keep, it is the minute that clocks may differ by.
    await run('UPDATE signing_keys SET created_at = ?', seconds() - 61);
    expect((await published())[0]).toBe(next);
  });

  test('a key stays as long as the longest-lived token it has signed', async () => {
    await user.signIn();
    await settle({ access_token_lifetime: 40 * 86_400 });
    const { tokens, response } = await user.signIn();
    expect(roundTrips(response)).toBeLessThanOrEqual(5);
    const { kid } = header(tokens.access_token);
    expect((await rows(`key_id = '${kid}'`))[0].token_lifetime).toBe(40 * 86_400);
    await cronAfter(30);
    await cronAfter(69);
    expect(await published()).toContain(kid);
    await cronAfter(71);
    expect(await published()).not.toContain(kid);
  });

  test('every algorithm that is in use rotates, and none that is not', async () => {
    await published();
    await settle({ id_token_signed_response_alg: 'EdDSA' });
    const before = (await user.signIn()).tokens;
    await cronAfter(30);
    const after = (await user.signIn()).tokens;
    for (const [old, young] of [[before.id_token, after.id_token], [before.access_token, after.access_token]]) {
      expect(header(young).alg).toBe(header(old).alg);
      expect(header(young).kid).not.toBe(header(old).kid);
    }
    expect(new Set((await rows()).map(({ algorithm }) => algorithm))).toEqual(new Set(['ES256', 'EdDSA']));
  });
});

test('a scheduled run that cannot do its work says so in the log', async () => {
  stack = await startStack({ only: ['provider'], healthy: false, provider: { GATEPASS_KEY_ROTATION_PERIOD: 'often' } });
  await stack.clean();
  const problem = 'configuration: GATEPASS_KEY_ROTATION_PERIOD must be a number of seconds, or never';
  expect(stack.logs().join()).toContain(`"event":"scheduled_task_failed","about":"configuration","reason":"${problem}"`);
  await stack.stop();
});

describe('an isolate', () => {
  beforeAll(begin({}));
  afterAll(() => stack.stop());

  test('that does not know a key looks again before it refuses, although it has looked lately', async () => {
    user = new Browser(stack);
    const { tokens } = await user.signIn();
    // As another isolate would have made it.
    const { publicKey, privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
    await run(`INSERT INTO signing_keys (key_id, algorithm, status, public_jwk, created_at, since)
      VALUES ('elsewhere', 'ES256', 'previous', ?, ?, ?)`, JSON.stringify({ crv, kty, x, y }), seconds(), seconds());
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${part({ alg: 'ES256', typ: 'at+jwt', kid: 'elsewhere' })}.${part(claims(tokens.access_token))}`;
    const signature = crypto.sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    const token = `${signed}.${signature.toString('base64url')}`;
    // Not at every token, but well before it would look anyway.
    await expect.poll(() => userinfo(token), { timeout: 25_000, interval: 500 }).toBe(200);
  });
});

describe('an isolate that has its keys for two seconds', () => {
  beforeAll(begin({ GATEPASS_JWKS_CACHE_LIFETIME: '2' }));
  afterAll(() => stack.stop());

  test('learns in time that another has revoked a key, and its users stay signed in', async () => {
    user = new Browser(stack);
    const { tokens } = await user.signIn();
    const [stolen, next] = await published();
    await run("UPDATE signing_keys SET status = 'revoked', private_key = NULL, nonce = NULL WHERE key_id = ?", stolen);
    await expect.poll(() => userinfo(tokens.access_token), { timeout: 20_000, interval: 200 }).toBe(401);
    expect((await published())[0]).toBe(next);
    expect(header((await (await user.refresh(tokens.refresh_token)).json()).access_token).kid).toBe(next);
  });
});

describe('the key encryption key', () => {
  let key;
  beforeEach(async () => {
    await begin({})();
    key = stack.secrets.GATEPASS_KEY_ENCRYPTION_KEY;
    user = new Browser(stack);
  });
  afterEach(() => stack.stop());

  const change = (next, previous) => stack.restart({
    provider: { GATEPASS_KEY_ENCRYPTION_KEY: next, GATEPASS_PREVIOUS_KEY_ENCRYPTION_KEY: previous },
  });

  test('can be changed: private keys are encrypted anew, and the old one is needed no more', async () => {
    const { tokens } = await user.signIn();
    const [current, next] = await published();
    const before = await rows();
    const other = newKey();
    await change(other, key);
    const refreshed = await (await user.refresh(tokens.refresh_token)).json();
    expect(header(refreshed.access_token).kid).toBe(current);
    const after = await rows();
    for (const [index, row] of after.entries()) {
      expect(row.kek_id).not.toBe(before[index].kek_id);
      expect(row.private_key).not.toBe(before[index].private_key);
      expect(row.nonce).not.toBe(before[index].nonce);
    }
    await change(other, undefined);
    expect((await user.refresh(refreshed.refresh_token)).status).toBe(200);
    // The one that does not sign yet was encrypted anew as well.
    await cronAfter(30);
    await change(other, undefined);
    expect(header((await user.signIn()).tokens.access_token).kid).toBe(next);
  });

  test('is named in each row by something that is not the key', async () => {
    await published();
    const hash = (data) => crypto.createHash('sha256').update(data).digest('base64url');
    const bytes = Buffer.from(key, 'base64url');
    for (const { kek_id } of await rows()) {
      expect(kek_id).toMatch(/^[\w-]{16}$/);
      for (const telling of [key, hash(bytes), hash(key)]) expect(telling).not.toContain(kek_id);
    }
  });

  test('that is gone stops the signing and says so in the log; brought back, nobody was signed out', async () => {
    const { tokens } = await user.signIn();
    await change(newKey(), undefined);
    const refused = await user.refresh(tokens.refresh_token);
    expect({ status: refused.status, ...(await refused.json()) }).toMatchObject({ status: 500, error: 'server_error' });
    expect(stack.logs().join()).toContain('GATEPASS_KEY_ENCRYPTION_KEY is not the key');
    await change(key, undefined);
    expect((await user.refresh(tokens.refresh_token)).status).toBe(200);
  });

  test('of rows from before the rows named it is found by trying', async () => {
    const { tokens } = await user.signIn();
    await run("UPDATE signing_keys SET kek_id = ''");
    await change(newKey(), key);
    expect((await user.refresh(tokens.refresh_token)).status).toBe(200);
    expect((await rows()).map((row) => row.kek_id)).not.toContain('');
  });
});
