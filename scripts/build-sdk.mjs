// Builds the npm package `gatepass` into sdk/dist: the core, and around it a module for `import` and one for
// `require` of each entry.
//
// The tools come from the environment: WASM_OPT_BIN, ESBUILD_BIN.

import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { top } from './lib/paths.mjs';
import { must } from './lib/run.mjs';
import { apiOf } from './sdk/api.mjs';
import { buildCore } from './sdk/wasm.mjs';

const sdk = join(top, 'sdk');
const dist = join(sdk, 'dist');

/** What an application imports. Each is a file, and has its types beside it. */
const entries = ['js/index', 'js/slim', 'js/fallback', 'bindings/react', 'bindings/vue', 'bindings/panel'];

/** Builds the package. @param {NodeJS.ProcessEnv} env where the tools are */
export async function buildSdk(env = process.env) {
  const core = await buildCore(env);
  await rm(dist, { recursive: true, force: true });
  await mkdir(dist, { recursive: true });
  await Promise.all(entries.flatMap((entry) => [bundle(env, core, entry, 'esm'), bundle(env, core, entry, 'cjs')]));
  // A page serves it as it is.
  await bundle(env, core, 'js/vault-worker', 'esm');
  await copyFile(core.wasm, join(dist, 'gatepass.wasm'));
  await describe();
}

/** @param {NodeJS.ProcessEnv} env @param {import('./sdk/wasm.mjs').Core} core @param {string} entry @param {'esm' | 'cjs'} format */
async function bundle(env, core, entry, format) {
  const name = entry.split('/').pop();
  await must(`esbuild failed for ${entry}`, env.ESBUILD_BIN ?? 'esbuild', [
    join(sdk, `${entry}.js`),
    '--bundle',
    `--format=${format}`,
    '--platform=neutral',
    // An application's bundler takes the white space out; the comments that it goes by must be there until then.
    // The fallback and the worker are served as they are.
    ...(format === 'esm' && !['fallback', 'vault-worker'].includes(name) ? ['--minify-identifiers', '--minify-syntax', '--legal-comments=none'] : ['--minify']),
    '--target=es2022',
    '--charset=utf8',
    '--log-level=warning',
    `--alias:#wasm=${core.compressed}`,
    `--alias:#core=${core.script}`,
    `--alias:#fallback=${join(sdk, 'js', format === 'esm' ? 'import-fallback.js' : 'import-fallback.cjs.js')}`,
    '--external:./fallback.cjs',
    '--external:react',
    '--external:vue',
    `--outfile=${join(dist, name)}.${format === 'esm' ? 'js' : 'cjs'}`,
  ], { env, echo: true });
}

/** The documentation of every entry, from its types. */
export function apiOfSdk() {
  return apiOf(entries.map((entry) => {
    const name = entry.split('/').pop();
    return { entry: name === 'index' ? 'gatepass' : `gatepass/${name}`, file: join(sdk, `${entry}.d.ts`) };
  }));
}

/** Adds to the package what is not built. */
async function describe() {
  await writeFile(join(dist, 'API.md'), apiOfSdk());
  for (const entry of entries) {
    const types = await readFile(join(sdk, `${entry}.d.ts`), 'utf8');
    const file = join(dist, entry.split('/').pop());
    await writeFile(`${file}.d.ts`, types);
    // The same for `require`, which finds the types of the others under another name.
    await writeFile(`${file}.d.cts`, types.replace(/(from '\.\/\w+)\.js'/g, "$1.cjs'"));
  }
  await copyFile(join(sdk, 'package.json'), join(dist, 'package.json'));
  // What it links to comes along.
  await writeFile(join(dist, 'README.md'), (await readFile(join(sdk, 'README.md'), 'utf8')).replaceAll('](../docs/', '](./docs/'));
  await mkdir(join(dist, 'docs'));
  await copyFile(join(top, 'docs', 'sdk-storage.md'), join(dist, 'docs', 'sdk-storage.md'));
  for (const licence of (await readdir(top)).filter((name) => name.startsWith('LICENSE-'))) {
    await copyFile(join(top, licence), join(dist, licence));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildSdk();
}
