// Builds the demo site: www/ with the built npm package, into gateway/public/.

import { execFile } from 'node:child_process';
import { access, copyFile, mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const TOP = fileURLToPath(new URL('..', import.meta.url));
const PACKAGE = 'sdk/dist/index.js';
const OUTPUT = 'gateway/public';
const COPIED = ['index.html', 'favicon.svg'];

/**
 * Bundles the page's script and style, and copies its other files.
 * `env.ESBUILD_BIN` names the bundler; without it, the one in node_modules.
 */
export async function buildSite(env = process.env) {
  await access(TOP + PACKAGE).catch(() => {
    throw new Error(`${PACKAGE} is missing: build the SDK first (npm run build)`);
  });
  await mkdir(TOP + OUTPUT, { recursive: true });
  await Promise.all([bundle(env), ...COPIED.map(copy)]);
}

async function bundle(env) {
  const esbuild = env.ESBUILD_BIN ?? `${TOP}node_modules/.bin/esbuild`;
  await promisify(execFile)(
    esbuild,
    [
      'www/app.js',
      'www/style.css',
      '--bundle',
      '--format=esm',
      '--target=es2022',
      '--alias:gatepass/panel=./sdk/dist/panel.js',
      `--alias:gatepass=./${PACKAGE}`,
      `--outdir=${OUTPUT}`,
      '--log-level=warning',
    ],
    { cwd: TOP, env: { ...process.env, ...env } },
  );
}

function copy(name) {
  return copyFile(`${TOP}www/${name}`, `${TOP}${OUTPUT}/${name}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildSite();
}
