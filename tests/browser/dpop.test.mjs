// Proof of possession (DPoP, RFC 9449) in a real browser: tokens that are worth nothing without its key, and users who
// stay signed in whatever happens to a proof, a nonce or an answer.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { AppPage, serveApp } from '../support/app-page.mjs';
import { launchChromium } from '../support/chromium.mjs';
import { startOidcProvider } from '../support/oidc-provider.mjs';
import { freePorts } from '../support/ports.mjs';
import { startStack } from '../support/stack.mjs';

const NONCE_KEY = Buffer.alloc(32, 7).toString('base64url');

let stack;
let browser;
beforeAll(async () => { [stack, browser] = await Promise.all([startStack({ only: ['provider', 'api'] }), launchChromium()]); });
afterAll(() => Promise.all([browser?.close(), stack?.stop()]));

const clockOff = (hours) => `const now = Date.now; Date.now = () => now() + ${hours} * 3_600_000;`;

const running = [];
afterEach(async () => { for (const each of running.splice(0).reverse()) await (each.stop?.() ?? each.close()); });

/** A signed-in application in a browser. */
async function start({ storage = "'local'", proof = 'gatepass.dpop()', prelude, at = stack, signIn = true } = {}) {
  const options = { issuer: at.provider, clientId: 'gatepass-demo', apis: [at.api] };
  running.push(await serveApp(at.gateway, `{ ...${JSON.stringify(options)}, storage: ${storage}, dpop: ${proof} }`, { prelude }));
  const app = await AppPage.open(browser, at.gateway);
  running.push(app);
  app.authorizations = [];
  app.proofs = [];
  app.page.on('request', (request) => {
    const { authorization, dpop } = request.headers();
    if (authorization) app.authorizations.push(authorization.split(' ')[0]);
    if (dpop) app.proofs.push(JSON.parse(Buffer.from(dpop.split('.')[1], 'base64url')));
  });
  if (signIn) expect(await app.signIn()).toBe('/');
  return app;
}

const api = (at = stack) => `${at.api}/api/data`;
const works = async (app, at) => expect(await app.call(api(at))).toBe(200);
const keys = (app) => app.run(() => new Promise((resolve) => {
  indexedDB.open('gatepass').onsuccess = ({ target: { result } }) => {
    result.transaction('kept').objectStore('kept').getAll().onsuccess = ({ target: { result: all } }) => resolve(
      all.filter(({ privateKey }) => privateKey).map(({ privateKey }) => privateKey.extractable),
    );
  };
}));

describe('an app that proves a key', () => {
  test('is bound to it from the first request to the last, through a reload, and leaves none behind', async () => {
    const app = await start();
    await works(app);
    expect((await app.run(() => client.user())).sub).toBeTruthy();
    expect(await app.outcome('client.refresh()')).toBe('ok');
    await app.reload();
    await works(app);
    expect(await app.outcome('client.refresh()')).toBe('ok');
    expect(new Set(app.authorizations)).toEqual(new Set(['DPoP']));
    expect(new Set(app.proofs.map(({ jti }) => jti)).size).toBe(app.proofs.length);
    expect(app.proofs.map(({ htm, htu, ath }) => [htm, htu, !!ath])).toEqual(expect.arrayContaining([
      ['POST', `${stack.provider}/oauth/token`, false], ['GET', api(), true], ['GET', `${stack.provider}/oauth/userinfo`, true],
    ]));
    expect(await keys(app)).toEqual([false]);
    expect(await app.outcome('client.logout({ provider: false })')).toBe('ok');
    expect(await keys(app)).toEqual([]);
    expect(app.errors).toEqual([]);
  });

  test('has tokens that are of no use without the key', async () => {
    const app = await start();
    const { access, refresh } = await app.run(() => JSON.parse(localStorage.getItem(Object.keys(localStorage)[0])));
    for (const scheme of ['Bearer', 'DPoP']) {
      const response = await fetch(api(), { headers: { authorization: `${scheme} ${access}` } });
      expect([scheme, response.status]).toEqual([scheme, 401]);
    }
    const body = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'gatepass-demo', refresh_token: refresh });
    expect((await fetch(`${stack.provider}/oauth/token`, { method: 'POST', body })).status).toBe(400);
    await works(app);
    expect(await app.outcome('client.refresh()')).toBe('ok');
  });

  test('in three tabs that race, with answers that get lost, stays signed in', async () => {
    const app = await start();
    const tabs = [app, await app.tab(), await app.tab()];
    let lost = 0;
    await app.context.route(`${stack.provider}/oauth/token`, async (route) => {
      const response = await route.fetch();
      return lost++ % 2 === 0 ? route.abort('connectionreset') : route.fulfill({ response });
    });
    for (const round of [1, 2]) {
      expect(await app.outcome('client.expireAccessToken()')).toBe('ok');
      const answers = await Promise.all(tabs.map((tab) => tab.run((url) => Promise.all([1, 2, 3].map(() => client.fetch(url).then(({ status }) => status))), api())));
      expect(answers.flat(), `round ${round}`).toEqual(Array(9).fill(200));
    }
    expect(lost).toBeGreaterThan(1);
  });

  test('makes its key once, however many tabs sign in at once', async () => {
    const app = await start({ signIn: false });
    const tabs = [app, await app.tab(), await app.tab()];
    const asked = await Promise.all(tabs.map(async (tab) => {
      const request = tab.page.waitForRequest(`${stack.provider}/oauth/par`);
      await tab.run(() => { client.login(); });
      return new URLSearchParams((await request).postData()).get('dpop_jkt');
    }));
    expect(new Set(asked).size).toBe(1);
    expect(asked[0]).toMatch(/^[\w-]{43}$/);
  });

  test.each([1, -1])('proves it by the time of the server, if its own clock is %i h off', async (hours) => {
    const app = await start({ prelude: clockOff(hours) });
    // Here no server in front of the API says what time it is.
    await app.context.route(api(), async (route) => {
      const response = await route.fetch();
      return route.fulfill({ response, headers: { ...response.headers(), date: new Date().toUTCString() } });
    });
    const before = app.proofs.length;
    await works(app);
    await works(app);
    const ages = app.proofs.slice(before).map(({ iat }) => Math.round((iat - Date.now() / 1000) / 3600) + 0);
    expect(ages).toEqual([hours, 0, 0]);
    expect(await app.outcome('client.refresh()')).toBe('ok');
  });

  test('goes on without one in a session that was begun without', async () => {
    const app = await start({ proof: 'localStorage.proof ? gatepass.dpop() : undefined' });
    await works(app);
    await app.run(() => { localStorage.proof = 'yes'; });
    await app.reload();
    expect(await app.outcome('client.refresh()')).toBe('ok');
    await works(app);
    expect(new Set(app.authorizations)).toEqual(new Set(['Bearer']));
    // A new sign-in is bound.
    await app.go('/');
    await app.run(() => { client.login(); });
    expect(await app.called()).toBe('/');
    await works(app);
    expect(app.authorizations.at(-1)).toBe('DPoP');
  });

  test('may keep its refresh token in the vault as well', async () => {
    const app = await start({ storage: "gatepass.vault('/gatepass/vault-worker.js')" });
    await works(app);
    expect(await app.outcome('client.refresh()')).toBe('ok');
    await app.reload();
    expect(await app.outcome('client.refresh()')).toBe('ok');
    await works(app);
    expect(new Set(app.authorizations)).toEqual(new Set(['DPoP']));
  });
});

test('a provider and an API that ask for a nonce are answered with one request more', async () => {
  // Here the provider asks everybody, the API whose clock is wrong.
  const strict = await startStack({ only: ['provider', 'api'], api: { GATEPASS_DPOP_NONCE_KEY: NONCE_KEY } });
  running.push(strict);
  const app = await start({ at: strict, prelude: clockOff(5) });
  const withNonce = async (step) => {
    const before = app.proofs.length;
    await step();
    return app.proofs.slice(before).map(({ nonce }) => !!nonce);
  };
  expect(await withNonce(() => works(app, strict))).toEqual([false, true]);
  expect(await withNonce(() => works(app, strict))).toEqual([true]);
  const refresh = async () => expect(await app.outcome('client.refresh()')).toBe('ok');
  expect(await withNonce(refresh)).toEqual([true]);
  await app.reload();
  expect(await withNonce(refresh)).toEqual([false, true]);
  await works(app, strict);
});

test('a provider that others wrote is proved a key as well', async () => {
  const [origin, address, site] = (await freePorts(3)).map((port) => `http://localhost:${port}`);
  const provider = await startOidcProvider({ origin, api: address, site });
  running.push(provider, await serveApp(site, `{ ...${JSON.stringify({ issuer: origin, clientId: 'app', apis: [address], scope: provider.scope })}, dpop: gatepass.dpop() }`));
  const app = await AppPage.open(browser, site);
  running.push(app);
  await app.run(() => { client.login({ prompt: 'consent' }); });
  expect(await app.called()).toBe('/');
  for (let round = 0; round < 2; round++) {
    expect(await app.run((url) => client.fetch(url).then((response) => response.json()), address)).toEqual({ sub: 'anna', scheme: 'DPoP' });
    provider.expire();
  }
});
