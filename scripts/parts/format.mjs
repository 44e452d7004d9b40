// The Rust code is formatted: the workspace, and what is tested with it from a workspace of its own.

import { cargoCheck } from './cargo.mjs';
import { sum } from './result.mjs';

export async function run() {
  return sum([
    await cargoCheck('cargo fmt', ['fmt', '--all', '--check']),
    await cargoCheck('cargo fmt, tests/interop/rust', ['fmt', '--manifest-path', 'tests/interop/rust/Cargo.toml', '--check']),
  ]);
}
