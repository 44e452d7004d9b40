// What every part of `npm test` returns: counts, and a line for each thing that failed.

/**
 * @typedef {object} Result
 * @property {number} passed
 * @property {number} failed
 */

/** One check that either holds or not. @param {boolean} holds @returns {Result} */
export function check(holds) {
  return { passed: holds ? 1 : 0, failed: holds ? 0 : 1 };
}

/** @param {Result[]} results @returns {Result} */
export function sum(results) {
  return {
    passed: results.reduce((count, { passed }) => count + passed, 0),
    failed: results.reduce((count, { failed }) => count + failed, 0),
  };
}
