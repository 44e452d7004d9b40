// A tab that comes back: from the back/forward cache, from sleep, to the eye, to the network.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { call, events, makeClient, openInstantTab, signedIn, signIn, startInstantApp } from '../support/instant-app.mjs';

let provider;
let pages;
let browser;
let stop;
let context;
let tab;
let other;
beforeAll(async () => { ({ provider, pages, browser, stop } = await startInstantApp({ ignoreDefaultArgs: ['--disable-back-forward-cache'] })); });
afterAll(() => stop?.());

const open = () => openInstantTab(context, pages, provider);
const asked = () => provider.asked('/token');
const ended = async (tab) => (await events(tab)).filter((event) => event.startsWith('signed_out'));

beforeEach(async () => {
  provider.instead.clear();
  context = await browser.newContext();
  [tab, other] = [await open(), await open()];
  await signIn(tab);
  expect(await call(tab)).toBe(200);
  await expect.poll(() => call(other)).toBe(200);
  // A page that holds a lock is not kept for the back button.
  await expect.poll(() => tab.evaluate(async () => (await navigator.locks.query()).held)).toEqual([]);
  return () => context.close();
});

/** Leaves the page, and comes back to the very same after `action`. */
async function leaveFor(action) {
  await tab.evaluate(() => {
    delete window.persisted;
    addEventListener('pageshow', ({ persisted }) => { window.persisted = persisted; });
  });
  await tab.goto(`${pages.origin}/slim.js`);
  await action();
  await tab.goBack({ waitUntil: 'commit' });
  await tab.waitForFunction(() => window.persisted !== undefined);
  expect(await tab.evaluate(() => window.persisted)).toBe(true);
}

describe('a page out of the back/forward cache', () => {
  test('has what another tab has renewed, and hears of what comes', async () => {
    await leaveFor(() => other.evaluate(() => window.client.refresh()));
    const before = asked();
    await expect.poll(() => call(tab)).toBe(200);
    expect(asked() - before).toBe(0);
    await other.evaluate(() => window.client.logout({ provider: false }));
    await expect.poll(() => signedIn(tab)).toBe(false);
  });

  test('is signed out if the user was meanwhile', async () => {
    await leaveFor(() => other.evaluate(() => window.client.logout({ provider: false })));
    await expect.poll(() => signedIn(tab)).toBe(false);
    expect(await call(tab)).toBe(401);
  });

  test('is of the new sign-in if there was one meanwhile', async () => {
    await leaveFor(async () => {
      await other.evaluate(() => window.client.logout({ provider: false }));
      await signIn(other);
    });
    await expect.poll(() => call(tab)).toBe(200);
  });

  test('with a call and a refresh on the wire, is not signed out', async () => {
    provider.instead.set('/token', (response) => setTimeout(() => {
      provider.instead.clear();
      response.destroy();
    }, 1_000));
    provider.expire();
    await tab.evaluate(() => { window.call(); });
    await expect.poll(() => provider.instead.size && asked()).toBeGreaterThan(0);
    await tab.goto(`${pages.origin}/slim.js`);
    provider.instead.clear();
    await tab.goBack({ waitUntil: 'commit' });
    // Whether Chromium keeps such a page is its own affair; the session must be there either way.
    tab = await open();
    await expect.poll(() => call(tab)).toBe(200);
    expect(await ended(tab)).toEqual([]);
  });
});

describe("a page out of the back/forward cache, with `storage: 'session'`", () => {
  const options = { storage: 'session' };

  beforeEach(async () => {
    await context.close();
    context = await browser.newContext();
    tab = await openInstantTab(context, pages, provider, options);
    await signIn(tab);
    expect(await call(tab)).toBe(200);
  });

  /** What Chromium makes of a tab that is duplicated. One that this page opened itself would keep it from being kept. */
  async function duplicate() {
    const copy = await tab.evaluate(() => ({ ...sessionStorage }));
    const page = await context.newPage();
    await page.goto(`${pages.origin}/index.js`);
    await page.evaluate((copy) => Object.assign(sessionStorage, copy), copy);
    await makeClient(page, provider, options);
    expect(await call(page)).toBe(200);
    return page;
  }

  const isLetGo = () => expect.poll(() => tab.evaluate(async () => (await navigator.locks.query()).held)).toEqual([]);

  test('goes on with its token, and renews it when that is due', async () => {
    for (const round of [1, 2]) {
      await isLetGo();
      const before = asked();
      await leaveFor(() => {});
      expect(await signedIn(tab)).toBe(true);
      expect(await call(tab)).toBe(200);
      expect(asked() - before, `round ${round}`).toBe(0);
      provider.expire();
      expect(await Promise.all([call(tab), call(tab), call(tab)])).toEqual([200, 200, 200]);
      expect(asked() - before, `round ${round}`).toBe(1);
    }
    await isLetGo();
    // Its token dies while it is away.
    await leaveFor(() => provider.expire());
    expect(await call(tab)).toBe(200);
    expect(await ended(tab)).toEqual([]);
  });

  // This provider has no grace time: whoever sends a refresh token that another tab has used is signed out.
  test('has what a duplicate has renewed meanwhile, and they take turns', async () => {
    const twin = await duplicate();
    await isLetGo();
    await leaveFor(async () => {
      for (let time = 0; time < 3; time++) await twin.evaluate(() => window.client.refresh());
    });
    const before = asked();
    await expect.poll(() => call(tab)).toBe(200);
    expect(asked() - before).toBe(0);
    for (const renewing of [tab, twin, tab]) {
      provider.expire();
      // If it hears of the other's token, which has expired as well, while its call is under way, that call's one retry is spent.
      await expect.poll(() => call(renewing)).toBe(200);
    }
    expect([...(await ended(tab)), ...(await ended(twin))]).toEqual([]);
  });

  test('says so if a duplicate has signed out meanwhile', async () => {
    const twin = await duplicate();
    await isLetGo();
    await leaveFor(() => twin.evaluate(() => window.client.logout({ provider: false })));
    await expect.poll(() => signedIn(tab)).toBe(false);
    expect(await ended(tab)).toEqual(['signed_out']);
    const before = asked();
    expect(await call(tab)).toBe(401);
    expect(asked() - before).toBe(0);
  });

  test('is told why if the provider has ended the session meanwhile', async () => {
    await isLetGo();
    await leaveFor(() => {
      provider.expire();
      provider.instead.set('/token', [400, { error: 'invalid_grant', gatepass_reason: 'administrator' }]);
    });
    expect(await call(tab)).toBe(401);
    expect(await ended(tab)).toEqual(['signed_out administrator']);
    await leaveFor(() => {});
    expect(await signedIn(tab)).toBe(false);
  });

  test('knows nothing of another tab, which is signed out by itself', async () => {
    const other = await openInstantTab(context, pages, provider, options);
    await signIn(other);
    await isLetGo();
    await leaveFor(() => other.evaluate(() => window.client.logout({ provider: false })));
    expect(await call(tab)).toBe(200);
    expect(await ended(tab)).toEqual([]);
  });
});

describe('a machine that has slept', () => {
  /** The clock as after a sleep, in every tab: what `performance.now` says stood still. */
  const sleep = (seconds) => Promise.all([tab, other].map((tab) => tab.evaluate((seconds) => {
    const now = Date.now;
    Date.now = () => now() + seconds * 1000;
  }, seconds)));
  const look = (tab) => tab.evaluate(() => { document.dispatchEvent(new Event('visibilitychange')); });

  test('renews once for both tabs when they are looked at', async () => {
    const before = asked();
    await sleep(8 * 3_600);
    provider.expire();
    await Promise.all([look(tab), look(other)]);
    await expect.poll(() => asked() - before).toBe(1);
    expect(await Promise.all([call(tab), call(other)])).toEqual([200, 200]);
    expect(asked() - before).toBe(1);
  });

  test('renews before the first call, also if nobody said that it woke', async () => {
    const before = asked();
    await sleep(8 * 3_600);
    provider.expire();
    const rejected = provider.asked('/data');
    expect(await Promise.all([call(tab), call(other)])).toEqual([200, 200]);
    expect([asked() - before, provider.asked('/data') - rejected]).toEqual([1, 2]);
  });

  test.each([['back', -86_400], ['ahead', 86_400]])('or whose clock is set %s a day loses no session', async (_, seconds) => {
    const before = asked();
    await sleep(seconds);
    provider.expire();
    expect(await Promise.all([call(tab), call(other)])).toEqual([200, 200]);
    expect(asked() - before).toBe(1);
    expect([...(await ended(tab)), ...(await ended(other))]).toEqual([]);
  });

  test('asks nobody if the tokens are fresh', async () => {
    const before = asked();
    await Promise.all([look(tab), look(other)]);
    expect(await call(tab)).toBe(200);
    expect(asked() - before).toBe(0);
  });
});

test('a frozen tab that wakes has the session of the others', async () => {
  const session = await context.newCDPSession(tab);
  await session.send('Page.setWebLifecycleState', { state: 'frozen' });
  await other.evaluate(() => window.client.refresh());
  await other.evaluate(() => window.client.refresh());
  const before = asked();
  await session.send('Page.setWebLifecycleState', { state: 'active' });
  expect(await call(tab)).toBe(200);
  expect(asked() - before).toBe(0);
});

test('the network that comes back ends the break, and renews what has grown old', async () => {
  await context.setOffline(true);
  await tab.evaluate(() => {
    const now = Date.now;
    Date.now = () => now() + 3_600_000;
  });
  expect(await call(tab)).not.toBe(200);
  expect(await signedIn(tab)).toBe(true);
  const before = asked();
  await context.setOffline(false);
  await expect.poll(() => asked() - before).toBe(1);
  expect(await call(tab)).toBe(200);
  expect(await ended(tab)).toEqual([]);
});
