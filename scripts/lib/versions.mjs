// Versions are written down once: in Cargo.lock and Cargo.toml.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Failure } from './failure.mjs';
import { top } from './paths.mjs';

/** The version of a crate in Cargo.lock. @param {string} crate */
export function lockedVersion(crate) {
  const lock = readFileSync(join(top, 'Cargo.lock'), 'utf8');
  const version = lock.match(new RegExp(`^name = "${crate}"\\nversion = "([^"]+)"$`, 'm'))?.[1];
  if (!version) throw new Failure(`Cargo.lock names no version of ${crate}: restore the file from git`);
  return version;
}

/** The oldest Rust that builds this workspace, as `[major, minor]`. */
export function oldestRust() {
  const manifest = readFileSync(join(top, 'Cargo.toml'), 'utf8');
  const [, major, minor] = manifest.match(/^rust-version = "(\d+)\.(\d+)/m) ?? [];
  return [Number(major), Number(minor)];
}
