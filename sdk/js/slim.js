// The entry `gatepass/slim`: the same client, and `init` says where the wasm is.

import { makeClient } from './client.js';
import { GatepassError } from './error.js';
import { prepareCores } from './start.js';

export * from './exports.js';

/** What `init` was given, and what became of it. */
let given;
let compiled;

/** Says where the wasm is: a compiled module, its bytes, a response, or its address. */
export function init(moduleOrUrl) {
  given = moduleOrUrl;
  compiled = undefined;
}

/** Compiles it once for all clients; after a failure the next one tries again. */
function compile() {
  compiled ??= Promise.resolve(given).then(compileFrom).catch((error) => {
    compiled = undefined;
    throw error;
  });
  return compiled;
}

async function compileFrom(source) {
  if (source instanceof WebAssembly.Module) return source;
  if (typeof source === 'string' || source instanceof URL) source = await fetch(source);
  if (!(source instanceof Response)) return WebAssembly.compile(source);
  if (!source.ok) throw new Error(`${source.status} for ${source.url}`);
  // Not compiled while it comes: that wants a content type which not every server sends.
  return WebAssembly.compile(await source.arrayBuffer());
}

export function createClient(options = {}) {
  return makeClient(options, () => {
    if (given === undefined) throw new GatepassError('invalid_options', 'call init first');
    return prepareCores(compile, options.fallback);
  });
}
