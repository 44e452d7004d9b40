// The client: everything that waits. It asks the core what to do and does it.
//
//   login, handleCallback   fetch, user   refresh   logout, expireAccessToken
//                    \          |          |          /
//          metadata, persist, exchange: requests to the provider, tried again while the core says so
//
// What the calls of the core take and give is in ../src/calls.rs. One file, because the browser
// tests load it as it stands.

// TRY_TIMEOUT_MS and LAST_TRY_SECONDS of core/src/rp/retry.rs; a test holds them to it.
const TRY_TIMEOUT = 6_000;
const LAST_TRY = 21;
const REVOCATION_TIMEOUT = 3_000;
const TRANSACTION = 'gatepass.transaction ';
const USED = 'gatepass.used';

// What a code does not say by itself.
const MESSAGES = {
  invalid_return_to: 'returnTo must be a path on this origin',
  discovery_failed: 'The discovery document names another issuer or an endpoint without https',
  storage_unavailable: 'sessionStorage is missing, full, or refuses',
  callback_missing: 'The address holds no answer to a sign-in',
  callback_used: 'The answer was used before',
  callback_foreign: 'The answer belongs to no sign-in of this tab',
  issuer_mismatch: 'The answer is not from the issuer that was asked',
  invalid_id_token: 'The ID token is not for this client and sign-in',
  not_refreshable: 'The provider gave no refresh token',
};

export class GatepassError extends Error {
  constructor(code, detail, reason, status) {
    super((MESSAGES[code] ?? code.replaceAll('_', ' ')) + (detail ? `: ${detail}` : ''));
    this.name = 'GatepassError';
    this.code = code;
    this.reason = reason || undefined;
    this.status = status || undefined;
  }
}

/**
 * A client. `options` are those of `createClient`; `start` resolves to a core, when it is first
 * needed.
 */
export function makeClient(options, start) {
  const { issuer, clientId, redirectUri, apis = [], resource, storage = 'memory' } = options;
  const { scope = 'openid profile offline_access read' } = options;
  const sessionKey = `gatepass.session ${issuer} ${clientId}`;
  const listeners = new Map();
  const callbacks = new Map();
  let core, starting, origins, locations, discovery, renewal;
  // What the core said last of the session: generation, access, record. Until it is started, a record
  // in the store stands for a token, so that `signedIn` is true from the first; `ready` replaces it.
  let session = { access: recall(sessionKey) };

  /** Asks the core; throws what it refuses with. `reply` is the answer of a server, if it is about one. */
  function ask(name, parameters = {}, reply) {
    const input = new URLSearchParams({ call: name });
    const add = (name, value) => value === undefined || input.append(name, value);
    for (const [name, value] of Object.entries(parameters)) add(name, value);
    if (reply) {
      add('status', reply.status);
      add('retry_after', reply.retryAfter);
      if (reply.json) add('json', 1);
      for (const [name, value] of Object.entries(reply.json ?? {})) {
        if (typeof value === 'string' || value === true) add(`json.${name}`, value);
      }
    }
    const answer = Object.fromEntries(new URLSearchParams(core.call(String(input))));
    if (!answer.error) return answer;
    throw new GatepassError(answer.error, answer.detail, answer.reason, reply?.status);
  }

  /** Starts the core and gives it the options. */
  async function ready() {
    starting ??= (async () => {
      core = await start().catch(({ message }) => {
        throw new GatepassError('unsupported', `WebAssembly (${message})`);
      });
      locations = ask('configure', { issuer, clientId, redirectUri, scope, resource });
      origins = new Set([issuer, ...apis].map(originOf));
      session = {};
      adopt();
    })();
    await starting.catch((error) => {
      starting = undefined;
      throw error;
    });
  }

  /** An origin; a path would promise a limit that does not hold. */
  function originOf(url, index) {
    try {
      const { origin, href } = new URL(url);
      if (!index || href === `${origin}/`) return origin;
    } catch {
      // No URL at all.
    }
    throw new GatepassError('invalid_options', 'apis');
  }

  // The session

  /** Keeps what the core says of the session. A store that refuses ends nothing, and must not be outdated. */
  function keep(view) {
    const changed = view.record !== session.record;
    session = view;
    if (storage !== 'session' || !changed) return;
    if (!view.record || !remember(sessionKey, view.record)) remember(sessionKey);
  }

  /** Takes what another client of this tab has put into the store. */
  function adopt() {
    keep(ask('adopt', { record: recall(sessionKey) }));
  }

  function recall(key) {
    return storage === 'session' ? read(key) : undefined;
  }

  function emit(type, event = {}) {
    for (const listener of listeners.get(type) ?? []) {
      try {
        listener(event);
      } catch (error) {
        // Not the caller's fault: it shows where uncaught errors show.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  // Requests

  /** `fetch`, and the `request` event. */
  async function send(kind, request) {
    const begun = performance.now();
    let status = 0;
    try {
      const response = await (options.fetch ?? fetch)(request);
      status = response.status;
      return response;
    } finally {
      const durationMs = performance.now() - begun;
      emit('request', { method: request.method, url: request.url, status, durationMs, kind });
    }
  }

  /** A request of the client's own: no cookies, no redirect that could carry it elsewhere. */
  async function exchange(kind, url, body, timeout = TRY_TIMEOUT) {
    const request = new Request(url, {
      method: body === undefined ? 'GET' : 'POST',
      body: body === undefined ? undefined : new URLSearchParams(body),
      credentials: 'omit',
      redirect: 'error',
      // A revocation outlives the page that it signs out of.
      keepalive: body !== undefined,
      signal: AbortSignal.timeout(timeout),
    });
    try {
      return await replyOf(await send(kind, request));
    } catch (error) {
      return { status: error?.name === 'TimeoutError' ? undefined : 0 };
    }
  }

  /** Sends a request until it is answered, or the core gives up. `body` may say at each try that it is over. */
  async function persist(kind, url, body) {
    const begun = now();
    for (let tries = 1; ; tries++) {
      const form = body?.();
      if (body && form === undefined) return { status: 0 };
      const reply = await exchange(kind, url, form);
      const [jitter] = randomBytes(1);
      const { wait } = ask('pause', { tries, jitter }, reply);
      if (!wait || now() - begun + wait / 1000 > LAST_TRY) return reply;
      await sleep(wait);
    }
  }

  /** The discovery document, fetched once for all who ask. */
  function metadata() {
    discovery ??= discover().catch((error) => {
      discovery = undefined;
      throw error;
    });
    return discovery;
  }

  async function discover() {
    let reply = await persist('discovery', locations.first);
    try {
      ask('learn', {}, reply);
    } catch (error) {
      if (!['invalid_response', 'request_refused'].includes(error.code)) throw error;
      // The provider answers, but has nothing there.
      reply = await persist('discovery', locations.second);
      ask('learn', {}, reply);
    }
    return reply.json;
  }

  async function revoke(body, timeout) {
    const { revocation_endpoint: endpoint } = await metadata();
    if (!endpoint) throw new GatepassError('unsupported', 'revocation_endpoint');
    const reply = await exchange('revocation', endpoint, body, timeout);
    ask('check', {}, reply);
  }

  // Signing in

  async function login(wishes = {}) {
    await ready();
    await metadata();
    if (!crypto.subtle) throw new GatepassError('unsupported', 'WebCrypto, without https');
    const verifier = base64url(randomBytes(32));
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
    const { url, state, record } = ask('authorize', {
      ...wishes,
      state: base64url(randomBytes(16)),
      nonce: base64url(randomBytes(16)),
      verifier,
      challenge: base64url(new Uint8Array(digest)),
      now: now(),
    });
    if (!remember(TRANSACTION + state, record)) throw new GatepassError('storage_unavailable');
    leave(url);
  }

  /** Calls at the same time for the same answer share one redemption. */
  async function handleCallback(url = location.href) {
    url = new URL(url, globalThis.location?.href);
    const state = url.searchParams.get('state');
    if (!callbacks.has(state)) {
      const done = redeem(url, state).finally(() => callbacks.delete(state));
      callbacks.set(state, done);
    }
    return callbacks.get(state);
  }

  async function redeem(url, state) {
    await ready();
    const { token_endpoint: endpoint } = await metadata();
    const { body, nonce, return_to: returnTo } = answerOf(url, state);
    const reply = await persist('token', endpoint, () => body);
    keep(ask('sign_in', { ...claimsOf(reply.json?.id_token), nonce }, reply));
    emit('signed_in');
    return { returnTo };
  }

  /** The answer in the address, with what was remembered for it. Both are used up by it. */
  function answerOf(url, state) {
    const record = state ? read(TRANSACTION + state) : undefined;
    try {
      const answer = ask('redeem', { query: url.search.slice(1), record, now: now() });
      clean(url);
      return answer;
    } catch (error) {
      if (error.code !== 'callback_missing') clean(url);
      if (error.code === 'callback_foreign' && read(USED) === state) error = new GatepassError('callback_used');
      throw error;
    } finally {
      if (record) {
        remember(TRANSACTION + state);
        remember(USED, state);
      }
    }
  }

  // Calls with the token

  async function authorizedFetch(input, init) {
    await ready();
    const request = new Request(input, init);
    if (!origins.has(new URL(request.url).origin) || request.headers.has('authorization')) {
      return send('api', request);
    }
    return call('api', request, repeatable(request, input, init));
  }

  /** Makes the same request once more, if that can be done. Copying a body is slow, so it is the last resort. */
  function repeatable(request, input, init) {
    if (['GET', 'HEAD'].includes(request.method)) return () => request;
    if (init?.body instanceof ReadableStream) return undefined;
    if (!(input instanceof Request)) return () => new Request(request.url, init);
    const copy = request.clone();
    return () => copy;
  }

  /** Sends a request with the token; a 401 renews the token and repeats the request once, as `again` makes it. */
  async function call(kind, request, again) {
    if (!session.access) return send(kind, request);
    const { generation } = session;
    const response = await send(kind, authorize(request));
    if (response.status !== 401) return response;
    const renewed = renew(generation);
    if (!again) {
      // The caller can send it anew; by then the token should be good.
      await renewed.catch(() => {});
      return response;
    }
    return (await renewed) ? send(kind, authorize(again())) : response;
  }

  function authorize(request) {
    request.headers.set('authorization', `Bearer ${session.access}`);
    return request;
  }

  /** Sees to it that there is another token than the rejected one; false if there will be none. */
  async function renew(generation) {
    adopt();
    const verdict = ask('rejected', { generation }).do;
    if (verdict === 'refresh') {
      await refresh().catch((error) => {
        if (session.access) throw error;
      });
    }
    return verdict !== 'return' && !!session.access;
  }

  async function user() {
    await ready();
    if (!session.access) return null;
    const { userinfo_endpoint: endpoint } = await metadata();
    if (!endpoint) throw new GatepassError('unsupported', 'userinfo_endpoint');
    const request = new Request(endpoint);
    const reply = await replyOf(await call('userinfo', request, () => request));
    if (!session.access) return null;
    ask('check', {}, reply);
    if (!reply.json) throw new GatepassError('invalid_response', '', '', reply.status);
    return reply.json;
  }

  // Renewing

  /** Renews the tokens; whoever comes while it is under way shares it. */
  async function refresh() {
    const { flight } = ask('refresh');
    if (flight) renewal = fly(flight);
    return renewal;
  }

  async function fly(flight) {
    let reply = { status: 0 };
    let failed;
    try {
      const { token_endpoint: endpoint } = await metadata();
      reply = await persist('token', endpoint, () => ask('refresh_body', { flight }).body);
    } catch (error) {
      failed = error;
    }
    try {
      const { late, renewed, ...view } = ask('refreshed', { flight }, reply);
      keep(view);
      if (late) revoke(late, REVOCATION_TIMEOUT).catch(() => {});
      if (renewed) emit('refreshed');
    } catch (error) {
      if (error.code === 'session_ended') {
        keep({});
        emit('signed_out', { reason: error.reason });
        throw error;
      }
      failed ??= error;
      emit('refresh_failed', { code: failed.code });
      throw failed;
    }
    if (!session.access) throw new GatepassError('signed_out');
  }

  // Signing out

  async function logout({ provider = true, returnTo = '/' } = {}) {
    await ready();
    const { body, hint } = ask('sign_out');
    keep({});
    if (body) {
      emit('signed_out');
      // The best effort: tokens that nobody holds any more expire on their own.
      await Promise.race([revoke(body, REVOCATION_TIMEOUT).catch(() => {}), sleep(REVOCATION_TIMEOUT)]);
    }
    if (!provider) return;
    await metadata();
    const { url } = ask('end_session', { next: new URL(returnTo, redirectUri).href, hint });
    if (url) leave(url);
  }

  async function expireAccessToken() {
    await ready();
    await revoke(ask('expire').body);
  }

  function leave(url) {
    (options.navigate ?? ((url) => location.assign(url)))(url);
  }

  return {
    get signedIn() {
      return !!session.access;
    },
    login,
    handleCallback,
    fetch: authorizedFetch,
    async refresh() {
      await ready();
      adopt();
      return refresh();
    },
    user,
    logout,
    expireAccessToken,
    on(type, listener) {
      // An entry of its own, so that the same function may listen twice and stop once.
      const entry = (event) => listener(event);
      listeners.set(type, (listeners.get(type) ?? new Set()).add(entry));
      return () => listeners.get(type).delete(entry);
    },
  };
}

// The host

const now = () => Math.floor(Date.now() / 1000);

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const randomBytes = (length) => crypto.getRandomValues(new Uint8Array(length));

function base64url(bytes) {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
}

/** What came of a request: its status, and its JSON if it is some. */
async function replyOf(response) {
  const json = await response.json().catch((error) => {
    // What is not JSON is not an answer; what breaks off is none either.
    if (!(error instanceof SyntaxError)) throw error;
  });
  const { status, headers } = response;
  const isObject = typeof json === 'object' && json !== null;
  return { status, retryAfter: headers.get('retry-after') ?? undefined, json: isObject ? json : undefined };
}

/** The claims of an ID token that the core checks; several audiences on a line each. */
function claimsOf(idToken) {
  try {
    const payload = atob(idToken.split('.')[1].replace(/-/g, '+').replace(/_/g, '/'));
    const bytes = Uint8Array.from(payload, (character) => character.charCodeAt(0));
    const { iss, aud, azp, nonce } = JSON.parse(new TextDecoder().decode(bytes));
    return { 'claims.iss': iss, 'claims.aud': [aud].flat().join('\n'), 'claims.azp': azp, 'claims.nonce': nonce };
  } catch {
    // The core misses them.
    return {};
  }
}

function read(key) {
  try {
    return sessionStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a text under a key, or forgets it; says whether it could. */
function remember(key, text) {
  try {
    if (text === undefined) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, text);
    return true;
  } catch {
    return false;
  }
}

/** Takes the answer to a sign-in out of the address bar, if it is the page's address that holds it. */
function clean(url) {
  if (globalThis.location?.href !== url.href) return;
  for (const name of ['code', 'state', 'iss', 'session_state', 'scope', 'error', 'error_description', 'error_uri']) {
    url.searchParams.delete(name);
  }
  history.replaceState(history.state, '', url);
}
