// The entry `gatepass`: brings the wasm with it, and starts it when it is first needed. What the client does
// begins in client.js.

import compressed from '#wasm';
import { makeClient } from './client.js';
import { bytesOf } from './host.js';
import { prepareCores } from './start.js';

export * from './exports.js';

/** Compiled once for all clients. */
let compiled;

async function inflate() {
  const inflated = new Blob([bytesOf(compressed)]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return WebAssembly.compile(await new Response(inflated).arrayBuffer());
}

export function createClient(options = {}) {
  return makeClient(options, () => prepareCores(() => (compiled ??= inflate()), options.fallback));
}
