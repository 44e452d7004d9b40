// The table of failures in sdk/README.md, row by row, in a real browser: what ends a session, and what does not.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { call, events, openInstantTab, signedIn, signIn, startInstantApp } from '../support/instant-app.mjs';

let provider;
let pages;
let browser;
let stop;
let context;
let tab;
beforeAll(async () => { ({ provider, pages, browser, stop } = await startInstantApp()); });
afterAll(() => stop?.());

const open = () => openInstantTab(context, pages, provider);

beforeEach(async () => {
  provider.instead.clear();
  context = await browser.newContext();
  tab = await open();
  await signIn(tab);
  expect(await call(tab)).toBe(200);
  return () => context.close();
});

/** What a call meets whose token is good no more, and how often the provider was asked for another. */
async function expiredCall() {
  provider.expire();
  const before = provider.asked('/token');
  const met = await call(tab);
  return [met, provider.asked('/token') - before];
}

/** Nobody was signed out, and once nothing fails any more, a call works. */
async function goesOn() {
  provider.instead.clear();
  expect(await signedIn(tab)).toBe(true);
  await expect.poll(() => call(tab)).toBe(200);
  expect((await events(tab)).filter((event) => event.startsWith('signed_out'))).toEqual([]);
}

test('invalid_grant for the current tokens ends the session, with the reason, and nobody is asked again', async () => {
  provider.instead.set('/token', [400, { error: 'invalid_grant', gatepass_reason: 'revoked' }]);
  expect(await expiredCall()).toEqual([401, 1]);
  expect(await signedIn(tab)).toBe(false);
  expect((await events(tab)).at(-1)).toBe('signed_out revoked');
  expect(await expiredCall()).toEqual([401, 0]);
});

describe('invalid_grant is not believed', () => {
  /** A tab without locks hears it of its tokens while the other tab does something. */
  async function meanwhile(action) {
    const other = await open();
    await tab.evaluate(() => { Object.defineProperty(navigator, 'locks', { value: undefined }); });
    let done;
    await tab.route('**/token', async (route) => {
      done ??= action(other);
      await done;
      await route.fulfill({ status: 400, headers: { 'access-control-allow-origin': '*' }, json: { error: 'invalid_grant' } });
    });
    provider.expire();
    const met = await call(tab);
    expect(done).toBeDefined();
    await tab.unroute('**/token');
    return met;
  }

  test('of tokens that another tab has renewed', async () => {
    expect(await meanwhile((other) => other.evaluate(() => window.client.refresh()))).toBe(200);
    await goesOn();
  });

  test('of an earlier sign-in', async () => {
    // Sign-ins are told apart by the second.
    await meanwhile((other) => new Promise((resolve) => { setTimeout(resolve, 1_100); }).then(() => signIn(other)));
    await goesOn();
  });
});

const broken = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' }).write('{"access_token":');
  setTimeout(() => response.destroy(), 50);
};

describe.each([
  ['a network that is gone', (response) => response.destroy(), 'network_error', true],
  ['an answer that breaks off', broken, 'network_error', true],
  ['an answer that cannot be read', [200, 'no JSON'], 'invalid_response', true],
  ['an answer without tokens', [200, {}], 'invalid_response', true],
  ['408', [408, {}], 'server_error', true],
  ['429', [429, {}], 'server_error', true],
  ['500', [500, {}], 'server_error', true],
  ['503', [503, 'Busy'], 'server_error', true],
  ['503 with an `invalid_grant` in it', [503, { error: 'invalid_grant' }], 'server_error', true],
  ['404', [404, {}], 'invalid_response', false],
  ['invalid_client', [401, { error: 'invalid_client' }], 'request_refused', false],
  ['invalid_request', [400, { error: 'invalid_request' }], 'request_refused', false],
  ['400 without a word', [400, ''], 'invalid_response', false],
])('%s', (_, reply, code, again) => {
  test('ends no session', async () => {
    provider.instead.set('/token', reply);
    const [met, times] = await expiredCall();
    expect(met).toBe(code);
    // After a connection that breaks or a 408, Chromium repeats some of them by itself.
    expect(times).toSatisfy((times) => (again ? times >= 4 && times <= 8 : times === 1));
    expect((await events(tab)).at(-1)).toBe(`refresh_failed ${code}`);
    // The break: nobody is asked, and nothing ends by that.
    expect(await expiredCall()).toEqual([code, 0]);
    await goesOn();
  });
});

test('no answer in 6 seconds ends no session, and holds up no call for more than 12', async () => {
  provider.instead.set('/token', () => {});
  const begun = Date.now();
  const [met] = await expiredCall();
  expect(met).toBe('timeout');
  expect(Date.now() - begun).toBeLessThan(14_000);
  await goesOn();
});

test('Retry-After is kept to, also when the network comes back', async () => {
  provider.instead.set('/token', [503, {}, { 'retry-after': '30' }]);
  expect(await expiredCall()).toEqual(['server_error', 1]);
  provider.instead.clear();
  await context.setOffline(true);
  await context.setOffline(false);
  expect(await expiredCall()).toEqual(['server_error', 0]);
  expect(await signedIn(tab)).toBe(true);
});

test.each([
  ['that is none', [200, 'no JSON']],
  ['of somebody else', [200, { issuer: 'https://else.example', token_endpoint: 'https://else.example/token' }]],
  ['that is not to be had', [503, {}]],
])('a discovery document %s ends no session', async (_, reply) => {
  for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']) provider.instead.set(path, reply);
  // A page that has not read it yet.
  tab = await open();
  const [met, asked] = await expiredCall();
  expect(met).not.toBe(200);
  expect(asked).toBe(0);
  await goesOn();
});

describe('a storage that refuses ends no session', () => {
  const refuse = (names) => tab.evaluate((names) => {
    for (const name of names) Storage.prototype[name] = () => { throw new DOMException('full', 'QuotaExceededError'); };
  }, names);

  test.each([[['getItem']], [['setItem']], [['setItem', 'removeItem']], [['getItem', 'setItem', 'removeItem']]])('%j', async (names) => {
    await refuse(names);
    expect(await expiredCall()).toEqual([200, 1]);
    expect(await expiredCall()).toEqual([200, 1]);
    await goesOn();
  });

  test('and one that loses what it has', async () => {
    await tab.evaluate(() => localStorage.clear());
    expect(await expiredCall()).toEqual([200, 1]);
    await goesOn();
  });

  test('and one that holds what nobody can read', async () => {
    await tab.evaluate(() => localStorage.setItem(window.key, '{"v":'));
    expect(await expiredCall()).toEqual([200, 1]);
    await goesOn();
  });
});

describe('a lock ends no session', () => {
  test.each([
    ['that there is none of', () => { Object.defineProperty(navigator, 'locks', { value: undefined }); }],
    ['that is refused', () => { LockManager.prototype.request = () => Promise.reject(new DOMException('no', 'SecurityError')); }],
    ['that throws', () => { LockManager.prototype.request = () => { throw new DOMException('no', 'SecurityError'); }; }],
    ['that another holds for long', () => { navigator.locks.request(window.key, () => new Promise(() => {})); }],
  ])('%s', async (_, spoil) => {
    await tab.evaluate(spoil);
    expect(await expiredCall()).toEqual([200, 1]);
    await goesOn();
  });

  test('that is stolen', async () => {
    provider.instead.set('/token', (response) => setTimeout(() => {
      provider.instead.clear();
      response.destroy();
    }, 300));
    provider.expire();
    const met = call(tab);
    await expect.poll(() => tab.evaluate(async () => (await navigator.locks.query()).held.map(({ name }) => name))).toHaveLength(1);
    await tab.evaluate(() => navigator.locks.request(window.key, { steal: true }, () => {}));
    expect(await met).toBe(200);
    await goesOn();
  });
});
