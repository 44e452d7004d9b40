// No warnings: natively with tests and what only tests need, and what ships for wasm as it ships.

import { cargoCheck } from './cargo.mjs';
import { sum } from './result.mjs';

const shipped = ['gatepass-worker', 'gatepass-guard', 'gatepass-api', 'gatepass-gateway', 'gatepass-sdk'];

export async function run() {
  const deny = ['--', '-D', 'warnings'];
  return sum([
    await cargoCheck('cargo clippy', ['clippy', '--workspace', '--all-targets', '--features', 'gatepass-worker/contract', ...deny]),
    await cargoCheck('cargo clippy for wasm', [
      'clippy', '--target', 'wasm32-unknown-unknown', ...shipped.flatMap((name) => ['-p', name]), ...deny,
    ]),
  ]);
}
