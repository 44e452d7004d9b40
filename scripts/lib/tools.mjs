// The Rust tools: which, which version, where, and the environment that makes others use them.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { npmBin, pathWith, toolCache, top } from './paths.mjs';
import { lockedVersion } from './versions.mjs';

/**
 * @typedef {object} Tool
 * @property {string} name
 * @property {string} version
 * @property {string} root where `cargo install --root` puts it
 * @property {string[]} flags
 */

/** The tools that this checkout needs. @returns {Tool[]} */
export function tools() {
  return [
    // Must equal the library in the lock file. Its own lock file does not build.
    tool('wasm-bindgen-cli', lockedVersion('wasm-bindgen'), []),
    // Released together with `worker`.
    tool('worker-build', lockedVersion('worker'), ['--locked']),
  ];
}

/** @param {Tool} tool */
export function isInstalled({ name, root }) {
  // cargo writes this file last.
  return existsSync(join(root, '.crates.toml')) && existsSync(join(root, 'bin', name === 'wasm-bindgen-cli' ? 'wasm-bindgen' : name));
}

/** The environment for building, testing and wrangler. @returns {Record<string, string>} */
export function toolEnv() {
  const bins = tools().map(({ root }) => join(root, 'bin'));
  return {
    PATH: pathWith(...bins, npmBin),
    // Without these three, worker-build would download its own.
    WASM_BINDGEN_BIN: join(bins[0], 'wasm-bindgen'),
    WASM_OPT_BIN: join(npmBin, 'wasm-opt'),
    // The program itself: npm's wrapper answers an error with its own stack trace.
    ESBUILD_BIN: join(top, 'node_modules', '@esbuild', `${process.platform}-${process.arch}`, 'bin', 'esbuild'),
    WRANGLER_SEND_METRICS: 'false',
    CARGO_TERM_COLOR: process.stdout.isTTY ? 'always' : 'never',
  };
}

/** @param {string} name @param {string} version @param {string[]} flags @returns {Tool} */
function tool(name, version, flags) {
  return { name, version, flags, root: join(toolCache, `${name}-${version}`) };
}
