// A provider of others: it knows no idempotency keys and has no grace time, and whoever asks again with a token that is
// spent is taken for a thief. It takes its time.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { call, events, openInstantTab, signedIn, signIn, startInstantApp } from '../support/instant-app.mjs';

/** How long it takes to give tokens out, in milliseconds: longer than a try takes elsewhere, and than another tab waits. */
const LONG = 7_500;

let provider;
let pages;
let browser;
let stop;
let context;
beforeAll(async () => { ({ provider, pages, browser, stop } = await startInstantApp()); });
afterAll(() => stop?.());
beforeEach(async () => {
  provider.delays.clear();
  context = await browser.newContext();
  return () => context.close();
});

const open = (options) => openInstantTab(context, pages, provider, options);

test('is asked once by two tabs whose tokens are dead, and both go on', async () => {
  const tabs = [await open(), await open()];
  await signIn(tabs[0]);
  await expect.poll(() => signedIn(tabs[1])).toBe(true);
  provider.delays.set('/token', LONG);
  const before = provider.asked('/token');
  expect(await Promise.all(tabs.map((tab) => call(tab)))).toEqual([200, 200]);
  expect(provider.asked('/token') - before).toBe(1);
  for (const tab of tabs) expect((await events(tab)).filter((event) => event.startsWith('signed_out'))).toEqual([]);
}, 30_000);

test('is not believed when it refuses a tab, without locks, while another gets the tokens', async () => {
  const tabs = [await open(), await open()];
  await signIn(tabs[0]);
  await expect.poll(() => signedIn(tabs[1])).toBe(true);
  for (const tab of tabs) await tab.evaluate(() => { Object.defineProperty(navigator, 'locks', { value: undefined }); });
  provider.delays.set('/token', 200);
  const before = provider.asked('/token');
  const first = call(tabs[0]);
  await expect.poll(() => provider.asked('/token') - before, { interval: 5 }).toBe(1);
  provider.delays.clear();
  expect(await Promise.all([first, call(tabs[1])])).toEqual([200, 200]);
  expect(provider.asked('/token') - before).toBe(2);
  for (const tab of tabs) expect((await events(tab)).filter((event) => event.startsWith('signed_out'))).toEqual([]);
});

test('is asked once for the tokens of a sign-in', async () => {
  const tab = await open();
  provider.delays.set('/token', LONG);
  await signIn(tab);
  expect(await signedIn(tab)).toBe(true);
}, 30_000);

test('whoever signs in anew while the old tokens are given back keeps the new key', async () => {
  const document = await (await fetch(`${provider.issuer}/.well-known/openid-configuration`)).json();
  const reply = [200, { ...document, dpop_signing_alg_values_supported: ['ES256'] }];
  for (const name of ['openid-configuration', 'oauth-authorization-server']) provider.instead.set(`/.well-known/${name}`, reply);
  provider.instead.set('/token', [200, { access_token: 'a', refresh_token: 'r', token_type: 'DPoP' }]);
  const tab = await open({ dpop: true });
  await signIn(tab);
  provider.delays.set('/revoke', 1_000);
  await tab.evaluate(() => { window.out = window.client.logout({ provider: false }); });
  await expect.poll(() => signedIn(tab)).toBe(false);
  await signIn(tab);
  await tab.evaluate(() => window.out);
  await tab.evaluate(() => window.client.refresh());
  expect((await events(tab)).at(-1)).toBe('refreshed');
  provider.instead.clear();
}, 30_000);
