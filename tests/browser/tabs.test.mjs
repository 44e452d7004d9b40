// Several real tabs that share one session: one of them renews the tokens for all, and a sign-out is everybody's.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { dist } from '../package/bundle.mjs';
import { launchChromium } from '../support/chromium.mjs';
import { startInstantProvider } from '../support/instant-provider.mjs';
import { servePages } from '../support/pages.mjs';

const TABS = 3;
const CALLS = 5;
const REPETITIONS = 100;

let provider;
let pages;
let browser;
let tabs;
beforeAll(async () => {
  [provider, pages, browser] = await Promise.all([startInstantProvider(), servePages(dist), launchChromium()]);
});
afterAll(() => Promise.all([browser?.close(), pages?.stop(), provider?.stop()]));

beforeEach(async () => {
  const context = await browser.newContext();
  tabs = [];
  for (let i = 0; i < TABS; i++) tabs.push(await openTab(context));
  await tabs[0].evaluate(() => window.client.login());
  const back = await fetch(await tabs[0].evaluate(() => window.next), { redirect: 'manual' });
  await tabs[0].evaluate((address) => window.client.handleCallback(address), back.headers.get('location'));
  await expect.poll(signedIn).toEqual(tabs.map(() => true));
  return () => context.close();
});

/** A tab with a client that shares its session, and whose 401s come as far apart as `window.apart` says. */
async function openTab(context) {
  const tab = await context.newPage();
  await tab.goto(`${pages.origin}/index.js`);
  await tab.addScriptTag({ type: 'module', content: "import { createClient } from '/index.js'; window.createClient = createClient;" });
  await tab.waitForFunction(() => window.createClient);
  await tab.evaluate(({ issuer, api }) => {
    let refused = 0;
    const send = async (request) => {
      const response = await fetch(request);
      const wait = response.status === 401 ? window.apart * ++refused : 0;
      // The distance between the refusals is what is tested.
      if (wait) await new Promise((resolve) => setTimeout(resolve, wait));
      return response;
    };
    const navigate = (url) => { window.next = url; };
    const redirectUri = `${location.origin}/callback`;
    const client = window.createClient({ issuer, clientId: 'app', redirectUri, scope: 'read', apis: [api], storage: 'local', fetch: send, navigate });
    Object.assign(window, { client, api, apart: 0, ended: 0, told: [] });
    client.on('signed_out', () => { window.ended += 1; });
    window.calls = async (count, apart) => {
      refused = 0;
      window.apart = apart;
      const all = await Promise.all(Array.from({ length: count }, () => client.fetch(`${api}/data`)));
      return all.map(({ status }) => status);
    };
    window.channel = new BroadcastChannel(`gatepass.session ${issuer} app`);
    window.channel.onmessage = ({ data }) => window.told.push(data);
  }, { issuer: provider.issuer, api: provider.api });
  return tab;
}

const signedIn = () => Promise.all(tabs.map((tab) => tab.evaluate(() => window.client.signedIn)));

test.each([['at once', 0], ['25 ms apart', 25]])('401s in three tabs, %s, make one token request', async (_, apart) => {
  const good = tabs.map(() => Array(CALLS).fill(200));
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    provider.expire();
    const before = provider.asked('/token');
    const statuses = await Promise.all(tabs.map((tab) => tab.evaluate(([count, apart]) => window.calls(count, apart), [CALLS, apart])));
    expect(statuses).toEqual(good);
    expect(provider.asked('/token') - before).toBe(1);
  }
  // A refresh token that came twice would have ended the session: the provider takes each once.
  expect(await Promise.all(tabs.map((tab) => tab.evaluate(() => window.ended)))).toEqual(tabs.map(() => 0));
}, 120_000);

test('a sign-out in one tab is everybody\'s, and no token is in a message or a name', async () => {
  await tabs[1].evaluate(() => window.calls(1, 0));
  const names = await tabs[0].evaluate(async () => {
    const { held, pending } = await navigator.locks.query();
    return [...held, ...pending].map(({ name }) => name);
  });
  await tabs[1].evaluate(() => window.client.logout({ provider: false }));
  await expect.poll(signedIn).toEqual(tabs.map(() => false));
  expect(await Promise.all(tabs.map((tab) => tab.evaluate(() => window.ended)))).toEqual(tabs.map(() => 1));
  const told = (await Promise.all(tabs.map((tab) => tab.evaluate(() => window.told)))).flat();
  expect(told.length).toBeGreaterThan(0);
  expect(told.filter((message) => typeof message !== 'number')).toEqual([]);
  const kept = await tabs[0].evaluate(() => JSON.stringify(localStorage));
  for (const secret of provider.secrets.keys()) expect([...names, kept].join()).not.toContain(secret);
});
