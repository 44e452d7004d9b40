// Runs cargo, and counts what it tested.

import { stopLiveLine, step } from '../lib/progress.mjs';
import { attempt, essential } from '../lib/run.mjs';
import { toolEnv } from '../lib/tools.mjs';
import { check } from './result.mjs';

/** Runs a cargo command as one check; its output is shown if it fails. @param {string} title @param {string[]} args */
export async function cargoCheck(title, args) {
  const { code } = await cargo(title, args);
  return check(code === 0);
}

/** Runs `cargo test` and counts its tests. @param {string} title @param {string[]} args @param {Record<string, string>} [env] */
export async function cargoTest(title, args, env) {
  const { code, output } = await cargo(title, ['test', '--no-fail-fast', ...args], env);
  const plain = output.replaceAll(/\x1b\[[0-9;]*m/g, '');
  let passed = 0;
  let failed = 0;
  for (const [, good, bad] of plain.matchAll(/^test result: .*? (\d+) passed; (\d+) failed/gm)) {
    passed += Number(good);
    failed += Number(bad);
  }
  // What does not compile reports no test.
  if (code !== 0 && failed === 0) failed = 1;
  return { passed, failed };
}

async function cargo(title, args, env = {}) {
  const outcome = await step(title, (show) => attempt('cargo', args, { env: { ...toolEnv(), ...env }, onLine: show }));
  if (outcome.code !== 0) {
    stopLiveLine();
    console.log(essential(outcome.output));
  }
  return outcome;
}
