// The vault: a storage whose refresh token is in a worker (vault-worker.js), and never in the page.

import { metadata } from './discovery.js';
import { GatepassError } from './error.js';
import { indexedDbStorage } from './indexed-db.js';

/**
 * The option `storage`. `source` is where the file `gatepass/vault-worker` is served, on this origin; or a function that
 * makes the worker, for bundlers that want to see that.
 */
export function vault(source) {
  // Its origin would be nobody's, and have no storage.
  if (/^data:/.test(source)) throw new GatepassError('invalid_options', 'vault: the address of a file, not data:');
  let worker;
  let last = 0;
  const waiting = new Map();

  function start() {
    worker = typeof source === 'function' ? source() : new Worker(source, { type: 'module', name: 'gatepass-vault' });
    worker.onmessage = ({ data: { number, error, status, headers, body } }) => {
      const { resolve, reject } = waiting.get(number) ?? {};
      waiting.delete(number);
      if (error) reject?.(new TypeError(error));
      else resolve?.(new Response(body, { status, headers }));
    };
    worker.onerror = () => {
      // The file is missing, or refused: the next request tries again.
      worker = undefined;
      for (const { reject } of waiting.values()) reject(new GatepassError('unsupported', 'the vault does not start'));
      waiting.clear();
    };
  }

  return {
    ...indexedDbStorage(),

    /** Has the vault send a token or revocation request. What the page is told of the types is the request alone. */
    async send(request, client) {
      const { token_endpoint: token, revocation_endpoint: revocation } = await metadata(client);
      const form = await request.text();
      // By what is asked: an endpoint's address can be written in several ways.
      const act = new URLSearchParams(form).has('grant_type') ? 'token' : 'revocation';
      const message = { name: client.key, act, form, endpoints: { token, revocation }, proof: request.headers.get('dpop') };
      if (!worker) start();
      return new Promise((resolve, reject) => {
        const number = ++last;
        waiting.set(number, { resolve, reject });
        request.signal.addEventListener('abort', () => reject(request.signal.reason));
        worker.postMessage({ ...message, number });
      });
    },
  };
}
