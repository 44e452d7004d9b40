// Builds what changed: the three Workers, the SDK, and the demo site; for tests also the provider with
// the store contract in it.
// `npm run build`, or `npm run build -- provider` for one part; `--verbose` shows the tools' output.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { completeModule } from './lib/entry.mjs';
import { BuildFailure, Failure, runMain } from './lib/failure.mjs';
import { prepareNode } from './lib/node.mjs';
import { top } from './lib/paths.mjs';
import { step } from './lib/progress.mjs';
import { attempt, essential } from './lib/run.mjs';
import { fingerprint, isFresh, markFresh, markStale } from './lib/stamp.mjs';
import { toolEnv, tools } from './lib/tools.mjs';
import { stripCustomSections } from './lib/wasm.mjs';
import { setUp } from './setup.mjs';

const workspace = ['Cargo.toml', 'Cargo.lock', '.cargo', 'rust-toolchain.toml', 'scripts/lib/entry.mjs', 'scripts/lib/wasm.mjs'];
const shared = [...workspace, 'core', 'edge'];
const documents = { '/': 'worker/public', '/pages/': 'worker/src/pages', '/development/': 'worker/src/development' };

/**
 * @typedef {object} Part
 * @property {string[]} inputs what it is built from, from the top folder
 * @property {string[]} outputs what must exist afterwards
 * @property {[string, string[]]} command
 * @property {Record<string, string>} [documents] folders of texts that go beside a Worker's module, by the paths under which it finds them
 */

/** @type {Record<string, Part>} */
const parts = {
  provider: worker('worker', { documents }),
  contract: contract(),
  api: worker('api', { alsoFrom: ['guard'] }),
  gateway: worker('gateway'),
  sdk: {
    inputs: [...workspace, 'core', 'sdk', 'package-lock.json', 'scripts/build-sdk.mjs', 'scripts/sdk'],
    outputs: ['sdk/dist/index.js'],
    command: ['node', ['scripts/build-sdk.mjs', 'scripts/sdk']],
  },
  site: {
    inputs: [...workspace, 'core', 'sdk', 'www', 'package-lock.json', 'scripts/build-sdk.mjs', 'scripts/sdk', 'scripts/build-site.mjs'],
    outputs: ['gateway/public/index.html'],
    command: ['node', ['scripts/build-site.mjs']],
  },
};

// Side by side: while cargo, one at a time, compiles for one lane, wasm-opt shrinks for the other.
const lanes = [['provider', 'contract'], ['api', 'gateway', 'sdk', 'site']];

/** Everything but what only tests need. */
export const shipped = Object.keys(parts).filter((name) => name !== 'contract');

// What this process has built: a source that changes meanwhile is for the next run.
const done = new Set();

/**
 * Builds these parts (all that ship, if none is named). After a failure nothing else is begun.
 *
 * @param {{ only?: string[], verbose?: boolean }} [options]
 */
export async function build({ only = shipped, verbose = false } = {}) {
  const unknown = only.find((name) => !(name in parts));
  if (unknown) throw new Failure(`There is no part ${unknown} to build; there is ${Object.keys(parts).join(', ')}`);
  const compiler = (await attempt('rustc', ['-vV'])).output;
  let failure;
  const run = async (lane) => {
    for (const name of lane.filter((part) => only.includes(part) && !done.has(part))) {
      if (failure) return;
      try {
        await buildPart(name, parts[name], compiler, verbose);
        done.add(name);
      } catch (error) {
        failure ??= error;
      }
    }
  };
  await Promise.all(lanes.map(run));
  if (failure) throw failure;
}

/** @param {string} name @param {Part} part @param {string} compiler @param {boolean} verbose */
async function buildPart(name, { inputs, outputs, command: [program, args], documents }, compiler, verbose) {
  const print = fingerprint(inputs, [compiler, ...tools().map(({ root }) => root.split(/[\\/]/).pop()), program, ...args]);
  if (isFresh(name, print, outputs)) return;
  markStale(name);
  const env = { ...toolEnv(), RUST_BACKTRACE: '0' };
  const { code, output } = await step(`build ${name}`, (show) =>
    attempt(program, args, { env, onLine: verbose ? undefined : show, echo: verbose }));
  if (code !== 0) {
    throw new BuildFailure(`Building the ${name} failed: mend what is said above, then run this again`, verbose ? '' : essential(output));
  }
  if (program === 'worker-build') completeModule(join(top, outputs[0]), documents);
  if (args.includes('--release')) outputs.filter((file) => file.endsWith('.wasm')).forEach((file) => stripCustomSections(join(top, file)));
  markFresh(name, print);
}

/** A Cloudflare Worker. @param {string} folder @param {Partial<Part> & { alsoFrom?: string[] }} [more] @returns {Part} */
function worker(folder, { alsoFrom = [], ...more } = {}) {
  return {
    ...more,
    inputs: [...shared, ...alsoFrom, folder],
    outputs: [`${folder}/build/index.js`, `${folder}/build/index_bg.wasm`],
    command: ['worker-build', [folder, profile()]],
  };
}

/** The provider with the store contract in it: for tests, and in a place of its own. @returns {Part} */
function contract() {
  return {
    inputs: [...shared, 'worker', 'testing'],
    outputs: ['target/contract/index.js', 'target/contract/index_bg.wasm'],
    command: ['worker-build', ['worker', profile(), '--no-opt', '--out-dir', '../target/contract', '--features', 'contract']],
    documents,
  };
}

function profile() {
  return process.env.GATEPASS_BUILD === 'dev' ? '--dev' : '--release';
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    await prepareNode();
    await setUp();
    const names = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
    await build({ only: names.length > 0 ? names : undefined, verbose: process.argv.includes('--verbose') });
  });
}
