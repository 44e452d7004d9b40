// Remembers what was built from what, so that nothing is built twice.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

import { top } from './paths.mjs';

const made = new Set(['node_modules', 'target', 'build', 'dist', 'pkg', 'public', '.wrangler', '.git']);

/** One hash over files and folders (given from the top folder) and anything else that matters. @param {string[]} paths @param {string[]} [extra] */
export function fingerprint(paths, extra = []) {
  const hash = createHash('sha256');
  for (const file of paths.flatMap((path) => files(join(top, path)))) {
    hash.update(relative(top, file)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.update(extra.join('\0')).digest('hex');
}

/** Whether `name` was last finished with this fingerprint, and what it made is still there. @param {string} name @param {string} print @param {string[]} outputs */
export function isFresh(name, print, outputs = []) {
  const stamp = stampFile(name);
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === print && outputs.every((path) => existsSync(join(top, path)));
}

/** Notes that `name` is finished. @param {string} name @param {string} print */
export function markFresh(name, print) {
  mkdirSync(dirname(stampFile(name)), { recursive: true });
  writeFileSync(stampFile(name), print);
}

/** Notes that `name` is about to be made, so that an interrupted run counts as none. @param {string} name */
export function markStale(name) {
  rmSync(stampFile(name), { force: true });
}

/** @param {string} name */
function stampFile(name) {
  // In the checkout, whose outputs it speaks of, even where cargo builds elsewhere.
  return join(top, 'target', 'stamps', name);
}

/** @param {string} path @returns {string[]} */
function files(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => !made.has(name))
    .sort()
    .flatMap((name) => files(join(path, name)));
}
