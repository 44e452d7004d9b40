// The first thing every script does: npm's packages, and a Node that is new enough for wrangler.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

import { npmBin, pathWith, top } from './paths.mjs';
import { step } from './progress.mjs';
import { must } from './run.mjs';

// Wrangler's own limit.
const oldestNode = [22, 12];
const reexecuted = 'GATEPASS_REEXECUTED';

/**
 * Installs the packages of the lock file if they are not there, and continues in the Node they
 * bring if the running one is too old. Where it continues elsewhere, this never returns.
 */
export async function prepareNode() {
  await installPackages();
  process.env.PATH = pathWith(npmBin);
  if (!tooOld(process.versions.node) || process.env[reexecuted]) return;
  await continueIn(join(npmBin, 'node'));
}

/** Installs the packages of a folder's lock file, if they are not there. @param {string} [folder] */
export async function installPackages(folder = top) {
  const stamp = join(folder, 'node_modules', '.gatepass-lock');
  const lock = createHash('sha256').update(readFileSync(join(folder, 'package-lock.json'))).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  const options = (show) => ({ cwd: folder, onLine: show });
  await step('npm packages', (show) =>
    must('Installing the npm packages failed; is the network there?', 'npm', ['ci', '--no-progress'], options(show)));
  writeFileSync(stamp, lock);
}

/** @param {string} version */
function tooOld(version) {
  const [major, minor] = version.split('.').map(Number);
  return major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1]);
}

/** Runs this script again, from its start, and ends as that run ends. @param {string} node */
function continueIn(node) {
  if (!existsSync(node)) {
    console.error(`✗ Node ${process.versions.node} is too old for wrangler, and there is none for this platform on npm: install Node 22.12 or newer`);
    process.exit(1);
  }
  const env = { ...process.env, [reexecuted]: '1' };
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit', env });
  // A terminal sends Ctrl-C to both; anything else only to this process.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)));
  return new Promise(() => {});
}
