// What `client.fetch` costs over `fetch`, in Chromium: the same request, to a network that answers at once, so
// that nothing but the client's own work is in the difference.

import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { launchChromium } from '../support/chromium.mjs';
import { servePages } from '../support/pages.mjs';

const dist = fileURLToPath(new URL('../../sdk/dist', import.meta.url));

/** The most that a call may cost, in microseconds. */
export const BUDGET = 50;

/**
 * Measures both in turns, many calls at a time: a browser's clock is too coarse for one.
 *
 * @param {{ batches?: number, calls?: number }} [options]
 * @returns {Promise<{ plain: number, client: number, overhead: number }>} medians, in microseconds a call
 */
export async function measureSdk({ batches = 200, calls = 100 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'gatepass-bench-'));
  cpSync(dist, join(folder, 'gatepass'), { recursive: true });
  cpSync(fileURLToPath(new URL('sdk-page.js', import.meta.url)), join(folder, 'page.js'));
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>The cost of a call</title><script type="module" src="/page.js"></script>');
  const [browser, pages] = await Promise.all([launchChromium(), servePages(folder)]);
  try {
    const page = await browser.newPage();
    await page.goto(pages.origin);
    return await page.evaluate((options) => globalThis.measure(options), { batches, calls });
  } finally {
    await Promise.all([browser.close(), pages.stop()]);
    rmSync(folder, { recursive: true });
  }
}
