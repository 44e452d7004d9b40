// The Workers on real workerd, seen through HTTP.

import { build, shipped } from '../build.mjs';
import { vitest } from './vitest.mjs';

/** @param {string[]} filters parts of file names */
export async function run(filters) {
  await build({ only: [...shipped, 'contract'] });
  return vitest('integration', filters);
}
