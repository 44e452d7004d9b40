// What may fail by never answering: a storage, a database.

import { elapsed } from './host.js';

/** How long an attempt may take, in milliseconds. */
const PATIENCE = 3_000;

/** For how long nothing is attempted after that, in milliseconds. */
const BREAK = 30_000;

/** Makes what waits for the attempts at one thing, each a function, but not for ever. */
export function makePatience() {
  /** Until when, by the clock that never goes back. */
  let silentUntil = 0;
  return async (attempt) => {
    const silence = new Error('no answer');
    if (elapsed() < silentUntil) throw silence;
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => {
        silentUntil = elapsed() + BREAK;
        reject(silence);
      }, PATIENCE);
    });
    try {
      return await Promise.race([attempt(), late]);
    } finally {
      clearTimeout(timer);
    }
  };
}
