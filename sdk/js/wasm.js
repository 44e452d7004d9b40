// Text into the core and out of it: what wasm-bindgen's own glue would do for `Core` of ../src/lib.rs, in a
// quarter of its size, and with as many instances as are wanted. The build names what it speaks to.

import { CALL, FREE, MALLOC, MEMORY, MODULE, NEW, THROW } from '#abi';

/** A core of its own. `instantiate` gets the imports of the module and gives the exports of a new instance. */
export function makeCore(instantiate) {
  const bytes = (at, length) => new Uint8Array(exports[MEMORY].buffer, at >>> 0, length);
  const textAt = (at, length) => new TextDecoder().decode(bytes(at, length));
  const exports = instantiate({
    [MODULE]: {
      [THROW]: (at, length) => {
        throw new Error(textAt(at, length));
      },
    },
  });
  const core = exports[NEW]();
  // Where each call says where its answer is.
  const place = exports[MALLOC](16, 8) >>> 0;
  return {
    call(input) {
      const encoded = new TextEncoder().encode(input);
      const at = exports[MALLOC](encoded.length, 1);
      bytes(at, encoded.length).set(encoded);
      exports[CALL](place, core, at, encoded.length);
      const [start, length] = new Uint32Array(exports[MEMORY].buffer, place, 2);
      const answer = textAt(start, length);
      exports[FREE](start, length, 1);
      return answer;
    },
  };
}
