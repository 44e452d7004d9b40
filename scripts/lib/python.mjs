// Python, and packages for it in an environment of their own, outside the checkout.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Failure } from './failure.mjs';
import { toolCache } from './paths.mjs';
import { step } from './progress.mjs';
import { attempt, must } from './run.mjs';

// The oldest that the hashes of the requirements are for; Debian 12 has it.
const oldest = '3.11';
// On Debian, both modules come with a package of their own.
const probe = `import sys, venv, ensurepip; sys.exit(sys.version_info < (${oldest.replace('.', ', ')})) or print(sys.version, sys.base_prefix)`;

/**
 * Makes the packages of a requirements file available, each with its hash, once for this machine.
 *
 * @param {string} requirements the file
 * @returns {Promise<string>} the Python that finds them
 */
export async function preparePython(requirements) {
  const { command, version } = (await findPython()) ?? (await installPython());
  const lock = createHash('sha256').update(readFileSync(requirements)).update(version).digest('hex');
  const root = join(toolCache, `python-${lock.slice(0, 16)}`);
  const python = join(root, 'bin', 'python');
  const stamp = join(root, '.gatepass-lock');
  if (existsSync(stamp) && (await attempt(python, ['--version'])).code === 0) return python;
  await step('Python packages (once for this machine)', async (show) => {
    const failed = 'Installing the Python packages failed; is the network there?';
    rmSync(root, { recursive: true, force: true });
    await must(failed, command, ['-m', 'venv', root], { onLine: show });
    const install = ['-m', 'pip', 'install', '--disable-pip-version-check', '--require-hashes', '--only-binary', ':all:'];
    await must(failed, python, [...install, '-r', requirements], { onLine: show });
    writeFileSync(stamp, lock);
  });
  return python;
}

/** The Python of this machine, or the one that the variable PYTHON names. */
async function findPython() {
  for (const command of [process.env.PYTHON, 'python3', '/usr/bin/python3'].filter(Boolean)) {
    const { code, output } = await attempt(command, ['-c', probe]);
    if (code === 0) return { command, version: output };
  }
}

async function installPython() {
  const what = `Python ${oldest} or newer with venv`;
  if (!existsSync('/usr/bin/apt-get') || process.getuid?.() !== 0) {
    throw new Failure(`The interoperability tests need ${what}: install it (on Debian: \`sudo apt-get install python3-venv\`), or name it in PYTHON`);
  }
  const failed = 'Installing Python failed; is the network there?';
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await step('Python', async (show) => {
    await must(failed, 'apt-get', ['update'], { env, onLine: show });
    await must(failed, 'apt-get', ['install', '-y', '--no-install-recommends', 'python3-venv'], { env, onLine: show });
  });
  const found = await findPython();
  if (!found) throw new Failure(`The interoperability tests need ${what}, and this Debian has an older one: name another in PYTHON`);
  return found;
}
