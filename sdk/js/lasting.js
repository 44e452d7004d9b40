// A core that outlasts its own failure. After a trap an instance of WebAssembly is never used again: what it
// holds may be half done. Another takes its place and is asked the same once more, with all that it must know,
// since a core remembers nothing between two calls.

import { GatepassError } from './error.js';
import { note } from './history.js';

/** A core for `client`, made by `makeCore` as often as it takes. */
export function lastingCore(client, makeCore) {
  let core = makeCore();
  return {
    call(input) {
      try {
        return core.call(input);
      } catch (failed) {
        note(client, 'restarted', { error: failed.name });
        try {
          core = makeCore();
          return core.call(input);
        } catch ({ message }) {
          throw new GatepassError('malformed_call', message);
        }
      }
    },
  };
}
