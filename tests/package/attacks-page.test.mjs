// The built package attacked in a real page: its vault, keys, databases and popups, by scripts, by servers and by bad luck.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { launchChromium } from '../support/chromium.mjs';
import { call, events, makeClient, serveInstantApp, signedIn, signIn } from '../support/instant-app.mjs';
import { startInstantProvider } from '../support/instant-provider.mjs';

let browser;
let pages;
let provider;
let tab;
let errors;
beforeAll(async () => { [browser, pages] = await Promise.all([launchChromium(), serveInstantApp()]); });
afterAll(() => Promise.all([browser?.close(), pages?.stop()]));
beforeEach(async () => {
  provider = await startInstantProvider();
  tab = await (await browser.newContext()).newPage();
  errors = [];
  tab.on('pageerror', (error) => errors.push(error.message));
  await tab.goto(`${pages.origin}/index.js`);
});
afterEach(async () => {
  await tab.context().close();
  await provider.stop();
  expect(errors).toEqual([]);
});

/** How a call ends: `ok`, or its code and reason. @param {string} source */
const outcome = (source) => tab.evaluate(`(${source}).then(() => 'ok', ({ code, reason, name }) => [code ?? name, reason].filter(Boolean).join(' '))`);
/** The discovery document, with more in it. */
const described = async (more) => {
  const json = await (await fetch(`${provider.issuer}/.well-known/openid-configuration`)).json();
  provider.instead.set('/.well-known/openid-configuration', [200, { ...json, ...more }]);
};
const secrets = (kind) => [...provider.secrets].filter(([, of]) => of === kind).map(([secret]) => secret);
const sentTokens = () => provider.requests.filter(({ path }) => path === '/token').map(({ body }) => new URLSearchParams(body).get('refresh_token')).filter(Boolean);

describe('the vault', () => {
  const vault = '/vault-worker.js';
  const placeholder = () => tab.evaluate(() => new Promise((resolve) => {
    indexedDB.open('gatepass').onsuccess = ({ target: { result } }) => {
      result.transaction('kept').objectStore('kept').get(window.key).onsuccess = ({ target }) => resolve(JSON.parse(target.result).refresh);
    };
  }));

  test('goes on with the tokens of a session when another sign-in comes to nothing', async () => {
    await makeClient(tab, provider, { vault, scope: 'openid read' });
    await signIn(tab);
    const [own] = secrets('refresh');
    provider.instead.set('/keys', [404, {}]);
    await expect(signIn(tab)).rejects.toThrow(/invalid response/);
    provider.instead.delete('/keys');
    expect(await outcome('client.refresh()')).toBe('ok');
    expect(sentTokens()).toEqual([own]);
    expect(await call(tab)).toBe(200);
  });

  test('does not give back the tokens of a new sign-in for those of an old one', async () => {
    await makeClient(tab, provider, { vault });
    await signIn(tab);
    const old = await placeholder();
    await signIn(tab);
    const [, current] = secrets('refresh');
    // What a renewal of the old session says that came too late.
    await tab.evaluate(({ old, origin }) => new Promise((resolve) => {
      const worker = new Worker('/vault-worker.js', { type: 'module' });
      worker.onmessage = resolve;
      const form = new URLSearchParams({ token: old, token_type_hint: 'refresh_token', client_id: 'app' });
      worker.postMessage({ number: 1, name: window.key, act: 'revocation', form: `${form}`, endpoints: { token: `${origin}/token`, revocation: `${origin}/revoke` } });
    }), { old, origin: provider.issuer });
    expect(provider.requests.filter(({ path }) => path === '/revoke').map(({ body }) => body).join()).not.toContain(current);
    expect(await outcome('client.refresh()')).toBe('ok');
    expect(sentTokens()).toEqual([current]);
  });

  test('works at endpoints whose addresses are written in an unusual way', async () => {
    await described({ token_endpoint: `${provider.issuer}/./token`, revocation_endpoint: `${provider.issuer}/x/../revoke` });
    await makeClient(tab, provider, { vault });
    await signIn(tab);
    expect(await call(tab)).toBe(200);
    expect(await outcome('client.logout({ provider: false })')).toBe('ok');
    expect(provider.asked('/revoke')).toBe(1);
  });

  test('keeps what it cannot write down as long as the page is there', async () => {
    const full = await tab.evaluate(() => URL.createObjectURL(new Blob([`
      import '${location.origin}/vault-worker.js';
      IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError'); };`], { type: 'text/javascript' })));
    await makeClient(tab, provider, { vault: full });
    await signIn(tab);
    for (let round = 0; round < 3; round++) {
      provider.expire();
      expect(await call(tab)).toBe(200);
    }
    expect(await outcome('client.logout({ provider: false })')).toBe('ok');
    expect(provider.asked('/revoke')).toBe(1);
  });

  test('that is not where it was said to be says so, and ends nothing', async () => {
    await makeClient(tab, provider, { vault: '/nowhere.js' });
    await tab.evaluate(() => window.client.login());
    const back = await fetch(await tab.evaluate(() => window.next), { redirect: 'manual' });
    const address = JSON.stringify(back.headers.get('location'));
    expect(await tab.evaluate(`client.handleCallback(${address}).catch(({ message }) => message)`)).toMatch(/vault does not start .*#unsupported/);
    expect(await events(tab)).toEqual([]);
  }, 30_000);

  test('answers of another status have no refresh token in them either', async () => {
    await makeClient(tab, provider, { vault });
    provider.instead.set('/token', [201, { access_token: 'a', refresh_token: 'the-real-one', token_type: 'Bearer' }]);
    await signIn(tab);
    expect(await placeholder()).toMatch(/^in the vault /);
  });
});

describe('a key', () => {
  const bound = { access_token: 'bound', refresh_token: 'bound too', token_type: 'DPoP', expires_in: 300 };
  beforeEach(async () => {
    await described({ dpop_signing_alg_values_supported: ['ES256'] });
    provider.instead.set('/token', [200, bound]);
    await makeClient(tab, provider, { dpop: true });
    await signIn(tab);
  });
  /** A database that does not open, or opens again; the connection that there was is closed. */
  const database = (opens) => tab.evaluate(async (opens) => {
    const { prototype } = IDBFactory;
    prototype.native ??= prototype.open;
    prototype.open = opens ? prototype.native : () => { throw new DOMException('busy', 'UnknownError'); };
    prototype.transact ??= IDBDatabase.prototype.transaction;
    IDBDatabase.prototype.transaction = opens ? prototype.transact : () => { throw new DOMException('lost', 'InvalidStateError'); };
  }, opens);

  test('that is gone ends the session, which nothing can renew any more, and says so', async () => {
    await tab.evaluate(() => new Promise((resolve) => {
      indexedDB.open('gatepass').onsuccess = ({ target: { result } }) => {
        const transaction = result.transaction('kept', 'readwrite');
        transaction.objectStore('kept').clear();
        transaction.oncomplete = resolve;
      };
    }));
    const before = provider.asked('/token');
    provider.instead.set('/data', [401, {}]);
    expect(await call(tab)).toBe(401);
    expect(provider.asked('/token')).toBe(before);
    expect(await events(tab)).toEqual(['signed_in', 'signed_out key_lost']);
  });

  test('that cannot be read just now ends nothing', async () => {
    provider.instead.set('/data', [200, {}]);
    expect(await call(tab)).toBe(200);
    await database(false);
    expect(await call(tab)).toBe('storage_unavailable');
    expect(await signedIn(tab)).toBe(true);
    await database(true);
    expect(await call(tab)).toBe(200);
    expect(await outcome('client.refresh()')).toBe('ok');
    expect(await events(tab)).not.toContain('signed_out');
  });

  test('does not make a call wait for the end of a body that is the application’s', async () => {
    provider.instead.set('/data', (response) => { response.writeHead(400).write('the first of many lines\n'); });
    const answered = await tab.evaluate(() => Promise.race([window.call(), new Promise((resolve) => { setTimeout(resolve, 4_000, 'never'); })]));
    expect(answered).toBe(400);
  });
});

test('a database that never answers makes nobody wait for ever', async () => {
  await tab.evaluate(() => { IDBFactory.prototype.open = () => ({}); });
  await makeClient(tab, provider, { indexedDb: true });
  await signIn(tab);
  expect(await call(tab)).toBe(200);
}, 60_000);

describe('a popup', () => {
  beforeEach(async () => {
    await makeClient(tab, provider, {});
    await tab.evaluate(() => {
      window.opened = { closed: false, close() { this.closed = true; }, location: { replace: (url) => { window.next = url; } } };
      window.open = () => window.opened;
    });
  });

  test('of a client that does not start is closed again', async () => {
    await tab.evaluate(() => {
      const native = setTimeout;
      window.setTimeout = (action, wait, ...given) => native(action, wait === 30_000 ? 100 : wait, ...given);
    });
    expect(await outcome("gatepass.createClient({}).login({ via: gatepass.popup() })")).toBe('invalid_options');
    await tab.waitForFunction(() => window.opened.closed);
  });

  test('is waited for as long as is wished, whatever other scripts say on the channel', async () => {
    await tab.evaluate(() => { window.done = window.client.login({ returnTo: '/there', via: window.gatepass.popup({ timeout: Infinity }) }); });
    await tab.waitForFunction(() => window.next);
    const back = new URL((await fetch(await tab.evaluate(() => window.next), { redirect: 'manual' })).headers.get('location'));
    const answered = await tab.evaluate(async ({ state, search }) => {
      const channel = new BroadcastChannel('gatepass.answer');
      for (const data of [null, 'nonsense', { state: 'of another', search: '?code=evil' }, { state, search }]) channel.postMessage(data);
      return window.done;
    }, { state: back.searchParams.get('state'), search: back.search });
    expect(answered).toEqual({ returnTo: '/there' });
  });
});
