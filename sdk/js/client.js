// The client: everything that waits. It asks the core what to do and does it.
//
//   configuration   the core is started, and given the options
//   fetch           a request with the token; after a 401, `refresh` and once more   (user)
//   refresh         the tokens are renewed, once for all who want it
//   sign-in         to the provider, and back with a code
//   sign-out        here at once, then at the provider
//        |
//   discovery revocation   what the provider is asked besides
//   transport              requests: the time-outs, and the further tries
//   session   storage      the tokens, in memory and in the store
//   core                   `ask`: every decision, made in Rust
//   events history page host error
//
// Each is a file. Its functions get what the client knows, `ClientState`, as their first parameter.

import { ready } from './configuration.js';
import { listen } from './events.js';
import { fetchWithToken } from './fetch.js';
import { explain, note } from './history.js';
import { refreshTokens } from './refresh.js';
import { expireAccessToken } from './revocation.js';
import { recall } from './session.js';
import { handleCallback, login } from './sign-in.js';
import { logout } from './sign-out.js';
import { user } from './user.js';

/**
 * What one client knows: the `client` of the other files. Only the file that is named beside a field
 * writes it.
 *
 * @typedef {object} ClientState
 * @property {object} options as `createClient` got them
 * @property {() => Promise<() => { call(parameters: string): string }>} start resolves to what makes a core
 * @property {Map<string, Set<Function>>} listeners events: by type
 * @property {Map<string, Promise<object>>} callbacks sign-in: the answers that are taken now, by `state`
 * @property {object[]} history history: what happened and why
 * @property {{ generation?: string, access?: string, record?: string }} session session: as the core
 *   said it last; without `access`, nobody is signed in
 * @property {Promise<void>} [starting] configuration
 * @property {{ call(parameters: string): string }} [core] configuration
 * @property {{ first: string, second: string }} [locations] configuration: of the discovery document
 * @property {Set<string>} [origins] configuration: who gets the token
 * @property {Promise<object>} [discovery] discovery: the provider's metadata
 * @property {Promise<void>} [renewal] refresh: the one under way, or the last
 */

/**
 * A client. `options` are those of `createClient`; `start` is called when a core is first
 * needed, and resolves to what makes one.
 */
export function makeClient(options, start) {
  /** @type {ClientState} */
  const client = { options: { ...options }, start, listeners: new Map(), callbacks: new Map(), history: [] };
  // Until the core is started, a record in the store stands for a token, so that `signedIn` is true
  // from the first.
  client.session = { access: recall(client) };

  const whenReady = (call, step) => async (...given) => {
    try {
      await ready(client);
      return await step(client, ...given);
    } catch (error) {
      note(client, 'failed', { error: error?.name === 'GatepassError' ? error.code : error?.name }, call);
      throw error;
    }
  };
  const callback = whenReady('handleCallback', handleCallback);

  return {
    get signedIn() {
      return !!client.session.access;
    },
    login: whenReady('login', login),
    // The page may change its address while the core starts.
    handleCallback: async (address = location.href) => callback(address),
    fetch: whenReady('fetch', fetchWithToken),
    refresh: whenReady('refresh', refreshTokens),
    user: whenReady('user', user),
    logout: whenReady('logout', logout),
    expireAccessToken: whenReady('expireAccessToken', expireAccessToken),
    explain: () => explain(client),
    on: (type, listener) => listen(client, type, listener),
  };
}
