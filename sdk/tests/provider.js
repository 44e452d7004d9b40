// A provider and an API in the page: what the client meets is chosen by the test.

export const ISSUER = 'https://id.example';
const CALLBACK = 'https://app.example/callback';

const json = (body, status = 200, headers = {}) => new Response(JSON.stringify(body), { status, headers });
const base64url = (text) => btoa(text).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');

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
    return json({
      issuer: this.issuer,
      authorization_endpoint: `${ISSUER}/authorize`,
      token_endpoint: `${ISSUER}/token`,
      userinfo_endpoint: `${ISSUER}/userinfo`,
      revocation_endpoint: `${ISSUER}/revoke`,
      end_session_endpoint: `${ISSUER}/logout`,
      authorization_response_iss_parameter_supported: true,
    });
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
    const claims = { iss: ISSUER, aud: 'demo', nonce: this.nonce, ...this.claims };
    const idToken = form.get('code') ? { id_token: `e30.${base64url(JSON.stringify(claims))}.c2ln` } : {};
    const refresh = planned === 'persistent' ? {} : { refresh_token: `refresh-${this.generation}` };
    return json({ access_token: this.accepted, token_type: 'bEARER', expires_in: 300, ...refresh, ...idToken });
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
    const sent = new URL(this.address).searchParams;
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

export function stored() {
  return Object.keys(sessionStorage).filter((key) => key.startsWith('gatepass.session')).length;
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
