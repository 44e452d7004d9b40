// Tokens that the guard checks by itself, and that were revoked: it learns of that from the provider's status
// list within its bound (Token Status List), and asks no more than once for all.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startFakeProvider } from '../support/fake-provider.mjs';
import { Browser, basic } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

const BOUND = 2;
// A bound is of whole seconds, and a machine may be slow.
const within = { timeout: (BOUND + 8) * 1000, interval: 100 };

const caller = (stack) => (token) => fetch(`${stack().api}/api/protected`, { headers: { authorization: `Bearer ${token}` } });

describe('with the real provider', () => {
  let stack;
  let user;
  const call = caller(() => stack);
  beforeAll(async () => {
    const bound = { GATEPASS_REVOCATION_BOUND: String(BOUND) };
    stack = await startStack({ only: ['provider', 'api'], provider: bound, api: { GATEPASS_VALIDATION: 'jwt', ...bound } });
    user = new Browser(stack);
  });
  afterAll(() => stack?.stop());

  const isRefused = (token) => expect.poll(async () => (await call(token)).status, within).toBe(401);

  test('what ended with its grant is refused within the bound, and nobody else is', async () => {
    const [gone, stays] = [(await user.signIn()).tokens, (await user.signIn()).tokens];
    for (const { access_token: token } of [gone, stays]) expect((await call(token)).status).toBe(200);
    await user.revoke(gone.refresh_token);
    const ended = Date.now();
    await isRefused(gone.access_token);
    // Measured from the answer, with a second for each of the two clocks and one for the machine.
    expect(Date.now() - ended).toBeLessThan((BOUND + 3) * 1000);
    const refused = await call(gone.access_token);
    expect(refused.headers.get('www-authenticate')).toContain('error="invalid_token", error_description="the token is expired or revoked"');
    expect((await call(stays.access_token)).status).toBe(200);
  });

  test('what was revoked alone is refused, and the next token of the same grant is not', async () => {
    const { tokens } = await user.signIn();
    expect((await call(tokens.access_token)).status).toBe(200);
    await user.revoke(tokens.access_token);
    await isRefused(tokens.access_token);
    const next = await (await user.refresh(tokens.refresh_token)).json();
    expect((await call(next.access_token)).status).toBe(200);
  });

  test('the token of a service is refused alone', async () => {
    const authorization = basic('gatepass-service', stack.secrets.GATEPASS_SERVICE_SECRET);
    const obtain = async () => (await (await user.token({ grant_type: 'client_credentials' }, { authorization })).json()).access_token;
    const [gone, stays] = [await obtain(), await obtain()];
    expect((await call(gone)).status).toBe(200);
    await user.revoke(gone, {}, { authorization });
    await isRefused(gone);
    expect((await call(stays)).status).toBe(200);
  });
});

describe('the list', () => {
  let stack;
  let provider;
  const call = caller(() => stack);
  const start = async (variables) => {
    stack = await startStack({ only: ['api'], api: { GATEPASS_VALIDATION: 'jwt', GATEPASS_REVOCATION_BOUND: String(BOUND), ...variables } });
    provider = await startFakeProvider(stack);
  };
  afterEach(async () => {
    await provider?.stop();
    await stack?.stop();
  });

  test('is fetched once for forty tokens that come at once', async () => {
    await start({ GATEPASS_REVOCATION_BOUND: '60' });
    provider.revoked = [7];
    const answers = await Promise.all(Array.from({ length: 40 }, (_, idx) => call(provider.listed(idx))));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 40 }, (_, idx) => (idx === 7 ? 401 : 200)));
    expect(provider.asked).toEqual({ metadata: 1, keys: 1, introspection: 0, list: 1 });
  });

  test('is not asked for by a token that names none', async () => {
    await start();
    for (const status of [undefined, {}, { another_way: {} }]) expect((await call(provider.token({ status }))).status).toBe(200);
    expect(provider.asked.list).toBe(0);
  });

  test('is not asked for by a token that is refused anyway', async () => {
    await start();
    for (const claims of [{ aud: 'https://other.example' }, { iss: 'https://other.example' }, { exp: 1 }]) {
      expect((await call(provider.listed(1, claims))).status).toBe(401);
    }
    expect(provider.asked.list).toBe(0);
  });

  test('that cannot be had lets nobody in once the bound has passed, and says that it is worth another try', async () => {
    await start();
    expect((await call(provider.listed(1))).status).toBe(200);
    provider.status.list = 500;
    await expect.poll(async () => (await call(provider.listed(1))).status, within).toBe(503);
    const refused = await call(provider.listed(1));
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.headers.get('www-authenticate')).toBeNull();
    // What needs no list is still judged.
    expect((await call(provider.token())).status).toBe(200);
    provider.status = {};
    await expect.poll(async () => (await call(provider.listed(1))).status, within).toBe(200);
  });

  test('that cannot be had is done without for as long as is configured: the last one still counts', async () => {
    await start({ GATEPASS_OUTAGE_TOLERANCE: '600' });
    provider.revoked = [7];
    expect((await call(provider.listed(1))).status).toBe(200);
    provider.status.list = 500;
    const began = Date.now();
    await expect.poll(async () => {
      expect((await call(provider.listed(1))).status).toBe(200);
      expect((await call(provider.listed(7))).status).toBe(401);
      return Date.now() - began;
    }, within).toBeGreaterThan((BOUND + 1) * 1000);
  });

  test('that is not what it should be is a failure of the provider, not of the token', async () => {
    await start();
    const uri = `${stack.provider}/lists/0`;
    for (const claims of [
      { sub: `${uri}1` }, { iss: 'https://other.example' }, { exp: 1 }, { iat: 1 },
      { status_list: { bits: 3, lst: '' } }, { status_list: { bits: 1, lst: 'eNpjYGBg' } }, { status_list: undefined }, { iat: undefined },
    ]) {
      provider.listClaims = claims;
      expect((await call(provider.listed(1))).status).toBe(503);
      provider.listClaims = {};
      await expect.poll(async () => (await call(provider.listed(1))).status, within).toBe(200);
      await stack.restart();
    }
    expect((await call(provider.listed(128 * 8))).status).toBe(503);
  });

  test('is not asked for if tokens are trusted until they expire', async () => {
    await start({ GATEPASS_REVOCATION_BOUND: 'never' });
    provider.revoked = [7];
    expect((await call(provider.listed(7))).status).toBe(200);
    expect(provider.asked.list).toBe(0);
  });
});
