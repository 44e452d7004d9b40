// The ID token: its signature is verified here, with the provider's keys; its claims the core checks.

import { ask } from './core.js';
import { metadata } from './discovery.js';
import { GatepassError } from './error.js';
import { base64url, bytesOf, sha } from './host.js';
import { persist } from './transport.js';

// By `alg` (RFC 7518 §3.1, RFC 8037 §3.1): what WebCrypto is told. `kty` and `bits` of the hash are for us.
const hash = 'SHA-256';
const ALGORITHMS = {
  ES256: { kty: 'EC', name: 'ECDSA', namedCurve: 'P-256', hash },
  RS256: { kty: 'RSA', name: 'RSASSA-PKCS1-v1_5', hash },
  PS256: { kty: 'RSA', name: 'RSA-PSS', saltLength: 32, hash },
  EdDSA: { kty: 'OKP', name: 'Ed25519', bits: 512 },
};
// The name since RFC 9864.
ALGORITHMS.Ed25519 = ALGORITHMS.EdDSA;

/** What the ID token of a reply claims, with what the core needs to judge it; nothing if there is none. */
export async function verifiedClaims(client, { json, date, status }) {
  const { id_token: idToken, access_token: accessToken } = json ?? {};
  if (!idToken) return {};
  try {
    const [head, payload, signature] = idToken.split('.');
    const header = partOf(head);
    const algorithm = ALGORITHMS[header.alg];
    if (!algorithm || header.crit) throw undefined;
    const key = await verificationKey(client, header, algorithm);
    const signed = new TextEncoder().encode(`${head}.${payload}`);
    if (key && !(await crypto.subtle.verify(algorithm, key, bytesOf(signature), signed))) throw undefined;

    const { bits = 256 } = algorithm;
    const said = { date, at_hash: base64url((await sha(bits, accessToken)).slice(0, bits / 16)) };
    for (const [name, claim] of Object.entries(partOf(payload))) {
      // Several audiences on a line each.
      said[`claims.${name}`] = typeof claim === 'number' ? Math.floor(claim) : [claim].flat().join('\n');
    }
    return said;
  } catch (error) {
    throw error instanceof GatepassError ? error : new GatepassError('invalid_id_token', '', '', status);
  }
}

/**
 * The key, by the provider's set or, if it is not in there, by the set as it is now. None where the
 * connection, which is the provider's own, must vouch for the token (OpenID Connect Core §3.1.3.7): the
 * provider publishes no keys, or the browser lacks the algorithm.
 */
async function verificationKey(client, { kid }, algorithm) {
  const { jwks_uri: endpoint } = await metadata(client);
  if (!endpoint) return undefined;
  for (const cache of ['default', 'reload']) {
    const reply = await persist(client, 'keys', new Request(endpoint, { cache }));
    ask(client, 'check', {}, reply);
    const key = reply.json.keys.find((key) => key.kty === algorithm.kty && (!kid || key.kid === kid));
    if (key) {
      // The browser need not know the names in it.
      const { alg, use, ...bare } = key;
      return crypto.subtle.importKey('jwk', bare, algorithm, false, ['verify']).catch((error) => {
        if (error.name !== 'NotSupportedError') throw error;
      });
    }
  }
  throw undefined;
}

/**
 * Whether the ID token that came with renewed tokens is about whom the one before was about, by the same provider
 * (OpenID Connect Core §12.2). Where it came from vouches for it.
 */
export function isAboutTheSame(renewed, before) {
  const [claims, known] = [renewed, before].map(claimsOf);
  return !!claims && claims.iss === known?.iss && claims.sub === known.sub;
}

/** What an ID token claims; nothing if it is none. */
export function claimsOf(idToken) {
  try {
    return partOf(idToken.split('.')[1]);
  } catch {
    return undefined;
  }
}

/** What a part of a token says. */
const partOf = (part) => JSON.parse(new TextDecoder().decode(bytesOf(part)));
