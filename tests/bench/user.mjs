// A user with a browser of their own: one kept connection, cookies, and the steps of OAuth.
// Every answer is checked; one that is not as it must be is thrown as `Wrong`.

import { createHash, randomBytes } from 'node:crypto';
import { Agent, request as send } from 'node:http';

/** Never fetched: the users read the code from the redirect. */
export const REDIRECT_URI = 'http://127.0.0.1:3001/callback';

const PATIENCE = 30_000;
const MOST_REDIRECTS = 8;

/** An answer that is not what the protocol promises. */
export class Wrong extends Error {
  /** @param {string} step @param {{ status: number, text: string } | string} found */
  constructor(step, found) {
    super(`${step}: ${typeof found === 'string' ? found : `${found.status} ${found.text.slice(0, 200)}`}`);
  }
}

/** One user of one server. */
export class User {
  #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #cookies = new Map();
  #seen;

  /**
   * @param {object} server
   * @param {string} server.origin
   * @param {object} server.profile what `servers/` exports
   * @param {object} server.info what its `start` told: `client`, `resourceServer`, `api`, `open`
   * @param {Set<string>} seen every token issued so far, to any user: none may be issued twice
   */
  constructor({ origin, profile, info }, seen) {
    this.origin = origin;
    this.profile = profile;
    this.client = info.client ?? profile.client;
    this.resourceServer = info.resourceServer;
    this.api = info.api;
    this.open = info.open;
    this.#seen = seen;
  }

  close() {
    this.#agent.destroy();
  }

  /** Sends a request with this browser's cookies; redirects are not followed. */
  async request(method, path, { form, headers = {} } = {}) {
    const url = new URL(path, this.origin);
    const body = form && new URLSearchParams(form).toString();
    const cookie = url.origin === this.origin ? this.#cookieHeader(url.pathname) : '';
    const answer = await exchange(url, {
      method,
      agent: this.#agent,
      headers: {
        ...headers,
        ...(cookie && { cookie }),
        ...(body && { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body) }),
      },
    }, body);
    this.#keepCookies(answer.headers['set-cookie'] ?? []);
    return answer;
  }

  /** Authorization request to tokens. */
  async codeFlow() {
    const verifier = randomBytes(32).toString('base64url');
    const code = await this.#authorize(createHash('sha256').update(verifier).digest('base64url'));
    const form = { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: REDIRECT_URI };
    this.tokens = await this.#token('code', form);
  }

  /** One refresh, of the newest refresh token. */
  async refresh() {
    const form = { grant_type: 'refresh_token', refresh_token: this.tokens.refresh_token };
    this.tokens = await this.#token('refresh', form);
  }

  /** Asks the provider about the access token (RFC 7662). */
  async introspect() {
    const { id, secret } = this.resourceServer;
    const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
    const form = { token: this.tokens.access_token };
    const answer = await this.request('POST', this.profile.paths.introspect, { form, headers: { authorization } });
    const { active, client_id: client, sub } = answer.json();
    if (answer.status !== 200 || active !== true || client !== this.client || !sub) throw new Wrong('introspection', answer);
  }

  /** Calls an API with the access token, and is told whose that is. */
  async callApi() {
    const authorization = `Bearer ${this.tokens.access_token}`;
    const answer = await this.request('GET', this.api, { headers: { authorization } });
    if (answer.status !== 200 || !answer.json().sub) throw new Wrong('API call', answer);
  }

  /** Calls the API where it asks for no token. */
  async callOpen() {
    const answer = await this.request('GET', this.open);
    if (answer.status !== 200 || !answer.json().sub) throw new Wrong('open API call', answer);
  }

  /** Reads the metadata. */
  async discovery() {
    const { discovery, token } = this.profile.paths;
    const answer = await this.request('GET', discovery);
    const metadata = answer.json();
    if (answer.status !== 200 || metadata.issuer !== this.origin || metadata.token_endpoint !== this.origin + token) {
      throw new Wrong('discovery', answer);
    }
  }

  async #authorize(challenge) {
    const state = randomBytes(9).toString('base64url');
    let location = `${this.profile.paths.authorize}?${new URLSearchParams({
      response_type: 'code', client_id: this.client, redirect_uri: REDIRECT_URI, scope: this.profile.scope, state,
      code_challenge: challenge, code_challenge_method: 'S256',
    })}`;
    for (let hop = 0; !location.startsWith(REDIRECT_URI); hop++) {
      let answer = await this.request('GET', location);
      if (answer.status === 200 && this.profile.signIn) answer = await this.profile.signIn(this, answer);
      const next = answer.headers.location;
      if (answer.status < 300 || answer.status > 399 || !next || hop === MOST_REDIRECTS) throw new Wrong('authorize', answer);
      location = new URL(next, this.origin).href;
    }
    const back = new URL(location).searchParams;
    if (back.get('state') !== state || !back.get('code')) throw new Wrong('authorize', back.toString());
    return back.get('code');
  }

  async #token(step, form) {
    const answer = await this.request('POST', this.profile.paths.token, { form: { ...form, client_id: this.client } });
    const tokens = answer.json();
    if (answer.status !== 200 || tokens.token_type?.toLowerCase() !== 'bearer' || !(tokens.expires_in > 0)) {
      throw new Wrong(step, answer);
    }
    for (const name of ['access_token', 'refresh_token']) {
      if (typeof tokens[name] !== 'string' || tokens[name] === '') throw new Wrong(step, `no ${name}`);
      if (this.#seen.has(tokens[name])) throw new Wrong(step, `a ${name} that was issued before`);
      this.#seen.add(tokens[name]);
    }
    return tokens;
  }

  #cookieHeader(path) {
    const sent = [...this.#cookies.values()].filter((cookie) => path.startsWith(cookie.path));
    return sent.map(({ name, value }) => `${name}=${value}`).join('; ');
  }

  #keepCookies(lines) {
    for (const line of lines) {
      const [pair, ...attributes] = line.split(';').map((part) => part.trim());
      const [name, ...value] = pair.split('=');
      const attribute = (key) => attributes.find((each) => each.toLowerCase().startsWith(`${key}=`))?.slice(key.length + 1);
      const path = attribute('path') ?? '/';
      const expired = attribute('max-age') === '0' || Date.parse(attribute('expires')) < Date.now();
      const key = `${name} ${path}`;
      if (expired) this.#cookies.delete(key);
      else this.#cookies.set(key, { name, value: value.join('='), path });
    }
  }
}

function exchange(url, options, body) {
  return new Promise((resolve, reject) => {
    const request = send(url, { ...options, timeout: PATIENCE }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk)).on('error', reject).on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode, headers: response.headers, text, json: () => parse(text) });
      });
    });
    request.on('error', reject).on('timeout', () => request.destroy(new Error(`no answer from ${url.pathname}`)));
    request.end(body);
  });
}

function parse(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
