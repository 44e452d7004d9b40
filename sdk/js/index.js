// The entry `gatepass`: brings the wasm with it, and starts it when it is first needed. What the client does
// begins in client.js.

import compressed from '#wasm';
import { makeClient } from './client.js';
import { prepareCores } from './start.js';

export * from './exports.js';

/** Compiled once for all clients. */
let compiled;

async function inflate() {
  const bytes = Uint8Array.from(atob(compressed), (character) => character.charCodeAt(0));
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return WebAssembly.compile(await new Response(inflated).arrayBuffer());
}

export function createClient(options) {
  return makeClient(options, () => prepareCores(() => (compiled ??= inflate()), options.fallback));
}
