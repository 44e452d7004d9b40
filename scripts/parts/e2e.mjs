// The whole walk in a real Chromium, against the three Workers.

import { build } from '../build.mjs';
import { prepareChromium } from '../lib/chromium.mjs';
import { vitest } from './vitest.mjs';

/** @param {string[]} filters parts of file names */
export async function run(filters) {
  await prepareChromium();
  await build();
  return vitest('e2e', filters);
}
