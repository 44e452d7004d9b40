// A key whose possession is proved (DPoP, RFC 9449), written without the code that checks it.
import crypto from 'node:crypto';

import { Browser, DEMO, pkce, post } from './oauth.mjs';

const base64url = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const sha256 = (text) => crypto.createHash('sha256').update(text).digest('base64url');

const KINDS = {
  ES256: { make: () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }), members: ['crv', 'kty', 'x', 'y'] },
  EdDSA: { make: () => crypto.generateKeyPairSync('ed25519'), members: ['crv', 'kty', 'x'] },
  RS256: { make: () => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }), members: ['e', 'kty', 'n'] },
};

export class ProofKey {
  /** @param {'ES256' | 'EdDSA' | 'RS256'} [alg] */
  constructor(alg = 'ES256') {
    const { publicKey, privateKey } = KINDS[alg].make();
    this.alg = alg;
    this.privateKey = privateKey;
    this.jwk = publicKey.export({ format: 'jwk' });
    const members = KINDS[alg].members.map((name) => [name, this.jwk[name]]);
    /** RFC 7638 */
    this.thumbprint = sha256(JSON.stringify(Object.fromEntries(members)));
  }

  /**
   * A proof for one request.
   *
   * @param {string} htm
   * @param {string} htu
   * @param {{ nonce?: string, token?: string, claims?: object, header?: object, signedBy?: ProofKey }} [how]
   */
  proof(htm, htu, { nonce, token, claims = {}, header = {}, signedBy = this } = {}) {
    const payload = {
      jti: crypto.randomUUID(), htm, htu, iat: Math.floor(Date.now() / 1000), ...(nonce && { nonce }), ...(token && { ath: sha256(token) }), ...claims,
    };
    const signed = `${base64url({ typ: 'dpop+jwt', alg: this.alg, jwk: this.jwk, ...header })}.${base64url(payload)}`;
    const key = signedBy.privateKey;
    const signature = this.alg === 'ES256'
      ? crypto.sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })
      : crypto.sign(this.alg === 'RS256' ? 'sha256' : null, Buffer.from(signed), key);
    return `${signed}.${signature.toString('base64url')}`;
  }
}

/** An app that keeps a key, and the nonce that it was told last. */
export class ProvingApp {
  nonce;

  /** @param {{provider: string}} stack @param {ProofKey} [key] */
  constructor(stack, key = new ProofKey()) {
    this.key = key;
    this.user = new Browser(stack);
    this.tokenEndpoint = `${stack.provider}/oauth/token`;
  }

  /** A proof for the token endpoint with the newest nonce. */
  proof(how = {}) {
    return this.key.proof('POST', this.tokenEndpoint, { nonce: this.nonce, ...how });
  }

  /** One token request with one proof. */
  async send(form, proof = this.proof(), headers = {}) {
    const response = await post(this.tokenEndpoint, form, { dpop: proof, ...headers });
    this.nonce = response.headers.get('dpop-nonce') ?? this.nonce;
    return response;
  }

  /** The same as an app does it: once more if the nonce was not good. */
  async token(form, headers = {}) {
    const response = await this.send(form, undefined, headers);
    if (response.status !== 400 || (await response.clone().json()).error !== 'use_dpop_nonce') return response;
    return this.send(form, undefined, headers);
  }

  /** The whole code flow. */
  async signIn(parameters = {}) {
    const { verifier, challenge } = pkce();
    const code = (await this.user.authorize({ challenge, ...parameters })).get('code');
    const form = { grant_type: 'authorization_code', client_id: DEMO.id, code, redirect_uri: this.user.redirectUri, code_verifier: verifier };
    const response = await this.token(form);
    return { form, response, tokens: await response.json() };
  }

  /** What a refresh sends. */
  refreshForm(refreshToken) {
    return { grant_type: 'refresh_token', client_id: DEMO.id, refresh_token: refreshToken };
  }

  refresh(refreshToken) {
    return this.token(this.refreshForm(refreshToken));
  }

  /** A request to a resource. */
  call(url, token, { method = 'GET', how = {}, scheme = 'DPoP', headers = {} } = {}) {
    const proof = this.key.proof(method, url, { token, ...how });
    return fetch(url, { method, headers: { authorization: `${scheme} ${token}`, dpop: proof, ...headers } });
  }
}
