// Calls with the token: who gets it, and what a 401 means.

import { GatepassError } from './error.js';
import { note } from './history.js';
import { joinRefresh } from './refresh.js';
import { isDue } from './session.js';
import { send } from './transport.js';

/** `client.fetch`: with the token, if the request goes to one of its origins and brings none of its own. */
export async function fetchWithToken(client, input, init) {
  const request = new Request(input, init);
  if (!client.origins.has(new URL(request.url).origin) || request.headers.has('authorization')) {
    return send(client, 'api', () => request);
  }
  return sendWithToken(client, 'api', request.url, repeated(request, input, init), request.signal);
}

/**
 * Makes the request, and again each time that it is called; `once` if it cannot be made again, as with a
 * body that is a stream. Copying a body is slow, so it is the last resort.
 */
export function repeated(request, input, init) {
  // An address is what it was when the call began, wherever the page has gone since.
  const again = maker(request, input?.headers ? input : request.url, init ?? {});
  let made = 0;
  return Object.assign(() => (made++ ? again?.() : request), { once: !again });
}

function maker(request, input, init) {
  const { body, replay } = init;
  // Firefox does not say whether there is one.
  if (request.body === null || /GET|HEAD/.test(request.method)) return () => request;
  if (replay === 'never') return undefined;
  if (replay) return () => new Request(input, { ...init, body: replay(), duplex: 'half' });
  if (body?.getReader || body?.[Symbol.asyncIterator]) return undefined;
  if (body) return () => new Request(input, init);
  const copy = request.clone();
  return () => copy.clone();
}

/**
 * Sends a request with the token to an address; a 401 renews the token and repeats the request once. The signal ends
 * the call, not the refresh: a token that is spent must not be lost.
 */
export async function sendWithToken(client, kind, to, make, signal) {
  const of = signInOf(client);
  await freshen(client, make.once, signal);
  if (signInOf(client) !== of) throw new GatepassError('signed_out');
  const { access } = client.session;
  const response = await send(client, kind, make, access);
  if (response.status !== 401 || !access || isFromElsewhere(to, response)) return response;
  if (!(await renew(client, access, signal)) || signInOf(client) !== of) return response;
  if (make.once) throw Object.assign(new GatepassError('not_replayable'), { response });
  // What is not read keeps its connection.
  response.body?.cancel().catch(() => {});
  return send(client, kind, make, client.session.access);
}

/** Which sign-in: what one user has begun is not done as another, who has signed in meanwhile. */
const signInOf = ({ session }) => session.record.sign_in;

/** Renews a token that is about to expire: aside while it is good, before a call that could not be repeated. */
async function freshen(client, once, signal) {
  if (!isDue(client, 'soon')) return;
  note(client, 'decided', { verdict: 'early' }, 'fetch');
  const renewal = joinRefresh(client, signal).catch(() => signal?.throwIfAborted());
  if (once || isDue(client, 'stale')) await renewal;
  else renewal.catch(() => {});
}

/** Sees to it that there is another token than the rejected one; false if there will be none. */
async function renew(client, rejected, signal) {
  const { access } = client.session;
  const isCurrent = access === rejected;
  note(client, 'decided', { verdict: isCurrent ? 'refresh' : access ? 'repeat' : 'return' }, 'rejected');
  if (isCurrent) {
    await joinRefresh(client, signal).catch((error) => {
      if (error.code !== 'not_refreshable' && client.session.access) throw error;
    });
  } else {
    // What another tab renewed may have grown old since.
    await freshen(client, true, signal);
  }
  const { access: found } = client.session;
  return found && found !== rejected;
}

/** Whether a redirect led to another origin, where browsers send no token: its 401 says nothing of ours. */
function isFromElsewhere(to, { redirected, url }) {
  return redirected && new URL(url).origin !== new URL(to).origin;
}
