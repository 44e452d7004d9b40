// How the runtime enters a built Worker.
//
// worker-build makes a class of it, of which the runtime makes an object for every request, and puts two
// proxies around it; and has each waiting future woken by the runtime's own `queueMicrotask`. Both cost more
// than most requests do. A plain object with the same handlers and a promise's reaction do the same.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

import { top } from './paths.mjs';

// `state` is worker-build's own: an instance that has panicked must not be entered again. Making the
// class anew is how worker-build replaces it.
const entry = (entrypoint) => `
const gatepassState = globalThis.__worker_init_state;
const gatepassCritical = (error) => {
  if (error instanceof WebAssembly.RuntimeError) gatepassState.criticalError = true;
  throw error;
};
function queueMicrotask(task) {
  Promise.resolve().then(task).catch(gatepassCritical);
}
const gatepassEntry = {};
for (const name of ['fetch', 'queue', 'scheduled']) {
  const handle = ${entrypoint}.prototype[name];
  if (handle) gatepassEntry[name] = async (event, env, ctx) => {
    if (gatepassState.criticalError) new ${entrypoint}(ctx, env);
    try {
      return await handle.call({ env, ctx }, event);
    } catch (error) {
      return gatepassCritical(error);
    }
  };
}
export default gatepassEntry;
`;

/**
 * Makes a plain object of the class that a built module exports by default, and adds the documents of some
 * folders, which `edge/src/document.rs` reads.
 *
 * @param {string} file
 * @param {Record<string, string>} [folders] from the top folder, by what the paths of their documents begin with
 */
export function completeModule(file, folders = {}) {
  const documents = Object.entries(folders).flatMap(([path, folder]) => documentsOf(path, join(top, folder)));
  writeFileSync(file, completed(readFileSync(file, 'utf8'), Object.fromEntries(documents)));
}

function documentsOf(path, folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  return files.filter((entry) => entry.isFile() && !entry.name.endsWith('.rs')).map(({ parentPath, name }) => {
    const file = join(parentPath, name);
    return [path + relative(folder, file).replaceAll(sep, '/'), readFileSync(file, 'utf8')];
  });
}

/** @param {string} module its text, as worker-build writes it @param {Record<string, string>} documents by path */
export function completed(module, documents) {
  const exported = /export\s*\{([^}]*)\};?\s*$/.exec(module);
  const names = exported?.[1].split(',').map((name) => name.trim()) ?? [];
  const entrypoint = names.map((name) => /^([\w$]+) as default$/.exec(name)?.[1]).find(Boolean);
  if (!entrypoint || !module.includes('__worker_init_state')) {
    throw new Error('what worker-build wrote has no entry to lighten');
  }
  const others = names.filter((name) => name && !name.endsWith(' as default'));
  return `${module.slice(0, exported.index)}export{${others}};\n${entry(entrypoint)}\nconst gatepassDocuments = ${JSON.stringify(documents)};\n`;
}
