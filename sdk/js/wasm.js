// Text into the core and out of it (../src/memory.rs): parameters in, parameters out.

/**
 * A core of its own. `instantiate` gives the exports of a new instance. A call that fails leaves nothing
 * behind: the core remembers nothing, and the next call begins anew.
 */
export function makeCore(instantiate) {
  const { memory, alloc, call } = instantiate({});
  const bytes = () => new Uint8Array(memory.buffer);
  return {
    call(input) {
      const encoded = new TextEncoder().encode(input);
      const start = alloc(encoded.length);
      bytes().set(encoded, start);
      const answer = call(start, encoded.length);
      const heap = bytes();
      const text = new TextDecoder().decode(heap.subarray(answer, heap.indexOf(0xff, answer)));
      // Tokens are not left where anybody may look for them.
      heap.fill(0, start);
      return text;
    },
  };
}
