// The packed npm package, installed as an application does it, and made into pages by one bundler after the
// other. What it is installed into is beside tests/package/bundlers/package.json, so that bundlers find
// themselves there.

import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { freePorts } from '../support/ports.mjs';
import { dist, esbuild, top } from './bundle.mjs';

const bundlers = join(top, 'tests', 'package', 'bundlers');
const apps = join(top, 'tests', 'package', 'apps');
const bin = (name) => join(bundlers, 'node_modules', '.bin', name);

/** Packs the package and installs it, into a folder that is new. @param {string} name of the folder */
export async function installPackage(name) {
  const work = join(bundlers, 'work', name);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  writeFileSync(join(work, 'package.json'), JSON.stringify({ name: 'apps', private: true, type: 'module' }));
  const [{ filename }] = JSON.parse(await run('npm', ['pack', '--json', '--pack-destination', work, dist], work));
  await run('npm', ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', `./${filename}`], work);
  return { folder: work, tarball: join(work, filename) };
}

/**
 * What makes an app's source into files to serve: from its entry `main.js` in a folder, into the folder
 * `out` in it. The package is installed beside that folder.
 *
 * @type {Record<string, (folder: string) => Promise<unknown>>}
 */
export const consumers = {
  vite: (folder) => run(bin('vite'), ['build', '--outDir', 'out', '--logLevel', 'warn'], folder),
  webpack: (folder) => run(process.execPath, ['webpack.mjs', './main.js', join(folder, 'out')], folder),
  esbuild: (folder) => run(esbuild, ['main.js', '--bundle', '--minify', '--format=esm', '--splitting', '--outdir=out'], folder),
  // One script that is no module, as pages of an older kind load it.
  async script(folder) {
    await run(esbuild, ['main.js', '--bundle', '--minify', '--format=iife', '--outdir=out', '--log-level=error', '--external:/assets/*'], folder);
    loadAsScript(folder);
  },
  'esbuild-file': (folder) => run(esbuild, ['main.js', '--bundle', '--minify', '--format=esm', '--outfile=out/main.js'], folder),
  rollup: (folder) => run(bin('rollup'), ['-c', '--input', 'main.js', '--format', 'es', '--dir', 'out'], folder),
  'rollup-file': (folder) => run(bin('rollup'), ['-c', '--input', 'main.js', '--format', 'es', '--file', 'out/main.js'], folder),
  async 'rollup-script'(folder) {
    await run(bin('rollup'), ['-c', '--input', 'main.js', '--format', 'iife', '--file', 'out/main.js'], folder);
    loadAsScript(folder);
  },
  // The files as they are, with the addresses that an import map would give them.
  plain(folder) {
    const out = join(folder, 'out');
    mkdirSync(out);
    for (const name of ['main.js', 'walk.js']) {
      const source = readFileSync(join(folder, name), 'utf8');
      writeFileSync(join(out, name), source.replace("'gatepass'", "'/gatepass/index.js'").replace(/'gatepass\/(\w+)'/g, "'/gatepass/$1.js'"));
    }
    cpSync(join(folder, '..', 'node_modules', 'gatepass'), join(out, 'gatepass'), { recursive: true });
  },
};

function loadAsScript(folder) {
  const page = join(folder, 'index.html');
  writeFileSync(page, readFileSync(page, 'utf8').replace('type="module"', 'defer'));
}

/** Makes pages of one of the apps; gives the folder to serve. @param {keyof typeof consumers} consumer @param {string} app @param {string} work where the package is installed @param {string} [again] another name, for the same once more */
export async function makePages(consumer, app, work, again) {
  const folder = copyApp(consumer, app, work, again);
  await consumers[consumer](folder);
  const out = join(folder, 'out');
  if (consumer !== 'vite') cpSync(join(folder, 'index.html'), join(out, 'index.html'));
  return out;
}

/** Copies the fallback to where an application serves it. @param {string} out what `makePages` gave @param {string} path */
export function copyFallback(out, path) {
  cpSync(join(out, '..', '..', 'node_modules', 'gatepass', 'fallback.js'), join(out, path));
}

/** The source of an app in a folder of its own. */
function copyApp(consumer, app, work, again = '') {
  const folder = join(work, `${consumer}-${app}${again}`);
  mkdirSync(folder);
  for (const file of readdirSync(apps)) if (/\.(m?js)$/.test(file)) cpSync(join(apps, file), join(folder, file));
  cpSync(join(apps, `${app}.js`), join(folder, 'main.js'));
  cpSync(join(apps, 'page.html'), join(folder, 'index.html'));
  return folder;
}

const quiet = { NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' };

/** Builds the app of Next.js and starts its server, which renders. @param {'turbopack' | 'webpack'} bundler that of Next.js @param {{ issuer: string, api: string }} provider @param {string} work where the package is installed */
export async function startNext(bundler, { issuer, api }, work) {
  const folder = join(work, `next-${bundler}`);
  cpSync(join(apps, 'next'), folder, { recursive: true });
  cpSync(join(apps, 'walk.js'), join(folder, 'app', 'walk.js'));
  await run(bin('next'), ['build', `--${bundler}`], folder, quiet);
  return startServer('next', ['start', '--port'], folder, { ...quiet, PROVIDER: JSON.stringify({ issuer, api }) });
}

/** Starts Vite's server for developers on an app, which prepares packages in a way of its own. @param {string} app @param {string} work where the package is installed */
export function startVite(app, work) {
  const folder = copyApp('vite-dev', app, work);
  return startServer('vite', ['--strictPort', '--logLevel', 'warn', '--host', 'localhost', '--port'], folder, {});
}

/** Starts a server of the bundlers' on a port that is free, and waits until it answers. */
async function startServer(name, args, cwd, env) {
  const [port] = await freePorts(1);
  const server = spawn(bin(name), [...args, `${port}`], { cwd, env: { ...process.env, ...env }, stdio: 'ignore' });
  const ended = new Promise((resolve) => { server.on('exit', resolve); });
  const origin = `http://localhost:${port}`;
  for (let tries = 0; !(await fetch(origin).then(({ ok }) => ok, () => false)); tries++) {
    if (tries > 300) throw new Error(`${name} does not answer`);
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  return { origin, stop: () => server.kill() && ended };
}

/** Runs a program to its end, and gives what it printed; what it has to complain about is a failure. */
export async function run(program, args, cwd, env = {}) {
  try {
    const { stdout } = await promisify(execFile)(program, args, {
      cwd, maxBuffer: 1e8, env: { ...process.env, NODE_ENV: 'production', ...env },
    });
    return stdout;
  } catch (error) {
    throw new Error(`${program} ${args.join(' ')}:\n${error.stdout}${error.stderr}`);
  }
}
