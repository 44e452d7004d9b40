// The client: everything that waits. It asks the core what to do and does it.
//
//   configuration   the core is started, and given the options
//   fetch           a request with the token; after a 401, `refresh` and once more   (user)
//   refresh         the tokens are renewed, once for all who want it                 (lock)
//   sign-in         to the provider, and back with a code
//   sign-out        here at once, then at the provider
//   tabs            what happens to the page, and in the others
//        |
//   discovery revocation   what the provider is asked besides
//   transport              requests: the time-outs, and the further tries
//   session   storage      the tokens, in memory and in the storage; in that of tabs and their duplicates: tab-storage
//   core                   `ask`: every decision, made in Rust                       (wasm)
//   events history page host error
//
// Each is a file. Its functions get what the client knows, `ClientState`, as their first parameter.

import { ready } from './configuration.js';
import { parsed } from './core.js';
import { listen } from './events.js';
import { fetchWithToken } from './fetch.js';
import { explain, noted } from './history.js';
import { makePatience } from './patience.js';
import { joinRefresh } from './refresh.js';
import { expireAccessToken } from './revocation.js';
import { handleCallback, login } from './sign-in.js';
import { logout } from './sign-out.js';
import { storageOf } from './storage.js';
import { meetTabs } from './tabs.js';
import { user } from './user.js';

/**
 * What one client knows: the `client` of the other files. Only the file that is named beside a field
 * writes it.
 *
 * @typedef {object} ClientState
 * @property {object} options as `createClient` got them
 * @property {() => Promise<() => { call(parameters: string): string }>} start resolves to what makes a core
 * @property {Map<string, Set<Function>>} listeners events: by type
 * @property {Record<string, Promise<object>>} callbacks sign-in: the answers that are taken now, by `state`
 * @property {object[]} history history: what happened and why
 * @property {object} [storage] where the session record is kept besides: storage.js
 * @property {string} key the record's name in it, and that of the lock and the channel
 * @property {{ record?: object, access?: string, soon?: string, stale?: string, since?: number[] }} session
 *   session: as the core said it last, and when the token was `soon` seconds from its end; without
 *   `access`, nobody is signed in
 * @property {string} [saved] session: what the storage has, as far as anybody knows
 * @property {(attempt: Function) => Promise} patiently session: waits for the storage, but not for ever
 * @property {Promise<void>} saving session: the end of the last change of the storage
 * @property {Promise<void>} [starting] configuration
 * @property {{ call(parameters: string): string }} [core] configuration
 * @property {{ first: string, second: string }} [locations] configuration: of the discovery document
 * @property {Set<string>} [origins] configuration: who gets the token
 * @property {Promise<object>} [discovery] discovery: the provider's metadata
 * @property {{ of: string, done: Promise<void> }} [renewal] refresh: the one under way, and of which sign-in
 * @property {object} [circuit] refresh: how long to leave the provider alone, as the core said it
 * @property {Error} [setback] refresh: why
 * @property {BroadcastChannel} [channel] tabs
 */

/**
 * A client. `options` are those of `createClient`; `start` is called when a core is first
 * needed, and resolves to what makes one.
 */
export function makeClient(options, start) {
  const { issuer, clientId, redirectUri, storage, scope = 'openid profile offline_access read' } = options;
  /** @type {ClientState} */
  const client = {
    options: { ...options, scope, redirectUri: onThisOrigin(redirectUri) },
    start,
    listeners: new Map(),
    callbacks: { __proto__: null },
    history: [],
    storage: storageOf(storage),
    key: `gatepass.session ${issuer} ${clientId}`,
    patiently: makePatience(),
    saving: Promise.resolve(),
  };
  const record = remembered(client);
  client.session = { record, access: record?.access };
  meetTabs(client);

  const calls = {
    ready() {},
    login,
    handleCallback,
    fetch: fetchWithToken,
    refresh: (client) => joinRefresh(client),
    user,
    logout,
    expireAccessToken,
  };
  for (const [call, step] of Object.entries(calls)) {
    calls[call] = noted(client, call, async (client, ...given) => {
      // The page may change its address while the core starts.
      if (step === handleCallback) given[0] ??= location.href;
      await ready(client);
      return step(client, ...given);
    });
  }

  return {
    get signedIn() {
      return !!client.session.access;
    },
    ...calls,
    explain: () => explain(client),
    on: (type, listener) => listen(client, type, listener),
  };
}

/** The whole address, if it is a path; on a server, where a page is rendered alone, the path. */
const onThisOrigin = (address) => (/^\//.test(address) ? (globalThis.location?.origin ?? '') + address : address);

/** What is remembered of a session, if the storage can say so at once: until the core is started, `signedIn` goes by that. */
function remembered({ storage, key }) {
  try {
    const found = (storage?.own ?? storage?.read)?.(key);
    // It is read once more, and then what fails is seen to.
    found?.catch?.(() => {});
    return parsed(found);
  } catch {
    return undefined;
  }
}
