// A user with a browser's cookie jar, and the OAuth steps that the tests are made of.
import crypto from 'node:crypto';

export const SCOPE = 'openid profile email offline_access read write';
export const DEMO = { id: 'gatepass-demo', redirectPath: '/callback' };

const base64url = (bytes) => bytes.toString('base64url');

/** A verifier and its S256 challenge (RFC 7636 §4). */
export function pkce() {
  const verifier = base64url(crypto.randomBytes(32));
  const challenge = base64url(crypto.createHash('sha256').update(verifier).digest());
  return { verifier, challenge };
}

/** How often the answer's request went to D1. */
export function roundTrips(response) {
  return Number(/d1;desc="(\d+)"/.exec(response.headers.get('server-timing') ?? '')?.[1]);
}

export function basic(id, secret) {
  return `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`;
}

/** What a refusal says, with its status. @param {Response} response */
export async function refusal(response) {
  return { status: response.status, ...(await response.json()) };
}

export function claims(jwt) {
  return JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'));
}

export class Browser {
  #jar = new Map();

  /** @param {{provider: string, gateway: string}} stack */
  constructor(stack) {
    this.stack = stack;
    this.redirectUri = `${stack.gateway}${DEMO.redirectPath}`;
  }

  cookie(name) {
    return this.#jar.get(name);
  }

  /** A request with this browser's cookies that follows no redirect. */
  async request(method, url, { form, body, headers = {} } = {}) {
    const cookies = [...this.#jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(new URL(url, this.stack.provider), {
      method,
      redirect: 'manual',
      headers: { ...(cookies && { cookie: cookies }), ...headers },
      body: form ? new URLSearchParams(form) : body,
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair] = line.split(';');
      const [name, ...value] = pair.split('=');
      if (value.join('=')) this.#jar.set(name, value.join('='));
      else this.#jar.delete(name);
    }
    return response;
  }

  authorizeUrl({ challenge, ...parameters }) {
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: DEMO.id,
      redirect_uri: this.redirectUri,
      scope: SCOPE,
      state: 'a-state',
      code_challenge: challenge,
      code_challenge_method: 'S256',
      ...parameters,
    });
    return `/oauth/authorize?${query}`;
  }

  /** Goes to the sign-in page and reads the state token from its form. */
  async openLogin(url) {
    const authorize = await this.request('GET', url);
    const login = await this.request('GET', authorize.headers.get('location'));
    const html = await login.text();
    return { authorize, login, html, stateToken: /name="state_token" value="([^"]+)"/.exec(html)?.[1] };
  }

  submitLogin(stateToken, username = 'demo', password = 'demo-password') {
    return this.request('POST', '/login', { form: { state_token: stateToken, username, password } });
  }

  /** Authorizes, signing in if need be, and returns the parameters that came back. */
  async authorize(parameters) {
    const url = this.authorizeUrl(parameters);
    let response = await this.request('GET', url);
    if (new URL(response.headers.get('location'), this.stack.provider).pathname === '/login') {
      const { stateToken } = await this.openLogin(url);
      const signedIn = await this.submitLogin(stateToken);
      response = await this.request('GET', signedIn.headers.get('location'));
    }
    return new URL(response.headers.get('location')).searchParams;
  }

  /** The whole code flow: `{ code, verifier, tokens }`. */
  async signIn(parameters = {}) {
    const { verifier, challenge } = pkce();
    const code = (await this.authorize({ challenge, ...parameters })).get('code');
    const response = await this.redeem(code, verifier);
    return { code, verifier, response, tokens: await response.json() };
  }

  redeem(code, verifier, { redirectUri = this.redirectUri, clientId = DEMO.id } = {}) {
    return this.token({
      grant_type: 'authorization_code', client_id: clientId, code, redirect_uri: redirectUri, code_verifier: verifier,
    });
  }

  refresh(refreshToken, parameters = {}, headers = {}) {
    const form = { grant_type: 'refresh_token', client_id: DEMO.id, refresh_token: refreshToken, ...parameters };
    return this.token(form, headers);
  }

  /** A token request as a script makes it: without cookies. */
  token(form, headers = {}) {
    return post(`${this.stack.provider}/oauth/token`, form, headers);
  }

  introspect(token, secret = this.stack.secrets.GATEPASS_API_SECRET) {
    const headers = { authorization: basic('gatepass-api', secret) };
    return post(`${this.stack.provider}/oauth/introspect`, { token }, headers);
  }

  revoke(token, parameters = { client_id: DEMO.id }, headers = {}) {
    return post(`${this.stack.provider}/oauth/revoke`, { token, ...parameters }, headers);
  }
}

/** Posts a form without cookies. */
export function post(url, form, headers = {}) {
  return fetch(url, { method: 'POST', redirect: 'manual', headers, body: new URLSearchParams(form) });
}

/** Runs `times` requests at once and reads every answer. */
export async function atOnce(times, request) {
  const responses = await Promise.all(Array.from({ length: times }, request));
  return Promise.all(responses.map(async (response) => ({ status: response.status, body: await response.json(), response })));
}
