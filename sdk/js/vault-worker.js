// The worker of the vault: `gatepass/vault-worker`, a file of its own, which a page serves from its own origin. It alone
// deals with the refresh token. It speaks to the endpoints that the token came from, and to no other; what it is told is
// one of a closed set, with no address in it but at a sign-in:
//
//     a code is redeemed    the token that comes of it is kept, with the endpoints
//     tokens are renewed    with the token that is kept
//     tokens are revoked    the same, and nothing is kept
//
// A page has the rest of the answer, and in the place of the token `in the vault`, the sign-in that it is of, and a
// number. So it never gets the tokens of another sign-in: of one that another tab has made, or one that came to nothing.
//
// What is kept is `tokens`, a `Map` from a sign-in to its `token` and `endpoints`, and the `count` of its changes. The
// sign-in before the last is there until the last one is used: until then a page may still go on with it.

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

const NOTHING = { count: 0, tokens: new Map() };

/** What could not be written down, by its key: it lasts as long as the page. */
const unwritten = new Map();

/** One at a time, in all tabs: the next one has the token that the one before has got. */
async function locked(name, step) {
  return navigator.locks ? navigator.locks.request(`${name} vault`, step) : step();
}

async function act({ name, act, form, endpoints, proof }) {
  const key = `${name} vault`;
  const fields = new URLSearchParams(form);
  const { count, tokens } = await newest(key);
  const keep = (answer, others, id, endpoints) => keepToken(key, answer, count + 1, others, id, endpoints);
  if (act === 'token' && fields.get('grant_type') === 'authorization_code') {
    return keep(await post(endpoints.token, fields, proof), [...tokens].slice(-1), crypto.randomUUID(), endpoints);
  }
  const isRenewal = act === 'token';
  // The access token is the page's own.
  if (!isRenewal && fields.get('token_type_hint') !== 'refresh_token') return revokeAccess(tokens, fields);
  const place = isRenewal ? 'refresh_token' : 'token';
  const [, id] = /^in the vault (\S+)/.exec(fields.get(place)) ?? [];
  const found = tokens.get(id);
  if (!found) return { status: 400, headers: {}, body: '{"error":"invalid_grant"}' };
  fields.set(place, found.token);
  const isLast = [...tokens.keys()].at(-1) === id;
  if (isRenewal) return keep(await post(found.endpoints.token, fields, proof), isLast ? [] : [...tokens], id, found.endpoints);
  tokens.delete(id);
  unwritten.delete(key);
  await (isLast ? drop(key) : put(key, { count: count + 1, tokens }));
  return post(found.endpoints.revocation, fields);
}

/** What is written down, unless that failed, and no other tab has written since. */
async function newest(key) {
  const held = unwritten.get(key);
  const found = await find(key).catch((error) => {
    if (!held) throw error;
  });
  return held && !(found?.count >= held.count) ? held : (found ?? NOTHING);
}

function revokeAccess(tokens, fields) {
  const last = [...tokens.values()].at(-1);
  return last ? post(last.endpoints.revocation, fields) : { status: 200, headers: {}, body: '' };
}

async function post(url, body, proof) {
  const headers = proof ? { dpop: proof } : {};
  const response = await fetch(url, {
    method: 'POST', body, headers, credentials: 'omit', redirect: 'error', signal: AbortSignal.timeout(TIMEOUT),
  });
  const told = TOLD.map((name) => [name, response.headers.get(name)]).filter(([, value]) => value);
  return { status: response.status, headers: Object.fromEntries(told), body: await response.text() };
}

/** Takes the refresh token out of an answer, and keeps it as that of the sign-in `id`, beside `others`. */
async function keepToken(key, answer, count, others, id, endpoints) {
  let json;
  try {
    json = JSON.parse(answer.body);
  } catch {
    return answer;
  }
  if (typeof json?.refresh_token !== 'string') return answer;
  const kept = { count, tokens: new Map(others).set(id, { token: json.refresh_token, endpoints }) };
  unwritten.set(key, kept);
  await put(key, kept).then(() => unwritten.delete(key), () => {});
  // Another name for each, so that tabs see that it is another.
  const body = JSON.stringify({ ...json, refresh_token: `in the vault ${id} ${crypto.randomUUID()}` });
  return { ...answer, body };
}
