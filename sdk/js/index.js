// The entry: starts the wasm when it is first needed. What the client does begins in client.js.

import compressed from '#wasm';
import { Core, initSync } from '#glue';
import { makeClient } from './client.js';
import { GatepassError } from './error.js';

export { GatepassError };

let started = false;

async function start() {
  if (started) return;

  const bytes = Uint8Array.from(atob(compressed), (character) => character.charCodeAt(0));
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const module = await WebAssembly.compile(await new Response(inflated).arrayBuffer());
  // Another client may have been quicker; what has state is not replaced.
  if (!started) initSync({ module });
  started = true;
}

export function createClient(options) {
  return makeClient(options, async () => {
    await start();
    return new Core();
  });
}
