// The npm package as an application gets it.

import { build } from '../build.mjs';
import { vitest } from './vitest.mjs';

/** @param {string[]} filters parts of file names */
export async function run(filters) {
  await build({ only: ['sdk'] });
  return vitest('package', filters);
}
