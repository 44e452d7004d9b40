// Reading and verifying signed tokens, without the code that made them.
import crypto from 'node:crypto';

const json = (part) => JSON.parse(Buffer.from(part, 'base64url'));

/** @param {string} token */
export function header(token) {
  return json(token.split('.')[0]);
}

/** The key set that a provider publishes. @param {string} provider */
export async function keySet(provider) {
  return (await (await fetch(`${provider}/.well-known/jwks.json`)).json()).keys;
}

/** The key of a set that has signed `token`, if there is one. @param {string} token @param {object[]} keys */
export function signerOf(token, keys) {
  const { kid, alg } = header(token);
  const key = keys.find((jwk) => jwk.kid === kid && jwk.alg === alg);
  return key && verifies(token, key) ? key : undefined;
}

function verifies(token, jwk) {
  const end = token.lastIndexOf('.');
  const [signed, signature] = [Buffer.from(token.slice(0, end)), Buffer.from(token.slice(end + 1), 'base64url')];
  const key = crypto.createPublicKey({ key: jwk, format: 'jwk' });
  switch (jwk.alg) {
    case 'ES256': return crypto.verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature);
    case 'RS256': return crypto.verify('sha256', signed, key, signature);
    case 'EdDSA':
    case 'Ed25519': return crypto.verify(null, signed, key, signature);
    default: throw new Error(`no such algorithm: ${jwk.alg}`);
  }
}
