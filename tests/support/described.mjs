// Every answer of a provider under test is as its description says, whatever the test is about: `fetch`
// fails where it is not.

import { contradiction } from './openapi.mjs';

const origins = new Set();
const plain = globalThis.fetch;

/** From now on the answers of this origin are held against the document. @param {string} origin */
export function describe(origin) {
  origins.add(origin);
}

globalThis.fetch = async function fetch(input, init) {
  const response = await plain(input, init);
  const { origin, pathname } = new URL(input.url ?? input);
  if (!origins.has(origin)) return response;
  const method = init?.method ?? input.method ?? 'GET';
  const problem = await contradiction(method, pathname, response);
  if (problem) throw new Error(`${method} ${pathname} does not answer as openapi.json says: ${problem}`);
  return response;
};
