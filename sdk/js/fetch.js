// Calls with the token: who gets it, and what a 401 means.

import { ask } from './core.js';
import { joinRefresh } from './refresh.js';
import { adoptStored } from './session.js';
import { send } from './transport.js';

/** `client.fetch`: with the token, if the request goes to one of its origins and brings none of its own. */
export async function fetchWithToken(client, input, init) {
  const request = new Request(input, init);
  if (!client.origins.has(new URL(request.url).origin) || request.headers.has('authorization')) {
    return send(client, 'api', request);
  }
  return sendWithToken(client, 'api', request, repeatable(request, input, init));
}

/** Makes the same request once more, if that can be done. Copying a body is slow, so it is the last resort. */
function repeatable(request, input, init) {
  if (['GET', 'HEAD'].includes(request.method)) return () => request;
  if (init?.body instanceof ReadableStream) return undefined;
  if (!(input instanceof Request)) return () => new Request(request.url, init);
  const copy = request.clone();
  return () => copy;
}

/** Sends a request with the token; a 401 renews the token and repeats the request once, as `again` makes it. */
export async function sendWithToken(client, kind, request, again) {
  if (!client.session.access) return send(client, kind, request);
  const { generation } = client.session;
  const response = await send(client, kind, bearing(client, request));
  if (response.status !== 401) return response;
  const renewed = renew(client, generation);
  if (!again) {
    // The caller can send it anew; by then the token should be good.
    await renewed.catch(() => {});
    return response;
  }
  return (await renewed) ? send(client, kind, bearing(client, again())) : response;
}

function bearing({ session }, request) {
  request.headers.set('authorization', `Bearer ${session.access}`);
  return request;
}

/** Sees to it that there is another token than the rejected one; false if there will be none. */
async function renew(client, generation) {
  adoptStored(client);
  const verdict = ask(client, 'rejected', { generation }).do;
  if (verdict === 'refresh') {
    await joinRefresh(client).catch((error) => {
      if (client.session.access) throw error;
    });
  }
  return verdict !== 'return' && !!client.session.access;
}
