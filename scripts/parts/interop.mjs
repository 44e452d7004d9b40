// Client libraries that others wrote, against the provider on real workerd: one in each language.

import { join } from 'node:path';

import { build } from '../build.mjs';
import { tell } from '../lib/failure.mjs';
import { target, top } from '../lib/paths.mjs';
import { step, stopLiveLine } from '../lib/progress.mjs';
import { preparePython } from '../lib/python.mjs';
import { attempt } from '../lib/run.mjs';
import { cargoTest } from './cargo.mjs';
import { check, sum } from './result.mjs';
import { vitest } from './vitest.mjs';

const folder = join(top, 'tests', 'interop');
const libraries = {
  'openid-client': () => vitest('interop', []),
  authlib,
  openidconnect: () => withProvider(openidconnect),
};

/** @param {string[]} filters parts of the libraries' names */
export async function run(filters) {
  await build({ only: ['provider'] });
  const results = [];
  for (const [name, tryLibrary] of Object.entries(libraries)) {
    if (filters.length > 0 && !filters.some((filter) => name.includes(filter))) continue;
    try {
      results.push(await tryLibrary());
    } catch (error) {
      // What one language lacks, the others need not.
      tell(error);
      results.push(check(false));
    }
  }
  return sum(results);
}

/** Runs tests in another language beside a provider and its users. @param {(env: Record<string, string>) => Promise<import('./result.mjs').Result>} tests */
async function withProvider(tests) {
  Object.assign(process.env, { WRANGLER_LOG: 'warn', WRANGLER_SEND_METRICS: 'false' });
  const { startStack } = await import('../../tests/support/stack.mjs');
  const { serveUsers } = await import('../../tests/interop/user.mjs');
  const stack = await startStack({ only: ['provider'] });
  const users = await serveUsers(stack);
  try {
    const result = await tests({
      GATEPASS_ISSUER: stack.provider,
      GATEPASS_USERS: users.origin,
      GATEPASS_SERVICE_SECRET: stack.secrets.GATEPASS_SERVICE_SECRET,
    });
    if (result.failed > 0) console.log(`The provider's log:\n${stack.logs().slice(-60).join('\n')}`);
    return result;
  } finally {
    users.stop();
    await stack.stop();
  }
}

async function authlib() {
  const cwd = join(folder, 'python');
  const python = await preparePython(join(cwd, 'requirements.txt'));
  return withProvider(async (env) => {
    const options = { cwd, env: { ...env, PYTHONDONTWRITEBYTECODE: '1' } };
    const { code, output } = await step('unittest authlib', (show) =>
      attempt(python, ['-m', 'unittest', '-v', 'test_authlib'], { ...options, onLine: show }));
    if (code !== 0) {
      stopLiveLine();
      console.log(output);
    }
    return counted(output, code);
  });
}

/** Counts as unittest's last lines do. @param {string} output @param {number} code */
function counted(output, code) {
  const [, ran] = /^Ran (\d+) tests? in /m.exec(output) ?? [0, 0];
  const [, problems] = /^FAILED \((.*)\)$/m.exec(output) ?? ['', ''];
  const bad = [...problems.matchAll(/(?:failures|errors)=(\d+)/g)].reduce((count, [, number]) => count + Number(number), 0);
  const failed = code !== 0 && bad === 0 ? 1 : bad;
  return { passed: Math.max(0, Number(ran) - bad), failed };
}

/** A workspace of its own: what it needs is in no lock file that ships. */
function openidconnect(env) {
  const manifest = join(folder, 'rust', 'Cargo.toml');
  return cargoTest('cargo test openidconnect', ['--locked', '--manifest-path', manifest], { ...env, CARGO_TARGET_DIR: join(target, 'interop') });
}
