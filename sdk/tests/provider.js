// A provider and an API in the page: what the client meets is chosen by the test.

import { popup } from './client.js';

export const ISSUER = 'https://id.example';
const CALLBACK = 'https://app.example/callback';

const json = (body, status = 200, headers = {}) => new Response(JSON.stringify(body), { status, headers });
const base64url = (text) => btoa(text).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
const base64urlOf = (buffer) => base64url(String.fromCharCode(...new Uint8Array(buffer)));
const utf8 = (text) => new TextEncoder().encode(text);

const RSA = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' };
const ALGORITHMS = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  RS256: { name: 'RSASSA-PKCS1-v1_5', ...RSA },
  PS256: { name: 'RSA-PSS', saltLength: 32, ...RSA },
  EdDSA: { name: 'Ed25519' },
  Ed25519: { name: 'Ed25519' },
};

/** Keys that a test makes once: an RSA key takes its time. */
const keys = new Map();
function signingKey(alg) {
  if (!keys.has(alg)) keys.set(alg, crypto.subtle.generateKey(ALGORITHMS[alg], true, ['sign', 'verify']));
  return keys.get(alg);
}

export class Provider {
  constructor() {
    this.requests = [];
    this.events = [];
    this.accepted = undefined;
    this.generation = 0;
    this.plan = [];
    this.holds = {};
    this.answer = {};
    this.nonce = undefined;
    this.address = undefined;
    this.issuer = ISSUER;
    this.claims = {};
    this.header = {};
    /**
     * What else is unusual: `alg`; `keys` (`late`: only when asked without a cache, `none`, `down`, `others`);
     * `signature` (`wrong`); `push` (a status or `down`), `mustPush`; `date` (seconds from now); `without` names
     * members that the metadata lack.
     */
    this.odd = {};
    this.discoverable = true;
  }

  /** The options of a client that talks to this provider. */
  options(more) {
    return {
      issuer: ISSUER,
      clientId: 'demo',
      redirectUri: CALLBACK,
      apis: ['https://api.example'],
      fetch: (request) => this.fetch(request),
      navigate: (url) => (this.address = url),
      ...more,
    };
  }

  listen(client) {
    for (const type of ['signed_in', 'signed_out', 'refreshed', 'refresh_failed']) {
      client.on(type, (event) => this.events.push([type, event.reason ?? event.code].filter(Boolean).join(' ')));
    }
  }

  async fetch(request) {
    const { pathname, origin } = new URL(request.url);
    const body = request.body ? await request.clone().text() : '';
    this.requests.push({ path: pathname, origin, body, authorization: request.headers.get('authorization') });
    if (pathname.includes('/.well-known/')) return this.discovery(pathname);
    if (pathname === '/keys') return this.publish(request.cache);
    if (pathname === '/par') return this.pushed();
    if (pathname === '/token') return this.token(new URLSearchParams(body));
    if (pathname === '/revoke') return this.revoke(new URLSearchParams(body));
    await this.held('api');
    if (pathname === '/forbidden') return json({}, 403);
    const accepted = this.accepted && request.headers.get('authorization') === `Bearer ${this.accepted}`;
    if (!accepted) return json({ error: 'invalid_token' }, 401);
    return json({ sub: 'anna', echo: body });
  }

  discovery(path) {
    if (path.endsWith('openid-configuration') && !this.discoverable) return json({ error: 'not_found' }, 404);
    const without = Object.fromEntries((this.odd.without ?? []).map((name) => [name, undefined]));
    return json({
      issuer: this.issuer,
      authorization_endpoint: `${ISSUER}/authorize`,
      token_endpoint: `${ISSUER}/token`,
      userinfo_endpoint: `${ISSUER}/userinfo`,
      revocation_endpoint: `${ISSUER}/revoke`,
      end_session_endpoint: `${ISSUER}/logout`,
      authorization_response_iss_parameter_supported: true,
      jwks_uri: `${ISSUER}/keys`,
      ...(this.odd.push && { pushed_authorization_request_endpoint: `${ISSUER}/par` }),
      ...(this.odd.mustPush && { require_pushed_authorization_requests: true }),
      ...without,
    });
  }

  async publish(cache) {
    const { alg = 'ES256', keys: odd } = this.odd;
    if (odd === 'down') throw new TypeError('network down');
    if (odd === 'none' || (odd === 'late' && cache !== 'reload')) return json({ keys: [] });
    const { publicKey } = await signingKey(alg);
    const { key_ops, ext, ...jwk } = await crypto.subtle.exportKey('jwk', publicKey);
    const kid = odd === 'others' ? 'another' : this.header.kid === undefined && 'kid' in this.header ? undefined : 'key';
    return json({ keys: [{ kty: 'oct', kid: 'key', use: 'sig' }, { ...jwk, alg, kid, use: 'sig' }] });
  }

  pushed() {
    const { push } = this.odd;
    if (push === 'down') throw new TypeError('network down');
    return push === 201 ? json({ request_uri: 'urn:pushed', expires_in: 60 }, 201) : json({ error: 'invalid_client' }, push);
  }

  /** An ID token, signed. */
  async idToken(accessToken) {
    const { alg = 'ES256', signature } = this.odd;
    const iat = Math.floor(Date.now() / 1000);
    const digest = await crypto.subtle.digest(/^Ed/.test(alg) ? 'SHA-512' : 'SHA-256', utf8(accessToken));
    const at_hash = base64urlOf(digest.slice(0, digest.byteLength / 2));
    const claims = { iss: ISSUER, sub: 'anna', aud: 'demo', nonce: this.nonce, iat, exp: iat + 600, at_hash, ...this.claims };
    const signed = `${base64url(JSON.stringify({ alg, kid: 'key', ...this.header }))}.${base64url(JSON.stringify(claims))}`;
    const { privateKey } = await signingKey(alg);
    const bytes = await crypto.subtle.sign(ALGORITHMS[alg], privateKey, utf8(signature === 'wrong' ? '' : signed));
    return `${signed}.${base64urlOf(bytes)}`;
  }

  /** Answers by the plan: `lost`, `down`, `502`, `429 60`, `invalid_grant replayed`, or tokens. */
  async token(form) {
    const [planned, detail] = (this.plan.shift() ?? '').split(' ');
    await this.held('token');
    if (planned === 'down') throw new TypeError('network down');
    if (/^\d+$/.test(planned)) return json({}, Number(planned), detail ? { 'retry-after': detail } : {});
    if (planned === 'html') return new Response('<html>');
    if (planned?.startsWith('invalid')) return json({ error: planned, gatepass_reason: detail }, 400);
    this.generation += 1;
    this.accepted = `access-${this.generation}`;
    if (planned === 'lost') throw new TypeError('connection reset');
    const idToken = form.get('code') && this.odd.idToken !== 'none' ? { id_token: await this.idToken(this.accepted) } : {};
    const refresh = planned === 'persistent' ? {} : { refresh_token: `refresh-${this.generation}` };
    const date = this.odd.date === undefined ? {} : { date: new Date(Date.now() + this.odd.date * 1000).toUTCString() };
    return json({ access_token: this.accepted, token_type: 'bEARER', expires_in: 300, ...refresh, ...idToken }, 200, date);
  }

  revoke(form) {
    if (form.get('token') === this.accepted) this.accepted = undefined;
    return new Response('', { status: this.plan[0] === 'revocation down' ? 503 : 200 });
  }

  /** Makes answers wait: of `api` or `token`. */
  hold(kind) {
    this.holds[kind] = [];
  }

  held(kind) {
    if (!this.holds[kind]) return undefined;
    return new Promise((resolve) => this.holds[kind].push(resolve));
  }

  /** Lets the first waiting answer go; waits until there is one. */
  async release(kind) {
    while (this.holds[kind].length === 0) await turn();
    this.holds[kind].shift()();
    await turn();
  }

  async releaseAll(kind, count) {
    for (let released = 0; released < count; released++) await this.release(kind);
    this.holds[kind] = undefined;
  }

  /** The access token is not accepted any more. */
  expire() {
    this.accepted = undefined;
  }

  count(path) {
    return this.requests.filter((request) => request.path === path).length;
  }

  bodies(path) {
    return this.requests.filter((request) => request.path === path).map(({ body }) => body).join('\n');
  }

  authorizations(path) {
    return this.requests.filter((request) => request.path === path).map(({ authorization }) => authorization ?? '-').join();
  }

  /** A listener to requests. */
  recorder() {
    this.heard = [];
    return ({ kind, method, status }) => this.heard.push(`${kind} ${method} ${status}`);
  }

  traffic() {
    return this.heard.join(', ');
  }

  /** The next uncaught error is part of the test. */
  expectUncaught() {
    const expected = (event) => {
      event.preventDefault();
      event.stopImmediatePropagation();
    };
    addEventListener('error', expected, { once: true, capture: true });
  }

  happened() {
    return this.events.join(', ');
  }

  /** The address that the provider sends the user back to; `more` replaces or, if empty, removes parameters. */
  callback(more = '') {
    let sent = new URL(this.address).searchParams;
    if (sent.has('request_uri')) sent = new URLSearchParams(this.bodies('/par').split('\n').pop());
    this.nonce = sent.get('nonce');
    const url = new URL(CALLBACK);
    const parameters = { code: 'c0de', state: sent.get('state'), iss: ISSUER, ...Object.fromEntries(new URLSearchParams(more)) };
    for (const [name, value] of Object.entries(parameters)) if (value) url.searchParams.set(name, value);
    return url.href;
  }
}

export async function signIn(client, provider) {
  await client.login({ returnTo: '/orders?page=2' });
  const { returnTo } = await client.handleCallback(provider.callback());
  return returnTo;
}

/** Calls a path of the API as often, at once: their statuses. */
export async function calls(client, count, path = '/data') {
  const all = Array.from({ length: count }, () => client.fetch(`https://api.example${path}`));
  return (await Promise.all(all)).map(({ status }) => status).join();
}

/** Posts a body of a kind: the status and what arrived. */
export async function post(client, kind) {
  const body = { text: 'x=1', bytes: new Uint8Array([97, 98]), form: new URLSearchParams({ a: 'b' }) }[kind];
  const stream = () => new Blob(['streamed']).stream();
  const init = kind === 'stream' ? { method: 'POST', body: stream(), duplex: 'half' } : { method: 'POST', body };
  const url = 'https://api.example/data';
  const response = await (kind === 'request' ? client.fetch(new Request(url, { method: 'POST', body: 'y=2' })) : client.fetch(url, init));
  return `${response.status} ${(await response.json()).echo}`;
}

/** How a promise is settled: `ok`, or the code of the error with its reason and status. */
export async function outcome(promise) {
  try {
    await promise;
    return 'ok';
  } catch ({ code, name, reason, status }) {
    return [code ?? name, reason, status].filter((word) => word !== undefined).join(' ');
  }
}

export function plan(provider, ...steps) {
  provider.plan = steps.flatMap((step) => step.split(', '));
}

/** A sign-in through another window, which the provider sends back with `more`; the window is only played. */
export async function signInElsewhere(client, provider, more, timeout) {
  const opened = { closed: false, close() { this.closed = true; } };
  const { open } = globalThis;
  opened.location = {
    replace: (url) => {
      provider.address = url;
      if (more === 'never') return;
      const state = new URL(provider.callback(more)).searchParams;
      const channel = new BroadcastChannel('gatepass.answer');
      channel.postMessage({ state: 'another.window', search: '?code=evil' });
      channel.postMessage({ state: new URL(url).searchParams.get('state'), search: `?${state}` });
    },
  };
  globalThis.open = () => (more === 'blocked' ? null : opened);
  try {
    const { returnTo } = await client.login({ returnTo: '/orders', via: popup({ timeout }) });
    return `${returnTo} ${opened.closed}`;
  } finally {
    globalThis.open = open;
  }
}

/** `handleCallback` of an answer for another window, which is there or not. */
export async function handOver(client, provider, there) {
  await client.login();
  const url = new URL(provider.callback());
  url.searchParams.set('state', 'abc.window');
  const { close } = globalThis;
  const channel = new BroadcastChannel('gatepass.answer');
  const closed = new Promise((resolve) => (globalThis.close = () => resolve('closed')));
  channel.onmessage = ({ data }) => there && channel.postMessage({ taken: data.state });
  try {
    return await Promise.race([closed, outcome(client.handleCallback(url))]);
  } finally {
    globalThis.close = close;
    channel.close();
  }
}

export function stored() {
  return Object.values(sessionStorage).filter((text) => text.includes('access-')).length;
}

/** The network is back: whoever was told to wait need not. */
export async function goOnline() {
  dispatchEvent(new Event('online'));
  await turn();
}

export function clearStorage() {
  sessionStorage.clear();
}

/** Lets everything happen that does not wait for a timer. */
export function turn() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
