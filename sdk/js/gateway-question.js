// Questions to the gateway about the session.

import { GatepassError } from './error.js';
import { replyOf, send } from './transport.js';

/** What a request needs that no page of another origin can send. */
export const GUARD = ['x-gatepass-csrf', '1'];

/** How long the gateway may take, in milliseconds. */
const TIMEOUT = 12_000;

export function originOf({ options }) {
  try {
    return new URL(options.gateway ?? location.origin).origin;
  } catch {
    throw new GatepassError('invalid_options', 'gateway');
  }
}

/** Asks the gateway itself: its status, and its JSON. */
export async function askGateway(client, path, method = 'GET') {
  const request = new Request(new URL(path, originOf(client)), {
    method, headers: [GUARD], cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(TIMEOUT),
  });
  try {
    return await replyOf(await send(client, 'session', () => request));
  } catch (error) {
    throw new GatepassError(error?.name === 'TimeoutError' ? 'timeout' : 'network_error');
  }
}

/** What an answer means that is none. */
export function refusalOf({ status, retryAfter }) {
  const passes = status === 408 || status === 429 || status >= 500;
  const code = passes ? 'server_error' : status === 200 ? 'invalid_response' : 'request_refused';
  return Object.assign(new GatepassError(code, '', '', status), { retryAfter });
}

/** A session as the gateway describes it, and the number of the question. */
export async function question(client, path, method) {
  const number = ++client.asked;
  const reply = await askGateway(client, path, method);
  const { status, json, date } = reply;
  if (status === 401 && json?.code === 'not_signed_in') return [{ user: null, ended: json.ended }, number];
  if (status !== 200 || json?.user === undefined) throw refusalOf(reply);
  return [{ ...json, date }, number];
}
