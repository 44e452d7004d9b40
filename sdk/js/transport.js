// Requests: sent, timed out, and tried again while the core says so.

import { ask } from './core.js';
import { emit } from './events.js';
import { now, randomBytes, sleep } from './host.js';

// TRY_TIMEOUT_MS and LAST_TRY_SECONDS of core/src/rp/retry.rs; a test holds them to it.
const TRY_TIMEOUT = 6_000;
const LAST_TRY = 21;

/** `fetch`, and the `request` event. */
export async function send(client, kind, request) {
  const begun = performance.now();
  let status = 0;
  try {
    const response = await (client.options.fetch ?? fetch)(request);
    status = response.status;
    return response;
  } finally {
    const durationMs = performance.now() - begun;
    emit(client, 'request', { method: request.method, url: request.url, status, durationMs, kind });
  }
}

/** A request of the client's own: no cookies, no redirect that could carry it elsewhere. */
export async function exchange(client, kind, url, body, timeout = TRY_TIMEOUT) {
  const request = new Request(url, {
    method: body === undefined ? 'GET' : 'POST',
    body: body === undefined ? undefined : new URLSearchParams(body),
    credentials: 'omit',
    redirect: 'error',
    // A revocation outlives the page that it signs out of.
    keepalive: body !== undefined,
    signal: AbortSignal.timeout(timeout),
  });
  try {
    return await replyOf(await send(client, kind, request));
  } catch (error) {
    return { status: error?.name === 'TimeoutError' ? undefined : 0 };
  }
}

/** Sends a request until it is answered, or the core gives up. `body` may say at each try that it is over. */
export async function persist(client, kind, url, body) {
  const begun = now();
  for (let tries = 1; ; tries++) {
    const form = body?.();
    if (body && form === undefined) return { status: 0 };
    const reply = await exchange(client, kind, url, form);
    const [jitter] = randomBytes(1);
    const { wait } = ask(client, 'pause', { tries, jitter }, reply);
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
  const isObject = typeof json === 'object' && json !== null;
  // Of another origin, only if it lets pages read it.
  const date = Date.parse(headers.get('date')) / 1000 || undefined;
  return { status, date, retryAfter: headers.get('retry-after') ?? undefined, json: isObject ? json : undefined };
}
