// Installs what building needs: the wasm target, wasm-bindgen and worker-build.
// `node scripts/setup.mjs`, and the first step of `npm start` and `npm test`.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Failure, runMain } from './lib/failure.mjs';
import { prepareNode } from './lib/node.mjs';
import { toolCache } from './lib/paths.mjs';
import { step } from './lib/progress.mjs';
import { attempt, must } from './lib/run.mjs';
import { isInstalled, tools } from './lib/tools.mjs';
import { oldestRust } from './lib/versions.mjs';

const wasm = 'wasm32-unknown-unknown';
const components = ['clippy', 'rustfmt'];

/** Makes this machine able to build; quick when it already is. */
export async function setUp() {
  await prepareRust();
  await installTools();
}

async function prepareRust() {
  if ((await attempt('rustup', ['--version'])).code !== 0) {
    throw new Failure('Rust is missing: install rustup from https://rustup.rs, open a new terminal, and run this again');
  }
  let rustc = await attempt('rustc', ['--version']);
  if (rustc.code !== 0) {
    await step('Rust', (show) =>
      must('Installing Rust failed; is the network there?', 'rustup', ['toolchain', 'install', 'stable', '--profile', 'minimal'], { onLine: show }));
    rustc = await attempt('rustc', ['--version']);
  }
  const [, major, minor] = (rustc.output.match(/rustc (\d+)\.(\d+)/) ?? []).map(Number);
  const [oldestMajor, oldestMinor] = oldestRust();
  if (!(major > oldestMajor || (major === oldestMajor && minor >= oldestMinor))) {
    throw new Failure(`Rust ${oldestMajor}.${oldestMinor} or newer is needed: run \`rustup update stable\``);
  }
  await add('target', [wasm]);
  await add('component', components);
}

/** Adds targets or components that the toolchain lacks. @param {'target' | 'component'} kind @param {string[]} names */
async function add(kind, names) {
  const listed = await must(`rustup cannot list its ${kind}s`, 'rustup', [kind, 'list', '--installed']);
  const installed = listed.split('\n');
  const missing = names.filter((name) => !installed.some((line) => line === name || line.startsWith(`${name}-`)));
  if (missing.length === 0) return;
  await step(`Rust ${kind} ${missing.join(', ')}`, (show) =>
    must(`\`rustup ${kind} add ${missing.join(' ')}\` failed; is the network there?`, 'rustup', [kind, 'add', ...missing], { onLine: show }));
}

async function installTools() {
  const missing = tools().filter((tool) => !isInstalled(tool));
  const build = join(toolCache, 'target');
  for (const { name, version, root, flags } of missing) {
    // Without optimisation: built in a quarter of the time, and no slower to run on a project of this size.
    const args = ['install', '--debug', ...flags, '--force', '--root', root, `${name}@${version}`];
    const env = { CARGO_PROFILE_DEV_DEBUG: '0', CARGO_TARGET_DIR: build };
    await step(`${name} ${version} (once for this machine)`, (show) =>
      must(`Installing ${name} ${version} failed; is the network there?`, 'cargo', args, { env, onLine: show }));
  }
  rmSync(build, { recursive: true, force: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    await prepareNode();
    await setUp();
  });
}
