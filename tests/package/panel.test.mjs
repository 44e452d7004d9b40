// The panel in Chromium, under a content security policy that allows no inline style.

import { afterAll, beforeAll, expect, test } from 'vitest';

import { launchChromium } from '../support/chromium.mjs';
import { startInstantProvider } from '../support/instant-provider.mjs';
import { servePages } from '../support/pages.mjs';
import { installPackage, makePages } from './consumers.mjs';

let provider;
let browser;
let pages;
beforeAll(async () => {
  const [started, launched, { folder }] = await Promise.all([startInstantProvider(), launchChromium(), installPackage('panel')]);
  [provider, browser] = [started, launched];
  const out = await makePages('vite', 'panel', folder);
  const policy = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src ${provider.issuer}`;
  pages = await servePages(out, { provider, policy });
});
afterAll(() => Promise.all([provider?.stop(), pages?.stop(), browser?.close()]));

async function open(options) {
  const page = await (await browser.newContext(options)).newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => { if (/Content Security Policy/.test(message.text())) errors.push(message.text()); });
  await page.goto(pages.origin);
  await page.waitForSelector('[data-result]', { timeout: 15_000 });
  return { page, errors };
}

test('it tells in sentences what happened, the newest first, and nothing secret', async () => {
  const { page, errors } = await open();
  const panel = page.locator('gatepass-panel');
  await expect.poll(() => panel.locator('.status').textContent()).toBe('Signed in');
  const entries = await panel.locator('li .what').allTextContents();
  expect(entries.at(-1)).toBe('The client started as WebAssembly.');
  expect(entries).toEqual(expect.arrayContaining([
    'Signed in.', 'The tokens were renewed.', expect.stringMatching(/^GET localhost:\d+\/data answered 401 after \d+ ms$/),
  ]));
  const text = await panel.evaluate((element) => element.shadowRoot.textContent);
  for (const secret of provider.secrets.keys()) expect(text).not.toContain(secret);
  expect(errors).toEqual([]);
  await page.context().close();
});

test('it is reached and read without a mouse', async () => {
  const { page } = await open();
  expect(await page.getByRole('button', { name: 'Copy what happened' }).count()).toBe(1);
  expect(await page.getByRole('region', { name: 'What the client did, the newest first' }).count()).toBe(1);
  expect(await page.getByRole('status').first().textContent()).toBe('Signed in');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement.shadowRoot.activeElement.getAttribute('aria-label') ?? document.activeElement.shadowRoot.activeElement.role)).toBeTruthy();
  await page.context().close();
});

test('it is light and dark as the page, and its text can be read in both', async () => {
  for (const colorScheme of ['light', 'dark']) {
    const { page } = await open({ colorScheme });
    await page.evaluate(() => { document.documentElement.style.colorScheme = 'light dark'; });
    const lowest = await page.locator('gatepass-panel').evaluate((panel) => {
      const luminance = (color) => {
        const [red, green, blue] = color.match(/[\d.]+/g).map(Number).map((value) => {
          const share = value / 255;
          return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
      };
      const ground = luminance(getComputedStyle(panel).backgroundColor);
      const contrast = (element) => {
        const [low, high] = [ground, luminance(getComputedStyle(element).color)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
      };
      return Math.min(...[...panel.shadowRoot.querySelectorAll('.status, time, .what, button')].map(contrast));
    });
    expect(lowest, colorScheme).toBeGreaterThanOrEqual(4.5);
    if (process.env.GATEPASS_SCREENSHOTS) await page.screenshot({ path: `${process.env.GATEPASS_SCREENSHOTS}/panel-${colorScheme}.png` });
    await page.context().close();
  }
});

test('it stops looking when it is taken out, and goes on when it is put back', async () => {
  const { page } = await open();
  const count = () => page.locator('gatepass-panel li').count();
  const before = await count();
  await page.evaluate(async () => {
    const panel = document.querySelector('gatepass-panel');
    panel.remove();
    await panel.client.fetch(JSON.parse(document.querySelector('meta[name=provider]').content).api + '/data');
    window.between = panel.shadowRoot.querySelectorAll('li').length;
    document.body.append(panel);
  });
  expect(await page.evaluate(() => window.between)).toBe(before);
  await expect.poll(count).toBeGreaterThan(before);
  await page.context().close();
});
