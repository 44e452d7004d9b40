// Signing in: leaving for the provider, and what it sends the user back with.

import { tellTabs } from './channel.js';
import { ask, parsed, prefixed } from './core.js';
import { metadata } from './discovery.js';
import { GatepassError } from './error.js';
import { base64url, randomBytes, sha } from './host.js';
import { verifiedClaims } from './id-token.js';
import { clean, leave } from './page.js';
import { keep, recall } from './session.js';
import { read, remember } from './web-storage.js';
import { SLOW, exchange, persist } from './transport.js';
import { MARK, handOver } from './window-answer.js';

const USED = 'used';

/** How long a pushed request is waited for, in milliseconds; the request can go without. */
const PUSH_TIMEOUT = 3_000;

/** `client.login`: `via` is another way than leaving the page. */
export async function login(client, { via, ...wishes } = {}) {
  if (via) return via(client, wishes);
  const { state, record, url } = await prepareRequest(client, wishes);
  if (!remember(nameOf(client, state), record)) throw new GatepassError('storage_unavailable');
  leave(client, url);
}

/** What a request is remembered by: of this client alone, or one provider could be handed another's answer (RFC 9700 §4.4). */
const nameOf = ({ key }, state) => `${state} ${key}`;

/** A request with secrets of its own: the `url` that makes it, and the `record` that its answer needs. */
export async function prepareRequest(client, wishes, mark = '') {
  const json = await metadata(client);
  if (!crypto.subtle) throw new GatepassError('unsupported', 'WebCrypto, without https');
  const verifier = base64url(randomBytes(32));
  const { url, parameters, state, ...record } = ask(client, 'authorize', {
    ...wishes,
    state: base64url(randomBytes(16)) + mark,
    nonce: base64url(randomBytes(16)),
    verifier,
    challenge: base64url(await sha(256, verifier)),
    jkt: await client.options.dpop?.thumbprint(client),
  }, { json });
  const { pushed_authorization_request_endpoint: endpoint } = json;
  const request = { url, parameters, state, record: JSON.stringify(record) };
  if (endpoint) await push(client, request, endpoint, json.require_pushed_authorization_requests);
  return request;
}

/**
 * Sends the request ahead (RFC 9126), so that the address only names it. There is no secret in it, so what
 * fails must not keep anyone from signing in: the request then goes in the address, unless the provider takes
 * no such request. If it is the request that is wrong, the provider says so there.
 */
async function push(client, request, endpoint, required) {
  const reply = await exchange(client, 'push', endpoint, request.parameters, PUSH_TIMEOUT);
  const { request_uri } = reply.json ?? {};
  if (request_uri) {
    const named = new URLSearchParams({ client_id: client.options.clientId, request_uri });
    request.url = request.url.replace(request.parameters, named);
  } else if (required) {
    ask(client, 'check', {}, reply);
  }
}

/** Calls at the same time for the same answer share one sign-in. */
export async function handleCallback(client, address) {
  const url = new URL(address, globalThis.location?.href);
  const { callbacks } = client;
  const state = url.searchParams.get('state');
  if (state?.endsWith(MARK)) return handOver(state, url);
  return (callbacks[state] ??= completeHere(client, url, state).finally(() => delete callbacks[state]));
}

/** The answer in the address, with what was remembered for it under `state`. Both are used up by it. */
async function completeHere(client, url, state) {
  await metadata(client);
  const key = nameOf(client, state);
  const record = read(key);
  if (record) remember(key, USED);
  try {
    const done = completeSignIn(client, url.search, record);
    clean(url);
    return await done;
  } catch (error) {
    if (error.code !== 'callback_missing') clean(url);
    throw error.code === 'callback_foreign' && record ? new GatepassError('callback_used') : error;
  }
}

/** Makes a session of an answer and the `record` of its request. */
export async function completeSignIn(client, query, record) {
  const json = await metadata(client);
  const answer = [...new URLSearchParams(query)];
  const fields = Object.fromEntries(answer);
  const given = {
    ...prefixed('query.', fields),
    ...prefixed('record.', parsed(record)),
    repeated: answer.length > Object.keys(fields).length || undefined,
  };
  const { body, return_to: returnTo, ...expected } = ask(client, 'redeem', given, { json });
  const reply = await persist(client, 'token', json.token_endpoint, body, SLOW);
  const said = { ...expected, ...(await verifiedClaims(client, reply)), ...(await recall(client)) };
  await keep(client, ask(client, 'sign_in', said, reply));
  tellTabs(client);
  return { returnTo };
}
