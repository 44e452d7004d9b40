// Builds the npm package `gatepass` into sdk/dist: wasm from Rust, bound, shrunk and inlined into one
// module for `import` and one for `require`. Compressed before it is inlined: base64 of a compressed
// module costs a download that is compressed once more 1 %, base64 of the module itself 28 %.
//
// The tools come from the environment: WASM_BINDGEN_BIN, WASM_OPT_BIN, ESBUILD_BIN.

import { spawn } from 'node:child_process';
import { copyFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';

const top = dirname(dirname(fileURLToPath(import.meta.url)));
const sdk = join(top, 'sdk');
const dist = join(sdk, 'dist');

/** Builds the package. @param {NodeJS.ProcessEnv} env where the tools are */
export async function buildSdk(env = process.env) {
  const target = env.CARGO_TARGET_DIR ?? join(top, 'target');
  const work = join(target, 'sdk');
  await mkdir(work, { recursive: true });

  // As a cdylib alone: together with an rlib, there is no link-time optimization.
  await run('cargo', [
    'rustc', '--release', '-p', 'gatepass-sdk', '--lib', '--crate-type', 'cdylib', '--target', 'wasm32-unknown-unknown',
  ], env);
  const built = join(target, 'wasm32-unknown-unknown', 'release', 'gatepass_sdk.wasm');
  const wasm = join(work, 'gatepass_sdk_bg.wasm');
  await run(env.WASM_BINDGEN_BIN ?? 'wasm-bindgen', ['--target', 'web', '--no-typescript', '--out-dir', work, built], env);
  await run(env.WASM_OPT_BIN ?? 'wasm-opt', [...shrink, wasm, '-o', wasm], env);

  const compressed = join(work, 'compressed.mjs');
  const base64 = deflateRawSync(await readFile(wasm), { level: 9, memLevel: 5 }).toString('base64');
  await writeFile(compressed, `export default '${base64}';\n`);

  await rm(dist, { recursive: true, force: true });
  await mkdir(dist, { recursive: true });
  for (const [format, file] of [['esm', 'index.js'], ['cjs', 'index.cjs']]) {
    await run(env.ESBUILD_BIN ?? 'esbuild', [
      join(sdk, 'js', 'index.js'),
      '--bundle',
      `--format=${format}`,
      '--platform=neutral',
      '--minify',
      '--target=es2022',
      '--charset=utf8',
      '--log-level=warning',
      // In a part of the glue that nothing calls and that is left out.
      '--log-override:empty-import-meta=silent',
      `--alias:#glue=${join(work, 'gatepass_sdk.js')}`,
      `--alias:#wasm=${compressed}`,
      `--outfile=${join(dist, file)}`,
    ], env);
  }
  await describe();
}

// The order in which a compressed module came out smallest. The features are those that every
// browser with WebAssembly of 2021 or later has, and that Rust uses by default.
const shrink = [
  '-Oz',
  '--converge',
  '--low-memory-unused',
  '--enable-bulk-memory',
  '--enable-mutable-globals',
  '--enable-nontrapping-float-to-int',
  '--enable-reference-types',
  '--enable-sign-ext',
  '--enable-multivalue',
  '--strip-debug',
  '--strip-producers',
  '--strip-target-features',
];

/** Adds to the package what is not built. */
async function describe() {
  const types = await readFile(join(sdk, 'js', 'index.d.ts'));
  await writeFile(join(dist, 'index.d.ts'), types);
  await writeFile(join(dist, 'index.d.cts'), types);
  await copyFile(join(sdk, 'package.json'), join(dist, 'package.json'));
  await copyFile(join(sdk, 'README.md'), join(dist, 'README.md'));
  for (const licence of ['LICENSE-MIT', 'LICENSE-APACHE']) {
    await cp(join(top, licence), join(dist, licence), { force: true }).catch((error) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
}

function run(command, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: top, env: { ...process.env, ...env }, stdio: 'inherit' });
    child.on('error', (error) => reject(new Error(`${command} cannot be started: ${error.message}`)));
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} failed (${signal ?? `exit code ${code}`})`));
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildSdk();
}
