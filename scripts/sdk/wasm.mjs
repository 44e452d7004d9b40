// From Rust to what the SDK's core is shipped as: a WebAssembly module, and JavaScript made of the same
// module for where there is no WebAssembly.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import zopfli from '@gfx/zopfli';

import { Failure } from '../lib/failure.mjs';
import { target, top } from '../lib/paths.mjs';
import { must } from '../lib/run.mjs';

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
// The order in which a compressed module came out smallest.
const shrink = ['-Oz', '--converge', '--low-memory-unused', '--skip-pass=local-cse', '--reorder-functions', ...features, '--strip-debug', '--strip-producers'];
// JavaScript has none of these.
const lower = ['--signext-lowering', '--llvm-memory-copy-fill-lowering', '--llvm-nontrapping-fptoint-lowering'];

/**
 * @typedef {object} Core what the bundles are made with, as files
 * @property {string} wasm the module
 * @property {string} compressed a JavaScript module with the module in it. Compressed before it is inlined:
 *   base64 of a compressed module costs a download that is compressed once more 1 %, base64 of the module
 *   itself 28 %.
 * @property {string} abi a JavaScript module with the names of the module's imports and exports
 * @property {string} script the module as JavaScript
 */

/** @param {NodeJS.ProcessEnv} env where the tools are @returns {Promise<Core>} */
export async function buildCore(env) {
  const work = join(target, 'sdk');
  await mkdir(work, { recursive: true });
  const file = (name) => join(work, name);
  const tool = (variable, otherwise, ...args) => must(`${otherwise} failed`, env[variable] ?? otherwise, args, { env });
  // The others of binaryen lie beside it.
  const binaryen = (name, ...args) => must(`${name} failed`, (env.WASM_OPT_BIN ?? 'wasm-opt').replace(/wasm-opt(?=\.\w+$|$)/, name), args, { env });

  // As a cdylib alone: together with an rlib, there is no link-time optimization.
  await must('cargo failed', 'cargo', [
    'rustc', '--release', '-p', 'gatepass-sdk', '--lib', '--crate-type', 'cdylib', '--target', 'wasm32-unknown-unknown',
  ], { env, echo: true });
  const built = join(target, 'wasm32-unknown-unknown', 'release', 'gatepass_sdk.wasm');
  // Told nothing of the features, wasm-bindgen makes a module that needs no tables of JavaScript's values
  // and gives no pairs, which JavaScript could not.
  await binaryen('wasm-opt', ...features, '--strip-target-features', built, '-o', file('gatepass_sdk.wasm'));
  await tool('WASM_BINDGEN_BIN', 'wasm-bindgen', '--target', 'web', '--no-typescript', '--out-dir', work, file('gatepass_sdk.wasm'));

  const names = exportsUsed(await readFile(file('gatepass_sdk.js'), 'utf8'));
  await writeFile(file('graph.json'), JSON.stringify([
    { name: 'root', root: true, reaches: Object.values(names) },
    ...Object.values(names).map((name) => ({ name, export: name })),
  ]));
  await binaryen('wasm-metadce', file('gatepass_sdk_bg.wasm'), `--graph-file=${file('graph.json')}`, ...features, '-o', file('used.wasm'));
  await binaryen('wasm-opt', file('used.wasm'), ...shrink, '-o', file('small.wasm'));
  const wasm = file('gatepass.wasm');
  const short = await binaryen('wasm-opt', file('small.wasm'), ...features, '--minify-imports-and-exports-and-modules', '-o', wasm);
  const abi = file('abi.mjs');
  await writeFile(abi, abiOf(JSON.parse(short), names));

  const compressed = file('compressed.mjs');
  const base64 = Buffer.from(await deflate(await readFile(wasm), { numiterations: 50 })).toString('base64');
  await writeFile(compressed, `export default '${base64}';\n`);

  await binaryen('wasm-opt', wasm, ...features, ...lower, '-Oz', '-o', file('lowered.wasm'));
  await binaryen('wasm2js', '-Oz', file('lowered.wasm'), ...features, '-o', file('wasm2js.mjs'));
  const script = file('core.mjs');
  await writeFile(script, instantiable(await readFile(file('wasm2js.mjs'), 'utf8')));
  return { wasm, compressed, abi, script };
}

/** The exports that js/wasm.js needs, as wasm-bindgen's own glue calls them. @param {string} glue */
function exportsUsed(glue) {
  const find = (pattern) => {
    const [, name] = pattern.exec(glue) ?? [];
    if (!name) throw new Failure(`wasm-bindgen's glue has changed: nothing in it is like ${pattern}; see scripts/sdk/wasm.mjs`);
    return name;
  };
  // What js/wasm.js does by hand.
  find(/(wasm\.core_call\(retptr, this\.__wbg_ptr, ptr0, len0\))/);
  return {
    MEMORY: 'memory',
    NEW: 'core_new',
    CALL: 'core_call',
    MALLOC: find(/passStringToWasm0\(input, wasm\.(\w+),/),
    FREE: find(/wasm\.(\w+)\(deferred\w+, deferred\w+, 1\)/),
  };
}

/** @param {{ imports: [string, string, string][], exports: [string, string][] }} short how names were shortened */
function abiOf({ imports, exports }, names) {
  const [[, thrown, short], ...more] = imports;
  if (more.length > 0 || !thrown.includes('wbindgen_throw')) {
    throw new Failure(`The SDK's core imports ${imports.map(([, name]) => name).join(', ')}; js/wasm.js has but one that throws`);
  }
  const of = Object.fromEntries(exports);
  const constants = { MODULE: 'a', THROW: short, ...Object.fromEntries(Object.entries(names).map(([key, name]) => [key, of[name]])) };
  return Object.entries(constants).map(([name, value]) => `export const ${name} = '${value}';\n`).join('');
}

/** wasm2js makes one instance of its module at once; here a function makes as many as are wanted. @param {string} script */
function instantiable(script) {
  const [body, rest] = script.split(/^var retasmFunc = /m);
  if (!rest || !body.includes('function asmFunc(')) throw new Failure('What wasm2js makes has changed; see scripts/sdk/wasm.mjs');
  return `${body.replace(/^import .*$/gm, '')}\nexport default asmFunc;\n`;
}
