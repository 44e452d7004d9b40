// Duplicated tabs with `storage: 'session'`: each begins with a copy of sessionStorage, and none with the renewals of the
// others. The provider here has no grace time: who sends a refresh token that another tab has used is signed out.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { call, events, makeClient, openInstantTab, signedIn, signIn, startInstantApp } from '../support/instant-app.mjs';

const options = { storage: 'session' };

let provider;
let pages;
let browser;
let stop;
let context;
let tab;
beforeAll(async () => { ({ provider, pages, browser, stop } = await startInstantApp()); });
afterAll(() => stop?.());

beforeEach(async () => {
  context = await browser.newContext();
  tab = await open();
  await signIn(tab);
  return () => context.close();
});

const open = () => openInstantTab(context, pages, provider, options);
const asked = () => provider.asked('/token');
const ended = async (...tabs) => (await Promise.all(tabs.map(events))).flat().filter((event) => /signed_out|failed/.test(event));

/** What Chromium does with a tab that is duplicated, too: the new one has a copy of sessionStorage. */
async function duplicate(tab) {
  const opened = context.waitForEvent('page');
  await tab.evaluate(() => { window.open(location.href); });
  const other = await opened;
  await other.waitForLoadState();
  await makeClient(other, provider, options);
  return other;
}

/** The tab is put to sleep, and its page with it; what it had stays with the tab. */
const discard = (tab) => tab.goto(`${pages.origin}/slim.js`);
const wakeUp = async (tab) => {
  await tab.goto(`${pages.origin}/index.js`);
  await makeClient(tab, provider, options);
};

async function renew(tab, times = 3) {
  for (let time = 0; time < times; time++) {
    provider.expire();
    expect(await call(tab)).toBe(200);
  }
}

const sealed = (tab) => tab.evaluate(() => Object.entries({ ...localStorage }).filter(([name]) => name.startsWith(window.key)));

describe('two duplicates', () => {
  test('stay signed in, whichever renews and however often', async () => {
    const other = await duplicate(tab);
    expect(await signedIn(other)).toBe(true);
    for (const renewing of [tab, other, other, tab]) await renew(renewing);
    expect(await ended(tab, other)).toEqual([]);
    expect(await sealed(tab)).toHaveLength(1);
  });

  test('whose tokens are dead ask for new ones once', async () => {
    const other = await duplicate(tab);
    await renew(tab, 1);
    for (let time = 0; time < 10; time++) {
      provider.expire();
      const before = asked();
      expect(await Promise.all([tab, other, tab, other].map((tab) => call(tab)))).toEqual([200, 200, 200, 200]);
      expect(asked() - before).toBe(1);
    }
    expect(await ended(tab, other)).toEqual([]);
  });

  test('one of which slept through all renewals of the other, that is closed by then', async () => {
    const other = await duplicate(tab);
    await discard(other);
    await renew(tab, 5);
    await tab.close();
    await wakeUp(other);
    expect(await signedIn(other)).toBe(true);
    const before = asked();
    expect(await call(other)).toBe(200);
    expect(asked() - before).toBe(0);
    await renew(other);
    expect(await ended(other)).toEqual([]);
  });

  test('that hear nothing of each other', async () => {
    await context.addInitScript(() => { delete window.BroadcastChannel; });
    const other = await duplicate(tab);
    await discard(tab);
    await wakeUp(tab);
    for (const renewing of [other, tab, other]) {
      provider.expire();
      // What it takes over at a 401, the provider does not take any more either: it has not been told how old it is.
      await expect.poll(() => call(renewing)).toBe(200);
      await renew(renewing);
    }
    expect(await ended(tab, other)).toEqual([]);
  });

  test('are both signed out when one is, also if it sleeps', async () => {
    const [other, sleeping] = [await duplicate(tab), await duplicate(tab)];
    await discard(sleeping);
    await other.evaluate(() => window.client.logout({ provider: false }));
    await expect.poll(() => signedIn(tab)).toBe(false);
    await wakeUp(sleeping);
    await sleeping.evaluate(() => window.client.ready());
    expect(await signedIn(sleeping)).toBe(false);
    expect(await events(sleeping)).toEqual(['signed_out']);
    expect(await call(sleeping)).toBe(401);
    for (const secret of provider.secrets.keys()) expect(JSON.stringify(await tab.evaluate(() => ({ ...sessionStorage })))).not.toContain(secret);
  });

  test('go their own ways when one signs in anew, while the other renews', async () => {
    const other = await duplicate(tab);
    provider.expire();
    await Promise.all([signIn(tab), call(other)]);
    for (const renewing of [tab, other, tab]) await renew(renewing);
    expect(await sealed(tab)).toHaveLength(2);
    expect(await ended(tab, other)).toEqual([]);
  });

  test('one of which was out and is in again: a late word of the old end means nothing to the new session', async () => {
    const other = await duplicate(tab);
    const session = await context.newCDPSession(other);
    await session.send('Page.setWebLifecycleState', { state: 'frozen' });
    await tab.evaluate(() => window.client.logout({ provider: false }));
    await signIn(tab);
    await session.send('Page.setWebLifecycleState', { state: 'active' });
    await expect.poll(() => signedIn(other)).toBe(false);
    await renew(tab);
    expect(await signedIn(tab)).toBe(true);
  });
});

test('a frame of the same origin has the session of its page', async () => {
  await tab.evaluate((address) => new Promise((resolve) => {
    const frame = document.createElement('iframe');
    Object.assign(frame, { src: address, onload: resolve });
    document.body.append(frame);
  }), `${pages.origin}/index.js?frame`);
  const frame = tab.frames().find((frame) => frame.url().endsWith('?frame'));
  await makeClient(frame, provider, options);
  for (const renewing of [frame, tab, tab, frame]) await renew(renewing);
  provider.expire();
  const before = asked();
  expect(await Promise.all([call(tab), call(frame)])).toEqual([200, 200]);
  expect(asked() - before).toBe(1);
  expect(await ended(tab, frame)).toEqual([]);
});

test('two tabs of which none is a duplicate have nothing in common', async () => {
  const other = await open();
  expect(await signedIn(other)).toBe(false);
  await signIn(other);
  const locks = () => tab.evaluate(async () => (await navigator.locks.query()).held.map(({ name }) => name));
  // Each is refreshed while the other is: neither waits.
  let answer;
  const held = new Promise((resolve) => {
    provider.instead.set('/token', (response) => {
      provider.instead.clear();
      answer = () => response.writeHead(503).end();
      resolve();
    });
  });
  const first = tab.evaluate(() => window.client.refresh().catch(({ code }) => code));
  await held;
  expect(await other.evaluate(() => window.client.refresh())).toBeUndefined();
  const names = await locks();
  answer();
  await first;
  expect(new Set([...names, ...(await sealed(tab)).map(([name]) => name)]).size).toBe(2);
  await renew(other);
  await tab.close();
  expect(await ended(other)).toEqual([]);
});

test('what other tabs can read has no token and no key in it', async () => {
  await renew(tab);
  const stranger = await open();
  const copies = await sealed(stranger);
  expect(copies).toHaveLength(1);
  for (const secret of provider.secrets.keys()) expect(JSON.stringify(copies)).not.toContain(secret);
  const secret = await tab.evaluate(() => sessionStorage.getItem(`${window.key} secret`));
  const [[name, text]] = copies;
  expect(name).toContain(secret.slice(0, 26));
  expect(secret.slice(26)).toHaveLength(43);
  expect(name + text).not.toContain(secret.slice(26, 40));
  expect(await signedIn(stranger)).toBe(false);
});

describe('what is left of tabs that are gone', () => {
  const days = (count) => Math.floor(Date.now() / 1000) - count * 86_400;

  test('is forgotten after a month, and nothing else', async () => {
    const others = { [`${await tab.evaluate(() => window.key)} ${'a'.repeat(26)}`]: `${days(29)}x`, [`${await tab.evaluate(() => window.key)} 2`]: '{"v":"2"}', 'an old one': `${days(90)}x` };
    await tab.evaluate((all) => { for (const [name, text] of Object.entries(all)) localStorage.setItem(name, text); }, { ...others, [`${await tab.evaluate(() => window.key)} ${'b'.repeat(26)}`]: `${days(31)}x` });
    await renew(tab, 1);
    const left = await tab.evaluate(() => ({ ...localStorage }));
    expect(Object.keys(left).filter((name) => name.endsWith('b'.repeat(26)))).toEqual([]);
    expect(left).toMatchObject(others);
    expect(Object.keys(left)).toHaveLength(4);
  });

  test('may be forgotten while it is used: the tabs have their own', async () => {
    const other = await duplicate(tab);
    for (const renewing of [tab, other, tab]) {
      await renew(renewing);
      await expect.poll(() => call(renewing === tab ? other : tab)).toBe(200);
      await tab.evaluate(() => localStorage.clear());
    }
    await discard(tab);
    await wakeUp(tab);
    await renew(tab);
    expect(await ended(tab, other)).toEqual([]);
  });
});

describe('a session from before the secret', () => {
  /** As an earlier version left it. */
  const outdate = () => tab.evaluate(() => {
    sessionStorage.removeItem(`${window.key} secret`);
    localStorage.clear();
  });

  test('goes on, and is shared with duplicates from then on', async () => {
    await renew(tab);
    await outdate();
    await discard(tab);
    await wakeUp(tab);
    expect(await signedIn(tab)).toBe(true);
    expect(await call(tab)).toBe(200);
    const other = await duplicate(tab);
    for (const renewing of [tab, other]) await renew(renewing);
    expect(await ended(tab, other)).toEqual([]);
  });
});

describe('where the shared copy cannot be, a tab has its own', () => {
  const broken = {
    'no localStorage': () => { Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('', 'SecurityError'); } }); },
    'a localStorage that is full': () => {
      const { setItem } = Storage.prototype;
      Storage.prototype.setItem = function (name, text) {
        if (this === localStorage) throw new DOMException('', 'QuotaExceededError');
        setItem.call(this, name, text);
      };
      localStorage.setItem = undefined;
      for (let size = 5_242_880; size > 0; size = Math.floor(size / 2)) {
        try {
          localStorage[`full ${size}`] = 'x'.repeat(size);
        } catch {
          // Smaller ones may still fit.
        }
      }
    },
    'no WebCrypto but at the sign-in': () => {},
    'no locks': () => { Object.defineProperty(navigator, 'locks', { value: undefined }); },
  };

  test.each(Object.entries(broken))('%s', async (name, breakIt) => {
    await context.addInitScript(breakIt);
    tab = await open();
    await signIn(tab);
    if (name.includes('WebCrypto')) await tab.evaluate(() => { Object.defineProperty(crypto, 'subtle', { value: undefined }); });
    await renew(tab);
    await discard(tab);
    await wakeUp(tab);
    expect(await signedIn(tab)).toBe(true);
    expect(await call(tab)).toBe(200);
    await renew(tab);
    expect(await ended(tab)).toEqual([]);
  });
});
