// What may fail by never answering: a storage, a database.

/** How long an attempt may take, in milliseconds. */
const PATIENCE = 3_000;

/** The same after one that took longer, until one is answered. */
const IMPATIENCE = 250;

/**
 * Makes what waits for the attempts at one thing, each a function, but not for ever. Each is made: what is written late is
 * better than what is not.
 */
export function makePatience() {
  let patience = PATIENCE;
  return (attempt) => new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      patience = IMPATIENCE;
      reject(new Error('no answer'));
    }, patience);
    (async () => attempt())().finally(() => {
      clearTimeout(timer);
      patience = PATIENCE;
    }).then(resolve, reject);
  });
}
