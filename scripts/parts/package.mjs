// The npm package as an application gets it.

import { join } from 'node:path';

import { build } from '../build.mjs';
import { prepareChromium } from '../lib/chromium.mjs';
import { installPackages } from '../lib/node.mjs';
import { top } from '../lib/paths.mjs';
import { vitest } from './vitest.mjs';

/** @param {string[]} filters parts of file names */
export async function run(filters) {
  await prepareChromium();
  // The bundlers have a folder of packages of their own, which nothing else looks into.
  await installPackages(join(top, 'tests', 'package', 'bundlers'));
  await build({ only: ['sdk'] });
  return vitest('package', filters);
}
