// Requests: proven, sent, timed out, and tried again while the core says so.
//
// The option `dpop` is dpop.js: it puts into a request what proves a key, and takes out of an answer what the
// next proof needs; `learn` is true if the same request should be made once more with that.

import { ask } from './core.js';
import { emit } from './events.js';
import { now, sleep } from './host.js';

// TRY_TIMEOUT_MS and LAST_TRY_SECONDS of core/src/rp/retry.rs; a test holds them to it.
const TRY_TIMEOUT = 6_000;
const LAST_TRY = 21;

/** How long a try may take, in milliseconds, where asking again before there is an answer is in vain, or looks like a theft. */
export const SLOW = 20_000;

/** How long a provider may take to answer with tokens, or another tab to get them, if longer than usual: it knows no repeated request. */
export const slowness = ({ gatepass_idempotency_key_supported: knowsKeys }) => (knowsKeys ? undefined : SLOW);

/**
 * Sends the request that `make` makes, with the token `access` if there is one. It may be made a second
 * time for another proof; if `make` makes none then, that is that.
 */
export async function send(client, kind, make, access) {
  const { dpop } = client.options;
  let request = make();
  let response;
  for (let tries = 0; request && tries < 2; tries++) {
    if (access) request.headers.set('authorization', `Bearer ${access}`);
    if (access || kind === 'token') await dpop?.prove(client, request, access);
    response = await sendOnce(client, kind, request);
    if (!(await dpop?.learn(request, response))) break;
    request = make();
  }
  return response;
}

/** `fetch`, or who keeps the refresh token; and the `request` event. */
async function sendOnce(client, kind, request) {
  const begun = performance.now();
  const { storage } = client;
  const kept = /token|revocation/.test(kind) && storage?.send;
  let status = 0;
  try {
    const response = await (kept ? storage.send(request, client) : (client.options.fetch ?? fetch)(request));
    status = response.status;
    return response;
  } finally {
    const durationMs = performance.now() - begun;
    emit(client, 'request', { method: request.method, url: request.url, status, durationMs, kind });
  }
}

/** A request of the client's own: no cookies, no redirect that could carry it elsewhere. */
export async function exchange(client, kind, url, body, timeout = TRY_TIMEOUT) {
  const signal = AbortSignal.timeout(timeout);
  const make = () => new Request(url, {
    // A revocation outlives the page that it signs out of.
    ...(body && { method: 'POST', body: new URLSearchParams(body), keepalive: true }),
    credentials: 'omit',
    redirect: 'error',
    signal,
  });
  try {
    return await replyOf(await send(client, kind, make));
  } catch (error) {
    return error.reply ?? withoutAnswer(error);
  }
}

/** What stands for the answer if there is none: not in time, not at all, or because of what we know better ourselves. */
export function withoutAnswer(error) {
  const { name } = error;
  return { status: name === 'TimeoutError' ? undefined : 0, failed: name === 'GatepassError' ? error : undefined };
}

/** Sends a request until it is answered, or the core gives up. */
export async function persist(client, kind, url, body, timeout) {
  const begun = now();
  for (let tries = 1; ; tries++) {
    const reply = await exchange(client, kind, url, body, timeout);
    const { wait } = ask(client, 'pause', { tries }, reply);
    if (!wait || now() - begun + wait / 1000 > LAST_TRY) return reply;
    await sleep(wait);
  }
}

/** What came of a request: its status, and its JSON if it is some. */
export async function replyOf(response) {
  const json = await response.json().catch((error) => {
    // What is not JSON is not an answer; what breaks off is none either.
    if (!(error instanceof SyntaxError)) throw error;
  });
  const { status, headers } = response;
  // Of another origin, only if it lets pages read it.
  const date = Date.parse(headers.get('date')) / 1000 || undefined;
  const after = headers.get('retry-after');
  // A date is by the server's clock: without that it says nothing.
  const retryAfter = /:/.test(after) ? Date.parse(after) / 1000 - date : after;
  return { status, retryAfter, date, json: Object(json) === json ? json : undefined };
}
