// The client of an application behind the gateway. The gateway has the tokens, the browser a cookie that no
// script can read; so there is nothing to decide here that would want the core, and no wasm.
//
//   gateway           fetch, login, logout                  (replay)
//   gateway-tabs      what happens to the page, and in the others
//   gateway-session   who is signed in, as the gateway said it last; renewing it, once for all who want it   (lock)
//   gateway-question   what the gateway is asked
//   gateway-arrival   telling the other tabs of a sign-in                                                    (channel)
//
// What else it uses is the other client's, and comes without the core.

import { tellTabs } from './channel.js';
import { GatepassError } from './error.js';
import { listen } from './events.js';
import { repeated } from './fetch.js';
import { rememberSignIn } from './gateway-arrival.js';
import { GUARD, askGateway, originOf, refusalOf } from './gateway-question.js';
import { joinRenewal, ready, settle } from './gateway-session.js';
import { meetTabsOfGateway } from './gateway-tabs.js';
import { explain, noted } from './history.js';
import { unlessAborted } from './host.js';
import { leave } from './page.js';
import { send } from './transport.js';

/**
 * What a client of the gateway knows: the `client` of these files.
 *
 * @typedef {object} GatewayState
 * @property {object} options as `createGatewayClient` got them
 * @property {string} key the name of the lock and of the channel
 * @property {Map<string, Set<Function>>} listeners events: by type
 * @property {object[]} history history: what happened and why
 * @property {{ user: object | null, who?: string, ended?: string, expiresAt?: number, soon?: number, since: number[], at: number }} [session]
 *   what the gateway said last and when; `soon` seconds after `since` the session is to be kept alive; nothing while
 *   that is unknown
 * @property {number} asked how many questions were put to the gateway
 * @property {number} settled the question whose answer `session` is
 * @property {Promise<void>} [looking] the first question
 * @property {Promise<void>} [renewal] the renewal under way
 * @property {number} renewals how many there were, in any tab
 * @property {Error} [setback] why the last one failed, or the first question
 * @property {number} failures how many failed in a row
 * @property {number} until until when the gateway is left alone, by the clock that never goes back
 * @property {BroadcastChannel} [channel] the other tabs
 */

export function createGatewayClient(options = {}) {
  /** @type {GatewayState} */
  const client = {
    options, key: 'gatepass.gateway', listeners: new Map(), history: [], asked: 0, settled: 0, renewals: 0, failures: 0, until: 0,
  };
  meetTabsOfGateway(client);

  return {
    get signedIn() {
      return client.session && !!client.session.user;
    },
    ready: noted(client, 'ready', ready),
    login: noted(client, 'login', login),
    fetch: noted(client, 'fetch', fetchThroughGateway),
    refresh: noted(client, 'refresh', refresh),
    user: noted(client, 'user', user),
    logout: noted(client, 'logout', logout),
    explain: () => explain(client),
    on: (type, listener) => listen(client, type, listener),
  };
}

async function fetchThroughGateway(client, input, init) {
  const request = new Request(input, init);
  const { origin, pathname } = new URL(request.url);
  if (origin !== originOf(client) || !pathname.startsWith('/api/')) return send(client, 'api', () => request);

  const body = repeated(request, input, init);
  const make = () => {
    const made = body();
    made?.headers.set(...GUARD);
    return made;
  };
  const { renewals, session: { who } = {} } = client;
  const response = await send(client, 'api', make);
  if (response.status !== 401 || isSignedOut(client) || wantsMoreThanAToken(response)) return response;
  // One that was on its way while another renewed needs no renewal of its own.
  if (client.renewals === renewals) await unlessAborted(joinRenewal(client), request.signal);
  // What one user has begun is not done as another.
  if (isSignedOut(client) || (who && client.session.who !== who)) return response;
  if (body.once) throw Object.assign(new GatepassError('not_replayable'), { response });
  // What is not read keeps its connection.
  response.body?.cancel().catch(() => {});
  return send(client, 'api', make);
}

const isSignedOut = ({ session }) => session?.user === null;

/** Whether a 401 is about scope or fresh proof (RFC 6750 §3.1, RFC 9470 §3): a renewal changes nothing. */
const wantsMoreThanAToken = ({ headers }) => /error="?insufficient_/.test(headers.get('www-authenticate'));

async function login(client, { returnTo = '/', provider } = {}) {
  const origin = originOf(client);
  const isPath = /^\/(?![/\\])/.test(returnTo) && new URL(returnTo, origin).origin === origin;
  if (!isPath) throw new GatepassError('invalid_return_to');
  rememberSignIn(client);
  const url = new URL('/login', origin);
  url.searchParams.set('return_to', returnTo);
  if (provider) url.searchParams.set('provider', provider);
  leave(client, url.href);
}

/** Whoever is still signed in has the cookie still: only the gateway can take it away. */
async function logout(client, { provider = true } = {}) {
  const reply = await askGateway(client, '/logout', 'POST');
  if (reply.status !== 200) throw refusalOf(reply);
  settle(client, { user: null }, ++client.asked);
  tellTabs(client, { what: 'out' });
  const { redirect = '/' } = reply.json ?? {};
  if (provider && redirect !== '/') leave(client, new URL(redirect, originOf(client)).href);
}

async function refresh(client) {
  await joinRenewal(client);
  const { user, ended } = client.session;
  if (!user) throw new GatepassError(ended ? 'session_ended' : 'signed_out', '', ended);
}

async function user(client) {
  await ready(client);
  return client.session.user;
}
