// The three Workers as `npm start` runs them: `wrangler dev`, each in a process group of its own.

import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';

import { Failure } from './failure.mjs';
import { npmBin, top } from './paths.mjs';
import { toolEnv } from './tools.mjs';

/** In the order in which they start. */
export const services = [
  { name: 'provider', config: 'wrangler.toml', port: 4000 },
  { name: 'api', config: 'api/wrangler.toml', port: 5000 },
  { name: 'gateway', config: 'gateway/wrangler.toml', port: 3001 },
];

const logs = join(top, 'target', 'logs');
// Long enough for the provider to be built again, if its source changed a moment ago.
const patience = 120_000;
const grace = 5_000;

/** Fails if someone listens where a service shall. */
export async function checkPorts() {
  for (const { name, port } of services) {
    const taken = (await Promise.all(['127.0.0.1', '::1'].map((host) => answers(host, port)))).some(Boolean);
    if (taken) {
      throw new Failure(`Port ${port}, where the ${name} listens, is taken (by another \`npm start\`?): stop what uses it, then start again`);
    }
  }
}

/** @param {string} host @param {number} port @returns {Promise<boolean>} */
function answers(host, port) {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 });
    const end = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('connect', () => end(true)).on('error', () => end(false)).on('timeout', () => end(false));
  });
}

/** One running Worker. */
export class Service {
  /** Rejects when the Worker ends before `stop` was called. @type {Promise<never>} */
  died;
  #child;
  #closed;
  #stopping = false;

  /** @param {(typeof services)[number]} service @param {{ verbose: boolean }} options */
  constructor({ name, config, port }, { verbose }) {
    this.name = name;
    this.port = port;
    this.log = join(logs, `${name}.log`);
    mkdirSync(logs, { recursive: true });
    const args = ['dev', '--config', config, '--port', `${port}`, '--inspector-port', '0', '--show-interactive-dev-session=false'];
    // CLOUDFLARE_CF_FETCH_ENABLED: nothing here needs `Request.cf`, and fetching it needs the network.
    const env = { ...process.env, ...toolEnv(), CI: '1', CLOUDFLARE_CF_FETCH_ENABLED: 'false' };
    this.#child = spawn(join(npmBin, 'wrangler'), args, { cwd: top, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#closed = new Promise((resolve) => this.#child.on('exit', resolve).on('error', resolve));
    this.#watch(verbose);
    this.died = this.#closed.then(() => {
      if (this.#stopping) return new Promise(() => {});
      throw new Failure(`The ${name} ended by itself; its log is ${relative(top, this.log)}`);
    });
    // Whoever waits for it sees it; until then it is not unhandled.
    this.died.catch(() => {});
  }

  /** Waits until `GET /health` answers 200. */
  async healthy() {
    const end = Date.now() + patience;
    let latest = 'nothing';
    while (Date.now() < end && !this.#stopping) {
      try {
        const response = await fetch(`http://localhost:${this.port}/health`, { signal: AbortSignal.timeout(5_000) });
        if (response.status === 200) return;
        latest = `${response.status} ${await response.text()}`;
      } catch {
        // It does not listen yet.
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Failure(`The ${this.name} is not healthy after ${patience / 1000} s: http://localhost:${this.port}/health answers ${latest}; its log is ${relative(top, this.log)}`);
  }

  /** Ends the whole process tree. */
  async stop() {
    this.#stopping = true;
    this.#signal('SIGTERM');
    const timer = setTimeout(() => this.#signal('SIGKILL'), grace);
    await this.#closed;
    clearTimeout(timer);
    // Wrangler may be gone before its workerd.
    this.#signal('SIGKILL');
  }

  #signal(name) {
    try {
      process.kill(-this.#child.pid, name);
    } catch {
      // The group is gone.
    }
  }

  /** Keeps the whole log in a file, and shows what needs attention. @param {boolean} verbose */
  #watch(verbose) {
    const file = createWriteStream(this.log);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        file.write(`${line}\n`);
        if (verbose || needsAttention(line)) console.log(`${this.name.padEnd(8)} │ ${line}`);
      });
    }
  }
}

/** @param {string} line */
function needsAttention(line) {
  return /\[?ERROR\]?|"failure":|Uncaught|panicked|RuntimeError|Build failed/.test(line);
}
