// A real Chromium, found on this machine: nothing is downloaded.

import { chromium } from 'playwright-core';

import { findChromium } from '../../scripts/lib/chromium.mjs';

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
];

/**
 * Starts Chromium without a window, with an empty profile.
 *
 * @param {import('playwright-core').LaunchOptions} [options]
 */
export function launchChromium(options = {}) {
  const executablePath = findChromium();
  if (!executablePath) throw new Error('no Chromium found: install one, or name it in the variable CHROMIUM');
  return chromium.launch({ executablePath, args: flags, headless: true, ...options });
}
