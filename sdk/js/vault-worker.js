// The worker of the vault: `gatepass/vault-worker`, a file of its own, which a page serves from its own origin. It alone
// deals with the refresh token. It speaks to the endpoints that the token came from, and to no other; what it is told is
// one of a closed set, with no address in it but at a sign-in:
//
//     a code is redeemed    the token that comes of it is kept, with the endpoints
//     tokens are renewed    with the token that is kept, whatever the page gave in its place
//     tokens are revoked    the same, and nothing is kept
//
// A page has the rest of the answer, and `in the vault` in the place of the token.

import { drop, find, put } from './indexed-db.js';

/** How long a request may take, in milliseconds. The page gives up earlier, and an answer is kept all the same. */
const TIMEOUT = 20_000;

/** What of an answer's headers a page needs. */
const TOLD = ['content-type', 'retry-after', 'date', 'dpop-nonce'];

self.onmessage = async ({ data: { number, ...message } }) => {
  try {
    self.postMessage({ number, ...(await locked(message.name, () => act(message))) });
  } catch (error) {
    self.postMessage({ number, error: error.name });
  }
};

/** One at a time, in all tabs: the next one has the token that the one before has got. */
async function locked(name, step) {
  return navigator.locks ? navigator.locks.request(`${name} vault`, step) : step();
}

async function act({ name, act, form, endpoints, proof }) {
  const key = `${name} vault`;
  const fields = new URLSearchParams(form);
  if (act === 'token' && fields.get('grant_type') === 'authorization_code') {
    return keepToken(key, await post(endpoints.token, fields, proof), endpoints);
  }
  const kept = await find(key);
  if (!kept) return { status: 400, headers: {}, body: '{"error":"invalid_grant"}' };
  if (act === 'token') {
    fields.set('refresh_token', kept.token);
    return keepToken(key, await post(kept.endpoints.token, fields, proof), kept.endpoints);
  }
  // The access token is the page's own.
  if (fields.get('token_type_hint') !== 'refresh_token') return post(kept.endpoints.revocation, fields);
  await drop(key);
  fields.set('token', kept.token);
  return post(kept.endpoints.revocation, fields);
}

async function post(url, body, proof) {
  const headers = proof ? { dpop: proof } : {};
  const response = await fetch(url, {
    method: 'POST', body, headers, credentials: 'omit', redirect: 'error', signal: AbortSignal.timeout(TIMEOUT),
  });
  const told = TOLD.map((name) => [name, response.headers.get(name)]).filter(([, value]) => value);
  return { status: response.status, headers: Object.fromEntries(told), body: await response.text() };
}

/** Takes the refresh token out of an answer. */
async function keepToken(key, answer, endpoints) {
  let json;
  try {
    json = JSON.parse(answer.body);
  } catch {
    return answer;
  }
  if (answer.status !== 200 || typeof json?.refresh_token !== 'string') return answer;
  await put(key, { token: json.refresh_token, endpoints });
  // Another name for each, so that tabs see that it is another.
  const body = JSON.stringify({ ...json, refresh_token: `in the vault ${crypto.randomUUID()}` });
  return { ...answer, body };
}
