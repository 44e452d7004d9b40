// No warnings: tests included natively, and what ships for wasm as it ships.

import { cargoCheck } from './cargo.mjs';
import { sum } from './result.mjs';

const shipped = ['gatepass-worker', 'gatepass-api', 'gatepass-gateway', 'gatepass-sdk'];

export async function run() {
  const deny = ['--', '-D', 'warnings'];
  return sum([
    await cargoCheck('cargo clippy', ['clippy', '--workspace', '--all-targets', ...deny]),
    await cargoCheck('cargo clippy for wasm', [
      'clippy', '--target', 'wasm32-unknown-unknown', ...shipped.flatMap((name) => ['-p', name]), ...deny,
    ]),
  ]);
}
