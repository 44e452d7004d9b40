// A provider that counts what it is asked, answers when the test lets it, and fails when the test
// wants it to. It stands where a stack without a provider expects one.
//
//     const stack = await startStack({ only: ['api'], api: { GATEPASS_VALIDATION: 'jwt' } });
//     const provider = await startFakeProvider(stack);

import crypto from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { deflateSync } from 'node:zlib';

const paths = {
  '/.well-known/oauth-authorization-server': 'metadata',
  '/.well-known/openid-configuration': 'openid',
  '/keys': 'keys',
  '/introspect': 'introspection',
  '/lists/0': 'list',
};

/** @param {{ provider: string, api: string }} stack where `provider` is its issuer, perhaps with a path */
export async function startFakeProvider({ provider: issuer, api: audience }) {
  const fake = new FakeProvider(issuer, audience);
  await fake.listen();
  return fake;
}

class FakeProvider {
  /** How often each document was asked for. */
  asked = { metadata: 0, keys: 0, introspection: 0, list: 0 };
  /** How many questions about tokens there are now, and how many there were at once at most. */
  questions = { now: 0, atOnce: 0 };
  /** With which status it answers what it is asked for; 200 if not named. */
  status = {};
  /** The indexes that its status list has revoked, and what else that says. */
  revoked = [];
  listClaims = {};
  /** What it says of every token, or a function that says it of one; if not that it is not active. */
  introspection;
  /** What its metadata say besides; `undefined` takes something away. */
  metadata = {};
  /** What else its OpenID Connect metadata say, if it has them; without, they are not there. */
  openid;
  /** Functions of request and response that answer instead of it, by the document that is asked for. */
  instead = {};
  #signing = signingKey('a-key');
  #published = [this.#signing.jwk];
  #held = {};
  #server;

  constructor(issuer, audience) {
    this.issuer = issuer;
    this.audience = audience;
  }

  listen() {
    this.#server = createServer((request, response) => this.#answer(request, response));
    const { port } = new URL(this.issuer);
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(Number(port), 'localhost', resolve);
    });
  }

  /** The keys that it publishes. */
  get published() {
    return this.#published;
  }

  /** Publishes these keys instead of its own. */
  publish(keys) {
    this.#published = keys;
  }

  /** Lets requests for a document wait until `release`. */
  hold(document) {
    this.#held[document] = [];
  }

  release(document) {
    const waiting = this.#held[document] ?? [];
    delete this.#held[document];
    for (const answer of waiting) answer();
  }

  /** An access token; with a `kid`, one that claims to be signed with that key. */
  token({ kid, typ = 'at+jwt', alg, ...claims } = {}) {
    const now = Math.floor(Date.now() / 1000);
    return this.#sign({ kid, typ, alg }, {
      iss: this.issuer, sub: 'demo', aud: this.audience, client_id: 'a-client', jti: 'a-token', scope: 'read write',
      auth_time: now, grant_id: 'a-grant', iat: now, exp: now + 300, ...claims,
    });
  }

  /** The same with its status in the provider's list. */
  listed(idx, claims = {}) {
    return this.token({ status: { status_list: { idx, uri: `${this.issuer}/lists/0` } }, ...claims });
  }

  /** Its status list. */
  list() {
    const now = Math.floor(Date.now() / 1000);
    const bytes = Buffer.alloc(128);
    for (const idx of this.revoked) bytes[idx >> 3] |= 1 << (idx & 7);
    return this.#sign({ typ: 'statuslist+jwt' }, {
      sub: `${this.issuer}/lists/0`, iat: now, exp: now + 300, ttl: 5,
      status_list: { bits: 1, lst: deflateSync(bytes).toString('base64url') }, ...this.listClaims,
    });
  }

  #sign({ kid = this.#signing.jwk.kid, typ, alg = 'ES256' }, payload) {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const input = `${part({ typ, alg, kid })}.${part(payload)}`;
    const key = { key: this.#signing.privateKey, dsaEncoding: 'ieee-p1363' };
    return `${input}.${crypto.sign('sha256', Buffer.from(input), key).toString('base64url')}`;
  }

  stop() {
    for (const document of Object.keys(this.#held)) this.release(document);
    this.#server.closeAllConnections();
    return new Promise((resolve) => { this.#server.close(resolve); });
  }

  #answer(request, response) {
    // The path of the issuer is after that of its metadata, and before the others (RFC 8414 §3.1).
    const path = new URL(this.issuer).pathname.replace(/\/$/, '');
    const document = paths[request.url.replace(path, '').replace('//', '/')];
    if (!document || (document === 'openid' && !this.openid)) {
      response.writeHead(404).end();
      return;
    }
    if (document in this.asked) this.asked[document] += 1;
    if (document === 'introspection') this.#count(response);
    let form = '';
    request.on('data', (chunk) => { form += chunk; });
    const answer = async () => {
      if (!request.readableEnded) await once(request, 'end');
      if (this.instead[document]) {
        this.instead[document](request, response);
        return;
      }
      const type = document === 'list' ? 'application/statuslist+jwt' : 'application/json';
      response.writeHead(this.status[document] ?? 200, { 'content-type': type });
      const body = this.#documents(new URLSearchParams(form).get('token'))[document];
      response.end(document === 'list' ? body : JSON.stringify(body));
    };
    if (this.#held[document]) this.#held[document].push(answer);
    else answer();
  }

  #count(response) {
    this.questions.now += 1;
    this.questions.atOnce = Math.max(this.questions.atOnce, this.questions.now);
    response.once('close', () => { this.questions.now -= 1; });
  }

  #documents(token) {
    const said = typeof this.introspection === 'function' ? this.introspection(token) : this.introspection;
    const base = this.issuer.replace(/\/$/, '');
    return {
      metadata: { issuer: this.issuer, jwks_uri: `${base}/keys`, introspection_endpoint: `${base}/introspect`, ...this.metadata },
      openid: { issuer: this.issuer, ...this.openid },
      keys: { keys: this.#published },
      introspection: said ?? { active: false },
      list: this.list(),
    };
  }
}

/** A new P-256 key pair under this `kid`. */
export function signingKey(kid) {
  const { privateKey, publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' } };
}
