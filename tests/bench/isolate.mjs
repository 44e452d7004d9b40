// A Worker on a bare workerd, without the simulators around it: what an isolate loads, and how long
// it takes from the start of the process to its first answer.

import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { freePorts } from '../support/ports.mjs';

// Its declaration knows only `import`, but what it exports is one name.
const workerd = createRequire(import.meta.url)('workerd').default;
const patience = 30_000;

/** The sizes of what an isolate loads, in bytes. @param {{ path: URL }[]} modules */
export function sizeOf(modules) {
  const files = modules.map(({ path }) => readFileSync(path));
  const sum = (sizes) => sizes.reduce((total, size) => total + size, 0);
  return {
    bytes: sum(files.map((file) => file.length)),
    gzip: sum(files.map((file) => gzipSync(file, { level: 9 }).length)),
  };
}

/**
 * Starts a Worker and asks for its metadata; none of the servers reads a database for that.
 *
 * @param {{ profile: object, modules: { type: string, name: string, path: URL }[], coldBindings: (origin: string) => Record<string, string> }} server
 * @returns {Promise<number>} milliseconds
 */
export async function coldStart({ profile, modules, coldBindings }) {
  const [port] = await freePorts(1);
  const origin = `http://127.0.0.1:${port}`;
  const folder = mkdtempSync(join(tmpdir(), 'gatepass-isolate-'));
  for (const { name, path } of modules) copyFileSync(path, join(folder, name));
  const file = join(folder, 'workerd.capnp');
  writeFileSync(file, configuration(modules, coldBindings(origin), port));
  const began = performance.now();
  const child = spawn(workerd, ['serve', file], { stdio: 'ignore' });
  try {
    await answered(origin + profile.paths.discovery, began);
    return performance.now() - began;
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
}

async function answered(url, began) {
  for (;;) {
    if ((await statusOf(url)) === 200) return;
    if (performance.now() - began > patience) throw new Error(`${url} does not answer`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** @returns {Promise<number | undefined>} nothing while nobody listens */
function statusOf(url) {
  return new Promise((resolve) => {
    get(url, { agent: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    }).on('error', () => resolve(undefined));
  });
}

/** Databases are objects that nobody asks. */
function configuration(modules, bindings, port) {
  const text = JSON.stringify;
  const loaded = modules.map(({ type, name }) => `(name = ${text(name)}, ${type} = embed ${text(name)})`);
  const bound = [
    ...Object.entries(bindings).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`),
    ...['DB', 'OAUTH_KV'].map((name) => `(name = ${text(name)}, json = "{}")`),
  ];
  return `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "worker", worker = (
    compatibilityDate = "2026-11-01",
    modules = [${loaded}],
    bindings = [${bound}],
  ))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "worker")],
);
`;
}
