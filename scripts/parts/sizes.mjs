// What an isolate has to load, compressed, within its budget. (The SDK's is a test of the package.)

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { build } from '../build.mjs';
import { top } from '../lib/paths.mjs';
import { check, sum } from './result.mjs';

// kB of 1000 bytes.
const budgets = [
  { name: 'provider', file: 'worker/build/index_bg.wasm', kilobytes: 350 },
  { name: 'API', file: 'api/build/index_bg.wasm', kilobytes: 250 },
  { name: 'gateway', file: 'gateway/build/index_bg.wasm', kilobytes: 250 },
];

export async function run() {
  await build({ only: ['provider', 'api', 'gateway'] });
  return sum(budgets.map(({ name, file, kilobytes }) => {
    const size = gzipSync(readFileSync(join(top, file)), { level: 9 }).length / 1000;
    const holds = size <= kilobytes;
    console.log(`${holds ? '✓' : '✗'} ${name}: ${size.toFixed(1)} kB of ${kilobytes} kB`);
    return check(holds);
  }));
}
