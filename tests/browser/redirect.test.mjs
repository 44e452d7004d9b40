// An API that answers with a redirect: where the token goes, and what a 401 at its end means.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { launchChromium } from '../support/chromium.mjs';
import { call, events, openInstantTab, serveInstantApp, signIn } from '../support/instant-app.mjs';
import { startInstantProvider } from '../support/instant-provider.mjs';

let provider;
let other;
let pages;
let browser;
beforeAll(async () => {
  [provider, other, pages, browser] = await Promise.all([startInstantProvider(), startInstantProvider(), serveInstantApp(), launchChromium()]);
});
afterAll(() => Promise.all([browser?.close(), pages?.stop(), provider?.stop(), other?.stop()]));

const STATUSES = [301, 302, 303, 307, 308];
/** What a server was asked for at its API, preflights aside. */
const asked = ({ requests }) => requests.filter(({ method, path }) => method !== 'OPTIONS' && path === '/data');

describe.each([
  ['that is no API of ours', () => ({})],
  ['that is another API of ours', () => ({ apis: [provider.api, other.api] })],
  ['with a proof', () => ({ dpop: true })],
])('a redirect to an origin %s', (_, options) => {
  let tab;
  beforeEach(async () => {
    const context = await browser.newContext();
    tab = await openInstantTab(context, pages, provider, options());
    await signIn(tab);
    expect(await call(tab)).toBe(200);
    other.requests.length = 0;
    return () => context.close();
  });

  test.each(STATUSES)('of status %d carries no token, and its 401 is returned as it is', async (status) => {
    provider.instead.set('/away', [status, {}, { location: `${other.api}/data` }]);
    const before = [provider.asked('/away'), provider.asked('/token')];
    expect(await call(tab, '/away')).toBe(401);
    expect(asked(other).map(({ authorization }) => authorization)).toEqual([undefined]);
    expect([provider.asked('/away') - before[0], provider.asked('/token') - before[1]]).toEqual([1, 0]);
    expect(await events(tab)).not.toContain('signed_out');
    expect(await call(tab)).toBe(200);
  });

  test('is not followed with `redirect: "error"` or `"manual"`', async () => {
    provider.instead.set('/away', [302, {}, { location: `${other.api}/data` }]);
    const ends = await tab.evaluate((api) => Promise.all(['error', 'manual'].map((redirect) => (
      window.client.fetch(`${api}/away`, { redirect }).then(({ type }) => type, ({ name }) => name)
    ))), provider.api);
    expect(ends).toEqual(['TypeError', 'opaqueredirect']);
    expect(other.requests).toEqual([]);
  });
});

test('a redirect to the same origin carries the token, and its 401 renews it', async () => {
  const context = await browser.newContext();
  const tab = await openInstantTab(context, pages, provider);
  await signIn(tab);
  provider.instead.set('/near', [307, {}, { location: '/data' }]);
  const before = provider.asked('/token');
  expect(await call(tab, '/near')).toBe(200);
  expect(provider.asked('/token') - before).toBe(1);
  await context.close();
});
