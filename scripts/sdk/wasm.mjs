// From Rust to what the SDK's core is shipped as: a WebAssembly module, and JavaScript made of the same
// module for where there is no WebAssembly.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import zopfli from '@gfx/zopfli';

import { Failure } from '../lib/failure.mjs';
import { target, top } from '../lib/paths.mjs';
import { must } from '../lib/run.mjs';
import { NOTHING, TRAP, withBodies } from '../lib/wasm.mjs';

/** The same format as zlib's, 5 % smaller: it takes its time to find the shortest way to say it. */
const deflate = promisify(zopfli.deflate);

// Those that every browser with WebAssembly of 2021 or later has, and that Rust uses by default.
const features = [
  '--enable-bulk-memory',
  '--enable-mutable-globals',
  '--enable-nontrapping-float-to-int',
  '--enable-reference-types',
  '--enable-sign-ext',
  '--enable-multivalue',
];
// The order in which a compressed module came out smallest. No instruction is there for the trap that it may end in:
// Rust checks before, and traps with `unreachable`.
const shrink = [
  '--ignore-implicit-traps',
  '--flatten', '--rereloop', '-Oz', '-Oz', '--converge', '--skip-pass=local-cse', '--reorder-functions', '--low-memory-unused', ...features,
  '--strip-debug', '--strip-producers', '--strip-target-features',
];
// Functions of the standard library that have nothing to do here: memory is not given back (sdk/src/memory.rs), and nobody
// reads what a panic says. Whatever they are called for alone goes with them, an eighth of the module.
const idle = [
  { name: /RawVecInner.*deallocate/, body: NOTHING },
  { name: /core9panicking9panic_fmt/, body: TRAP },
  { name: /raw_vec12handle_error/, body: TRAP },
];
// What js/wasm.js speaks to.
const exported = ['memory', 'alloc', 'call'];
// JavaScript has none of these.
const lower = ['--signext-lowering', '--llvm-memory-copy-fill-lowering', '--llvm-nontrapping-fptoint-lowering'];

/**
 * @typedef {object} Core what the bundles are made with, as files
 * @property {string} wasm the module
 * @property {string} compressed a JavaScript module with the module in it. Compressed before it is inlined:
 *   base64 of a compressed module costs a download that is compressed once more 1 %, base64 of the module
 *   itself 28 %.
 * @property {string} script the module as JavaScript
 */

/** @param {NodeJS.ProcessEnv} env where the tools are @returns {Promise<Core>} */
export async function buildCore(env) {
  const work = join(target, 'sdk');
  await mkdir(work, { recursive: true });
  const file = (name) => join(work, name);
  // The others of binaryen lie beside it.
  const binaryen = (name, ...args) => must(`${name} failed`, (env.WASM_OPT_BIN ?? 'wasm-opt').replace(/wasm-opt(?=\.\w+$|$)/, name), args, { env });

  // As a cdylib alone: together with an rlib, there is no link-time optimization.
  await must('cargo failed', 'cargo', [
    'rustc', '--release', '-p', 'gatepass-sdk', '--features', 'standalone', '--lib', '--crate-type', 'cdylib', '--target', 'wasm32-unknown-unknown',
  ], { env, echo: true });
  const built = join(target, 'wasm32-unknown-unknown', 'release', 'gatepass_sdk.wasm');
  await writeFile(file('graph.json'), JSON.stringify([
    { name: 'root', root: true, reaches: exported },
    ...exported.map((name) => ({ name, export: name })),
  ]));
  await binaryen('wasm-metadce', built, `--graph-file=${file('graph.json')}`, ...features, '-g', '-o', file('used.wasm'));
  await writeFile(file('used.wasm'), withoutIdle(await readFile(file('used.wasm'))));
  const wasm = file('gatepass.wasm');
  await binaryen('wasm-opt', file('used.wasm'), ...shrink, '-o', wasm);

  const compressed = file('compressed.mjs');
  const base64 = Buffer.from(await deflate(await readFile(wasm), { numiterations: 50 })).toString('base64');
  await writeFile(compressed, `export default '${base64}';\n`);

  await binaryen('wasm-opt', wasm, ...features, ...lower, '-Oz', '-o', file('lowered.wasm'));
  await binaryen('wasm2js', '-Oz', file('lowered.wasm'), ...features, '-o', file('wasm2js.mjs'));
  const script = file('core.mjs');
  await writeFile(script, instantiable(await readFile(file('wasm2js.mjs'), 'utf8')));
  return { wasm, compressed, script };
}

/** @param {Uint8Array} module */
function withoutIdle(module) {
  const missed = new Set(idle);
  const shorter = withBodies(module, (name) => {
    const one = idle.find((one) => one.name.test(name));
    missed.delete(one);
    return one?.body;
  });
  for (const { name } of missed) throw new Failure(`The core calls nothing that is named ${name} any more; see scripts/sdk/wasm.mjs`);
  return shorter;
}

/** wasm2js makes one instance of its module at once; here a function makes as many as are wanted. @param {string} script */
function instantiable(script) {
  const [body, rest] = script.split(/^var retasmFunc = /m);
  if (!rest || !body.includes('function asmFunc(')) throw new Failure('What wasm2js makes has changed; see scripts/sdk/wasm.mjs');
  return `${body.replace(/^import .*$/gm, '')}\nexport default asmFunc;\n`;
}
