// The Workers on real workerd, seen through HTTP.

import { build } from '../build.mjs';
import { vitest } from './vitest.mjs';

/** @param {string[]} filters parts of file names */
export async function run(filters) {
  await build();
  return vitest('integration', filters);
}
