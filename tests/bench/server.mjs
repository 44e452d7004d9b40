// Starts and stops the servers that are measured.

import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { freePorts } from '../support/ports.mjs';
import { User } from './user.mjs';

/** In the order in which they are measured. */
export const servers = ['gatepass', 'workers-oauth-provider', 'oidc-provider'];

/** Those of npm, which `tests/bench/package.json` names. */
export const peers = servers.slice(1);

const patience = 60_000;

/** What `servers/NAME.mjs` exports, and the version of what it runs. @param {string} name */
export async function describe(name) {
  const described = await import(`./servers/${name}.mjs`);
  return { ...described, version: versionOf(described.profile.package) };
}

/** A running server. */
export class Server {
  #child;
  #users = [];
  #seen = new Set();

  /** @param {string} name */
  static async start(name) {
    const [port] = await freePorts(1);
    const { profile } = await describe(name);
    const server = new Server();
    server.profile = profile;
    server.origin = `http://127.0.0.1:${port}`;
    server.#child = fork(fileURLToPath(new URL('serve.mjs', import.meta.url)), [name, `${port}`], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, NODE_ENV: 'production' },
    });
    server.info = await server.#ready(name);
    return server;
  }

  get pid() {
    return this.#child.pid;
  }

  /** So many users, signed in. They stay the same when asked for again. @param {number} count */
  async users(count) {
    while (this.#users.length < count) {
      const user = new User(this, this.#seen);
      await user.codeFlow();
      this.#users.push(user);
    }
    return this.#users.slice(0, count);
  }

  async stop() {
    for (const user of this.#users) user.close();
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(timer);
  }

  #ready(name) {
    let said = '';
    this.#child.stderr.on('data', (chunk) => { said = (said + chunk).slice(-4_000); });
    return new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`${name} ${why}\n${said}`));
      const timer = setTimeout(() => {
        this.#child.kill('SIGKILL');
        fail(`does not answer after ${patience / 1000} s`);
      }, patience);
      this.#child.once('exit', (code) => fail(`ended with ${code}`));
      this.#child.once('message', (info) => {
        clearTimeout(timer);
        resolve(info);
      });
    });
  }
}

function versionOf(name) {
  if (!name) return undefined;
  const main = createRequire(import.meta.url).resolve.paths(name)[0];
  return JSON.parse(readFileSync(`${main}/${name}/package.json`, 'utf8')).version;
}
