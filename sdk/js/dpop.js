// Proof of possession (DPoP, RFC 9449): tokens that are of no use without a key, which no script can read out.
//
// One key for each client of this origin, in IndexedDB: all tabs prove the same. What one tab learns of a server, its
// newest nonce and its clock, it keeps to itself; it learns it anew with one request.

import { metadata } from './discovery.js';
import { GatepassError } from './error.js';
import { base64url, now, randomBytes, sha } from './host.js';
import { find, transact } from './indexed-db.js';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** How wrong a clock may be before a proof is made anew for it, in seconds. */
const SKEW = 5;

/** What the provider would say, if it knew, to a token whose key is gone. */
const KEY_LOST = { status: 400, json: { error: 'invalid_grant', gatepass_reason: 'key_lost' } };

/** The option `dpop`: tokens are bound to a key wherever the provider offers it. */
export function dpop() {
  /** By origin: the newest `nonce`, and `skew`, how far the server's clock is ahead. */
  const servers = new Map();
  let memory;

  const at = (url) => {
    const { origin } = new URL(url);
    if (!servers.has(origin)) servers.set(origin, { skew: 0 });
    return servers.get(origin);
  };

  /** The key; one that is made while another tab makes one gives way. */
  async function keyOf(client, make) {
    const name = nameOf(client);
    try {
      const found = await find(name);
      if (found || !make) return found ?? memory;
      const made = await makeKey();
      return await transact('readwrite', (store, finish) => {
        const request = store.get(name);
        request.onsuccess = () => {
          if (!request.result) store.put(made, name);
          finish(request.result ?? made);
        };
      });
    } catch {
      // No IndexedDB: the key is as long-lived as the page.
      if (make) memory ??= await makeKey();
      // One that only does not answer now may have the key all the same.
      if (!memory && globalThis.indexedDB) throw new GatepassError('storage_unavailable');
      return memory;
    }
  }

  return {
    /** The thumbprint that a code is to be bound to (RFC 9449 §10), if the provider offers it. */
    async thumbprint(client) {
      return (await isOffered(client)) ? (await keyOf(client, true)).thumbprint : undefined;
    },

    /**
     * Puts a proof into a token request, or one with the token `access`, if the session is bound to the key. One that
     * was begun without goes on without.
     */
    async prove(client, request, access) {
      const isRedemption = !access && !(await request.clone().text()).includes('grant_type=refresh_token');
      if (!(isRedemption ? await isOffered(client) : client.session.record?.bound)) return;
      const key = await keyOf(client, isRedemption);
      if (!key) {
        if (access) return;
        // What the key has bound is of no use to anybody any more.
        throw Object.assign(new GatepassError('session_ended'), { reply: KEY_LOST });
      }
      const { nonce, skew } = at(request.url);
      const payload = {
        jti: base64url(randomBytes(16)),
        htm: request.method,
        htu: request.url.replace(/[?#].*/s, ''),
        iat: now() + skew,
        nonce,
        ath: access && base64url(await sha(256, access)),
      };
      request.headers.set('dpop', await signed(key, payload));
      if (access) request.headers.set('authorization', `DPoP ${access}`);
    },

    /** Takes what an answer says for the next proof; true if the same request is to be made with it once more. */
    async learn(request, response) {
      if (!request.headers.has('dpop')) return false;
      const server = at(request.url);
      const before = { ...server };
      const { status, headers } = response;
      server.nonce = headers.get('dpop-nonce') ?? server.nonce;
      // An answer out of a cache has an old date.
      const date = request.method === 'GET' && status < 400 ? NaN : Date.parse(headers.get('date')) / 1000;
      if (Math.abs(date - now() - server.skew) > SKEW) server.skew = Math.floor(date) - now();
      if (status !== 400 && status !== 401) return false;
      const refusal = await refusalOf(request, response);
      return (refusal.includes('use_dpop_nonce') && server.nonce !== before.nonce)
        || (refusal.includes('invalid_dpop_proof') && server.skew !== before.skew);
    },

    /** Whoever signs out leaves no key behind. */
    async forget(client) {
      memory = undefined;
      await transact('readwrite', (store) => store.delete(nameOf(client))).catch(() => {});
    },
  };
}

const nameOf = ({ key }) => `${key} key`;

async function isOffered(client) {
  const { dpop_signing_alg_values_supported: algorithms } = await metadata(client);
  return !!algorithms?.includes('ES256');
}

async function makeKey() {
  // Extractable is what is public of it.
  const { privateKey, publicKey } = await crypto.subtle.generateKey(ALGORITHM, false, ['sign']);
  const { crv, kty, x, y } = await crypto.subtle.exportKey('jwk', publicKey);
  const jwk = { crv, kty, x, y };
  // RFC 7638: just these members, in this order.
  return { privateKey, jwk, thumbprint: base64url(await sha(256, JSON.stringify(jwk))) };
}

async function signed({ privateKey, jwk }, payload) {
  const part = (value) => base64url(new TextEncoder().encode(JSON.stringify(value)));
  const input = `${part({ typ: 'dpop+jwt', alg: 'ES256', jwk })}.${part(payload)}`;
  const signature = await crypto.subtle.sign(ALGORITHM, privateKey, new TextEncoder().encode(input));
  return `${input}.${base64url(new Uint8Array(signature))}`;
}

/** Why a server refuses: an API in a header, the provider in its answer. */
async function refusalOf(request, response) {
  const challenge = response.headers.get('www-authenticate');
  // The body is the application's, and may never end.
  if (challenge || request.headers.has('authorization')) return challenge ?? '';
  return response.clone().text().catch(() => '');
}
