// A provider and an API for tests of the SDK: everybody is signed in at once, the first access token is good
// for nothing, refresh tokens are used once. On a port of its own, for pages of any origin.
//
//     const provider = await startInstantProvider();
//     provider.issuer; provider.api; provider.asked('/token'); await provider.stop();

import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createServer } from 'node:http';

export async function startInstantProvider() {
  const provider = new InstantProvider();
  await provider.listen();
  return provider;
}

class InstantProvider {
  /** What was asked, as `{ method, path, authorization, body, headers }`. */
  requests = [];
  /** Every secret that was given out or taken in, by what it is. */
  secrets = new Map();
  /** What a path answers instead: `[status, body, headers]`, or a function of the `ServerResponse`. */
  instead = new Map();
  /** How long a path takes to answer what it has already done, in milliseconds. */
  delays = new Map();
  /** What was asked for with each code. */
  #codes = new Map();
  #key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  #refresh = new Set();
  #access = new Set();
  #server;

  async listen() {
    this.#server = createServer((request, response) => this.#answer(request, response));
    await new Promise((resolve) => { this.#server.listen(0, 'localhost', resolve); });
    this.issuer = `http://localhost:${this.#server.address().port}`;
    this.api = this.issuer;
  }

  /** How often a path was asked for. */
  asked(path) {
    return this.requests.filter((request) => request.path === path && request.method !== 'OPTIONS').length;
  }

  /** No access token is good any more. */
  expire() {
    this.#access.clear();
  }

  /** Whoever is signed in is no more. */
  endGrants() {
    this.#refresh.clear();
    this.expire();
  }

  stop() {
    this.#server.closeAllConnections();
    return new Promise((resolve) => { this.#server.close(resolve); });
  }

  async #answer(request, response) {
    const url = new URL(request.url, this.issuer);
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const { method, headers: { authorization } } = request;
    this.requests.push({ method, path: url.pathname, authorization, body, headers: request.headers });
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-allow-headers', 'authorization, content-type, dpop');
    response.setHeader('access-control-expose-headers', 'dpop-nonce, retry-after, www-authenticate');
    response.setHeader('cache-control', 'no-store');
    if (method === 'OPTIONS') {
      response.writeHead(204).end();
      return;
    }
    const instead = this.instead.get(url.pathname);
    if (typeof instead === 'function') {
      instead(response);
      return;
    }
    const [status, json, headers] = instead ?? this.#reply(url, new URLSearchParams(body), authorization);
    const delay = this.delays.get(url.pathname);
    if (delay) await new Promise((resolve) => { setTimeout(resolve, delay); });
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof json === 'string' ? json : JSON.stringify(json));
  }

  #reply(url, form, authorization) {
    switch (url.pathname) {
      case '/.well-known/oauth-authorization-server':
      case '/.well-known/openid-configuration':
        return [200, this.#metadata()];
      case '/keys':
        return [200, { keys: [{ ...this.#key.publicKey.export({ format: 'jwk' }), kid: 'a', alg: 'ES256', use: 'sig' }] }];
      case '/authorize':
        return this.#authorize(url.searchParams);
      case '/token':
        return this.#token(form);
      case '/userinfo':
        return this.#guarded(authorization, { sub: 'demo', name: 'Demo User' });
      case '/revoke':
        this.#refresh.delete(form.get('token'));
        this.#access.delete(form.get('token'));
        return [200, {}];
      case '/data':
        return this.#guarded(authorization, { data: 'for those who are signed in' });
      default:
        return [404, { error: 'not_found' }];
    }
  }

  #metadata() {
    const at = (path) => this.issuer + path;
    return {
      issuer: this.issuer,
      authorization_endpoint: at('/authorize'),
      token_endpoint: at('/token'),
      userinfo_endpoint: at('/userinfo'),
      revocation_endpoint: at('/revoke'),
      jwks_uri: at('/keys'),
      id_token_signing_alg_values_supported: ['ES256'],
      subject_types_supported: ['public'],
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    };
  }

  #authorize(query) {
    const code = this.#secret('code');
    this.#codes.set(code, { nonce: query.get('nonce'), client: query.get('client_id'), scope: query.get('scope') ?? '' });
    const back = new URL(query.get('redirect_uri'));
    for (const [name, value] of Object.entries({ code, state: query.get('state'), iss: this.issuer })) back.searchParams.set(name, value);
    return [302, {}, { location: back.href }];
  }

  #token(form) {
    const verifier = form.get('code_verifier');
    if (verifier) this.secrets.set(verifier, 'verifier');
    const asked = this.#codes.get(form.get('code'));
    const spent = form.get('grant_type') === 'authorization_code' ? this.#codes.delete(form.get('code')) : this.#refresh.delete(form.get('refresh_token'));
    if (!spent) return [400, { error: 'invalid_grant' }];
    const [access, refresh] = [this.#secret('access'), this.#secret('refresh')];
    this.#refresh.add(refresh);
    if (form.get('grant_type') === 'refresh_token') this.#access.add(access);
    const idToken = asked?.scope.split(' ').includes('openid') && this.#idToken(asked);
    return [200, { access_token: access, refresh_token: refresh, token_type: 'Bearer', expires_in: 300, ...(idToken && { id_token: idToken }) }];
  }

  #idToken({ nonce, client }) {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: this.issuer, sub: 'demo', aud: client, nonce, iat: now, exp: now + 300 };
    const input = `${part({ alg: 'ES256', kid: 'a' })}.${part(claims)}`;
    const signature = sign('sha256', Buffer.from(input), { key: this.#key.privateKey, dsaEncoding: 'ieee-p1363' });
    const token = `${input}.${signature.toString('base64url')}`;
    this.secrets.set(token, 'id_token');
    return token;
  }

  #guarded(authorization, json) {
    return this.#access.has(authorization?.replace('Bearer ', '')) ? [200, json] : [401, { error: 'invalid_token' }];
  }

  #secret(kind) {
    const secret = `${kind}-${randomUUID()}`;
    this.secrets.set(secret, kind);
    return secret;
  }
}
