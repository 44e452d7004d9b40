// Reading, verifying and writing signed tokens, without the code that makes them.
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

const kinds = {
  ES256: ['ec', { namedCurve: 'P-256' }],
  RS256: ['rsa', { modulusLength: 2048 }],
  EdDSA: ['ed25519', {}],
};

/** A key pair of a client's own, with the JWK that it registers. @param {keyof typeof kinds} alg */
export function keyPair(alg) {
  const { privateKey, publicKey } = crypto.generateKeyPairSync(...kinds[alg]);
  const kid = `${alg}-1`;
  return { alg, kid, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), alg, kid, use: 'sig' } };
}

/** A JWT signed with the pair `signer`. @param {object} payload @param {object} [changes] of the header */
export function signed(signer, payload, changes = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part({ alg: signer.alg, kid: signer.kid, typ: 'JWT', ...changes })}.${part(payload)}`;
  const digest = signer.alg === 'EdDSA' ? null : 'sha256';
  const signature = crypto.sign(digest, Buffer.from(input), { key: signer.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}
