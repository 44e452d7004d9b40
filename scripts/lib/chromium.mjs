// Chromium and its driver: found on this machine, or installed by Debian's package manager.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { Failure } from './failure.mjs';
import { step } from './progress.mjs';
import { must } from './run.mjs';

const browsers = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** The Chromium of this machine, or the one that the variable CHROMIUM names. @returns {string | undefined} */
export function findChromium() {
  return [process.env.CHROMIUM, ...browsers].find((path) => path && existsSync(path));
}

/** The ChromeDriver of this machine, or the one that the variable CHROMEDRIVER names. @returns {string | undefined} */
export function findChromedriver() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return [process.env.CHROMEDRIVER, ...folders.map((folder) => join(folder, 'chromedriver'))].find((path) => path && existsSync(path));
}

/** Makes both available. */
export async function prepareChromium() {
  if (findChromium() && findChromedriver()) return;
  if (!existsSync('/usr/bin/apt-get') || process.getuid?.() !== 0) {
    throw new Failure('The browser tests need Chromium and ChromeDriver: install both (on Debian: `sudo apt-get install chromium chromium-driver`), or name them in CHROMIUM and CHROMEDRIVER');
  }
  const failed = 'Installing Chromium failed; is the network there?';
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await step('Chromium and ChromeDriver', async (show) => {
    await must(failed, 'apt-get', ['update'], { env, onLine: show });
    await must(failed, 'apt-get', ['install', '-y', '--no-install-recommends', 'chromium', 'chromium-driver'], { env, onLine: show });
  });
  if (!findChromium() || !findChromedriver()) throw new Failure('Chromium was installed but is not found: name it in CHROMIUM, and its driver in CHROMEDRIVER');
}
