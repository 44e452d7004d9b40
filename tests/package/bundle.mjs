// What an application's bundler makes of the built package.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

export const top = fileURLToPath(new URL('../..', import.meta.url));
export const dist = `${top}sdk/dist`;
export const esbuild = process.env.ESBUILD_BIN ?? `${top}node_modules/.bin/esbuild`;

/** Bundles a module that may import `gatepass`. @param {string} source */
export function bundle(source) {
  const entries = ['slim', 'fallback', 'panel', 'react', 'vue', 'index'].map((name) => `--alias:gatepass${name === 'index' ? '' : `/${name}`}=${dist}/${name}.js`);
  const args = ['--bundle', '--minify', '--format=esm', '--platform=browser', '--external:react', '--external:vue', ...entries];
  return execFileSync(esbuild, args, { cwd: top, input: source, maxBuffer: 1e8 });
}

/** @param {Uint8Array} bytes */
export function gzipped(bytes) {
  return gzipSync(bytes, { level: 9 }).length;
}
