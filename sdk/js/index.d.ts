/**
 * Sign-in with any OAuth 2.1 / OpenID Connect provider, and a `fetch` that stays signed in.
 *
 * ```ts
 * import { createClient } from 'gatepass';
 *
 * const client = createClient({
 *   issuer: 'http://localhost:4000',
 *   clientId: 'gatepass-demo',
 *   redirectUri: '/callback',
 *   apis: ['http://localhost:5000'],
 * });
 *
 * if (location.pathname === '/callback') {
 *   const { returnTo } = await client.handleCallback();
 *   history.replaceState(null, '', returnTo);
 * }
 * if (client.signedIn) {
 *   const response = await client.fetch('http://localhost:5000/api/data');
 * } else {
 *   await client.login({ returnTo: '/' }); // leaves the page
 * }
 * ```
 *
 * Importing does nothing: no network, no storage, no global is touched before the first call, so
 * the module loads on a server too.
 *
 * @packageDocumentation
 */

/** What {@link createClient} needs to know. */
export interface ClientOptions {
  /** The provider's issuer URL, to the letter as its discovery document has it (RFC 8414 §2), without a final slash. */
  issuer: string;
  /** This application's identifier at the provider: a public client, without a secret (RFC 6749 §2.1, §2.2). */
  clientId: string;
  /**
   * Where the provider sends the user back: the whole address, to the letter as registered (RFC 6749 §3.1.2, RFC 9700 §2.1), or
   * its path on this origin, as in `/callback`. Its page calls {@link Client.handleCallback}.
   */
  redirectUri: string;
  /**
   * What to ask for, separated by spaces (RFC 6749 §3.3).
   * @defaultValue `'openid profile offline_access read'`
   */
  scope?: string;
  /** Origins that receive the access token (RFC 6750 §2.1), as in `https://api.example.com`. The issuer's own always does; no other origin ever. */
  apis?: readonly string[];
  /** The resource that the tokens are for, an absolute URI (RFC 8707 §2). Default: the provider decides. */
  resource?: string;
  /**
   * Where the tokens live. `'memory'` forgets them on reload. `'session'` keeps them in `sessionStorage`, so
   * that a reload of the tab stays signed in; duplicates of the tab share its session, by way of an encrypted copy in
   * `localStorage` (which needs WebCrypto). `'local'` keeps them in `localStorage`, so that all tabs of this origin share
   * one session. A script injected into the page can read them in either. Or {@link indexedDbStorage}, the
   * {@link vault}, or a storage of your own. `docs/sdk-storage.md` compares them.
   * @defaultValue `'memory'`
   */
  storage?: 'memory' | 'session' | 'local' | SessionStorage;
  /** {@link dpop}: the tokens are bound to a key of this browser, where the provider offers it. */
  dpop?: ProofOfPossession;
  /** Used in place of the global `fetch`, for the client's own requests as well. It is called with one `Request`. */
  fetch?: (request: Request) => Promise<Response>;
  /**
   * Where the core is to come from if WebAssembly is missing or refused. Not needed in Node, with Vite, webpack, Rspack, Next.js,
   * or modules without a bundler: there the file `gatepass/fallback` is found by itself. With esbuild (`--splitting`), Rollup
   * (`output.dir`) or Parcel, pass `() => import('gatepass/fallback')`, which makes a chunk of its own that is loaded when it is
   * needed. Without it, the client rejects with `unsupported` where there is no WebAssembly.
   */
  fallback?: () => Promise<{ makeFallbackCore: () => unknown }>;
  /** Used in place of `location.assign` to leave the page, with the address to go to. */
  navigate?: (url: string) => void;
}

/**
 * Keeps one text under one key. Each function may be asynchronous, and may throw: a storage that fails ends no
 * session. Only what tokens are made of is kept; after a sign-out, only that there was one.
 */
export interface SessionStorage {
  /** The text under the key; nothing, if there is none. */
  read(key: string): string | null | undefined | Promise<string | null | undefined>;
  /** Keeps the text in place of the one before. */
  write(key: string, text: string): unknown;
  /** Forgets the text. Asked for when `write` failed: an old token is worse than none. */
  remove(key: string): unknown;
  /** Whether the tabs of this origin see the same texts. They then share one session, and renew it one at a time. */
  readonly shared?: boolean;
  /**
   * For a storage that keeps the refresh token to itself: sends the requests to the token and the revocation
   * endpoint, with the token in place of what `read` gave out instead of it.
   */
  send?(request: Request): Promise<Response>;
}

/** `RequestInit`, and what to do if the body would have to be sent twice. */
export interface FetchInit extends RequestInit {
  /**
   * A call that meets a 401 is sent again with a new token. A text, a blob, a form or bytes are sent as they are;
   * the body of a `Request` is copied before it is sent, which holds it in memory; a stream is not sent again, and
   * the call rejects with {@link NotReplayable}. `'never'` makes no copy and takes every body for a stream; a
   * function gives the body anew.
   */
  replay?: 'never' | (() => BodyInit);
}

/**
 * A storage in IndexedDB: all tabs of this origin share one session, and it outlives them. A script injected
 * into the page can read it.
 *
 * ```ts
 * import { indexedDbStorage } from 'gatepass';
 *
 * const options = { storage: indexedDbStorage() };
 * ```
 */
export function indexedDbStorage(): SessionStorage;

/**
 * A storage whose refresh token is with a worker alone: no object of the page ever holds it. Sessions outlive the
 * page, and all tabs share one. See `docs/sdk-storage.md` for what that stops and what not.
 *
 * ```ts
 * import { vault } from 'gatepass';
 *
 * const options = { storage: vault('/assets/vault-worker.js') };
 * ```
 *
 * @param source where this site serves the file `gatepass/vault-worker`, on its own origin, so no `data:` or `blob:`
 *   address; or a function that makes the worker. In Vite, import the address as `gatepass/vault-worker?url&no-inline`; in webpack and Next.js,
 *   it is `new URL('gatepass/vault-worker', import.meta.url)`
 * @throws {@link GatepassError} `invalid_options` for a `data:` address, whose worker has no storage
 */
export function vault(source: string | URL | (() => Worker)): SessionStorage;

/** The option `dpop`. Made by {@link dpop}. */
export interface ProofOfPossession {
  /** @internal */
  readonly __proof: unique symbol;
}

/**
 * Proof of possession (DPoP, RFC 9449): tokens are bound to a key that no script can read out of this browser, so that a
 * stolen one is of no use elsewhere. On where the provider offers it (`ES256`); a session that was begun without goes on
 * without. The key is deleted at sign-out.
 *
 * ```ts
 * import { dpop } from 'gatepass';
 *
 * const options = { dpop: dpop() };
 * ```
 *
 * APIs must take `Authorization: DPoP` and the header `DPoP` (CORS included), and let pages read `DPoP-Nonce` and
 * `WWW-Authenticate`.
 */
export function dpop(): ProofOfPossession;

/** How to begin a sign-in. */
export interface LoginOptions {
  /**
   * Where the user wants to be afterwards: a path on this origin, as in `/orders?page=2`.
   * {@link Client.handleCallback} gives it back.
   * @defaultValue `'/'`
   */
  returnTo?: string;
  /** The user name to fill in at the provider (`login_hint`, OpenID Connect Core §3.1.2.1). */
  loginHint?: string;
  /** `login` to sign in anew, `consent` to ask again, `select_account`, or `none` to ask nothing (OpenID Connect Core §3.1.2.1). */
  prompt?: string;
  /**
   * How many seconds ago the user may have proved who they are; longer ago, the provider asks again
   * (`max_age`, OpenID Connect Core §3.1.2.1). The ID token is held against it.
   */
  maxAge?: number;
  /** Another way than leaving the page: {@link popup}, {@link silent} or {@link password}. */
  via?: SignInWay;
}

/** A way to sign in that stays on the page. Made by {@link popup}, {@link silent} or {@link password}, for one sign-in. */
export interface SignInWay {
  /** @internal */
  readonly __way: unique symbol;
}

/**
 * Signs in with a password that the application itself has asked for: only for a first-party application of a Gatepass
 * provider that lets it (`direct_sign_in`). Rejects with `access_denied` if user name and password do not match, and with
 * `server_error` (429) after too many tries.
 *
 * ```ts
 * await client.login({ via: password('anna', 'what she typed') });
 * ```
 */
export function password(username: string, password: string): SignInWay;

/** How long to wait for another window. */
export interface WindowOptions {
  /**
   * Milliseconds until the sign-in is given up (`timeout`).
   * @defaultValue ten minutes for a popup, ten seconds for {@link silent}
   */
  timeout?: number;
  /** Gives the sign-in up; it rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Signs in through a popup. Call it while the click is handled, before anything is awaited: it opens the
 * window at once, and a browser blocks one that comes later.
 *
 * ```ts
 * button.onclick = () => client.login({ via: popup() });
 * ```
 *
 * The popup ends on the page of the `redirectUri`, which is on the same origin as this page and calls
 * {@link Client.handleCallback} as always: that hands the answer over and closes the popup. The sign-in then
 * resolves, or rejects with `popup_blocked`, `popup_closed`, `timeout` or what
 * {@link Client.handleCallback} rejects with.
 */
export function popup(options?: WindowOptions & {
  /**
   * Of `window.open`.
   * @defaultValue `'popup,width=480,height=640'`
   */
  features?: string;
}): SignInWay;

/**
 * Signs in whoever is signed in at the provider, in a hidden frame, and asks nobody anything: otherwise it
 * rejects with `login_required`, `consent_required` or `interaction_required`. Where a browser keeps cookies
 * from frames of other sites, that is so for a provider on another site, whoever is signed in there.
 *
 * ```ts
 * if (!client.signedIn) await client.login({ via: silent() }).catch(() => {});
 * ```
 *
 * The page of the `redirectUri` must allow this origin to frame it (`frame-ancestors 'self'`).
 */
export function silent(options?: WindowOptions): SignInWay;

/** How to sign out. */
export interface LogoutOptions {
  /**
   * Whether to end the provider's own session too, which leaves the page.
   * @defaultValue `true`
   */
  provider?: boolean;
  /**
   * Where the provider sends the user afterwards: a path on this origin or a whole URL, registered at the
   * provider (`post_logout_redirect_uri`, OpenID Connect RP-Initiated Logout §3). Not used when `provider` is `false`.
   * @defaultValue the top of the `redirectUri`'s origin
   */
  returnTo?: string;
}

/** What the provider says about the user (OpenID Connect Core §5.1, §5.3). */
export interface User {
  /** The user's identifier at this issuer; it never changes. */
  sub: string;
  /** The full name. */
  name?: string;
  /** What the user wants to be called by; it may change. */
  preferred_username?: string;
  /** The e-mail address. */
  email?: string;
  /** Whether the provider has seen that the address is the user's. */
  email_verified?: boolean;
  /** The address of a picture. */
  picture?: string;
  /** Any other claim. */
  [claim: string]: unknown;
}

/** What happened, by the type of the event. */
export interface ClientEvents {
  /** A sign-in was completed, here or in a tab that shares the storage. */
  signed_in: Record<string, never>;
  /**
   * The session is over. `reason` is absent when {@link Client.logout} ended it, in this tab or another; otherwise the
   * provider did, and says why. Gatepass: `replayed`, `code_replayed`, `expired`, `revoked`,
   * `signed_out` (at the provider), `administrator`, `consent_withdrawn`. Another provider, or a grant that
   * Gatepass does not know: `invalid_grant`. With {@link dpop}, `key_lost` says that the key was deleted, without which
   * nothing can renew the session.
   */
  signed_out: { reason?: string };
  /** There are new tokens. */
  refreshed: Record<string, never>;
  /**
   * The tokens could not be renewed. Nobody is signed out by it: a later call tries again, after a second, then
   * longer and longer up to ten, or after as long as the server asked for.
   */
  refresh_failed: { code: GatepassErrorCode };
  /** A request of this client was answered, or failed on the way (`status` 0). */
  request: RequestEvent;
}

/** One request on the wire. A call that was retried makes several. */
export interface RequestEvent {
  /** The HTTP method. */
  method: string;
  /**
   * The whole address. In the client's own requests no address holds a secret: codes and tokens are in
   * the body or a header. A query of {@link Client.fetch} is the application's own.
   */
  url: string;
  /** The HTTP status; 0 if there was no answer. */
  status: number;
  /** From sending it to the head of the answer, in milliseconds. */
  durationMs: number;
  /** `api`: {@link Client.fetch}; the others are the client's own. `session`: a question of a {@link GatewayClient}. */
  kind: 'api' | 'discovery' | 'push' | 'token' | 'keys' | 'userinfo' | 'revocation' | 'session';
}

/** Something that happened, as {@link Client.explain} tells it. Which fields there are depends on what it was. */
export interface HistoryEntry {
  /** When, in milliseconds since 1970. */
  at: number;
  /**
   * What: an event of {@link ClientEvents}, with its fields; `started`, the client's `core` is ready; `restarted`, it
   * failed and another took its place;
   * `decided`, what the core said about a `call` inside; `failed`, a `call` of the application was rejected with `error`.
   */
  event: keyof ClientEvents | 'started' | 'restarted' | 'decided' | 'failed';
  /** Which call was decided about, or failed. */
  call?: string;
  /**
   * What to do about a 401: `refresh`, `repeat` with the newer token, or `return` it as it is. Without a 401, `early`: to
   * renew a token that is about to expire.
   */
  verdict?: string;
  /** How many milliseconds to wait before the next try. */
  wait?: number;
  /** Why a call is refused: a {@link GatepassErrorCode}, or the name of another error. */
  error?: string;
  /** Why the provider ended the session, or refused. */
  reason?: string;
  /** The HTTP status of an answer; 0 if there was none. */
  status?: number;
  /** The address of a request, without its query. */
  url?: string;
  /** As in {@link ClientEvents} and {@link RequestEvent}. */
  [field: string]: string | number | boolean | undefined;
}

/** Signs a user in and out and calls APIs on the user's behalf. Made by {@link createClient}. */
export interface Client {
  /** Whether there is a session. It may turn out to be over when it is next used; see `signed_out`. */
  readonly signedIn: boolean;

  /**
   * Resolves when the storage has been read. `signedIn` says the truth from the first with the storages that answer
   * at once; with {@link indexedDbStorage} and {@link vault} it does from here on.
   * @throws {@link GatepassError} `invalid_options`, `unsupported`, as every call that comes first
   */
  ready(): Promise<void>;

  /**
   * Begins a sign-in with a code and PKCE (RFC 6749 §4.1, RFC 7636): leaves the page for the provider. It resolves when the
   * browser has been told to leave, so let nothing come after it. The request is pushed where the provider offers it (RFC 9126), and
   * goes in the address if that fails.
   * @throws {@link GatepassError} `invalid_return_to`, `storage_unavailable`, or a code of a failed discovery
   */
  login(options?: LoginOptions & { via?: undefined }): Promise<void>;

  /**
   * Signs in on this page, another {@link LoginOptions.via | way}.
   * @returns where the user wanted to be
   * @throws {@link GatepassError} as that way says
   */
  login(options: LoginOptions & { via: SignInWay }): Promise<{ returnTo: string }>;

  /**
   * Completes a sign-in on the page of the `redirectUri` (RFC 6749 §4.1.3, RFC 9207, OpenID Connect Core §3.1.3.7), and removes the
   * answer from the address bar.
   * @param url the address that the provider sent the user to; default: the page's
   * @returns where the user wanted to be
   * @throws {@link GatepassError} `callback_missing`, `callback_used`, `callback_foreign`,
   *   `callback_expired`, `issuer_mismatch`, `access_denied` or another code of the provider's answer,
   *   `invalid_id_token`
   */
  handleCallback(url?: string | URL): Promise<{ returnTo: string }>;

  /**
   * `fetch` with the access token (RFC 6750 §2.1), for the origins in {@link ClientOptions.apis}; for all others, and
   * when signed out, plain `fetch`. A call with its own `Authorization` header is left alone too.
   *
   * A 401 renews the token and repeats the call once. However many calls meet a 401, in however many tabs
   * that share the storage, and whenever, one rejected token is renewed once. The second 401 and any 403 are
   * returned as they are, and so is the one that shows that the session is over, or that somebody has signed in anew
   * meanwhile: what one user has begun is not done as another. A token that is about to expire is
   * renewed beforehand, aside; before a body that cannot be sent twice, first.
   *
   * `signal` ends the call. A refresh that is on its way ends by itself: its token would be lost otherwise.
   *
   * Where an API redirects to another origin, even another of {@link ClientOptions.apis}, the browser leaves the
   * token behind (tested in Chromium; Chrome does so since 119, Firefox since 111), and a 401 from there is returned as it is: it
   * says nothing of the token. Call such an origin by its own address. A proof (`dpop`) does go along, and is
   * worth nothing without the token. `redirect: 'manual'` or `'error'` follows no redirect at all.
   *
   * @throws whatever `fetch` throws; {@link GatepassError} `network_error`, `timeout`, `server_error` …
   *   if the token could not be renewed for a passing reason, after twelve seconds at most: the user is then still
   *   signed in; {@link NotReplayable}
   */
  fetch(input: RequestInfo | URL, init?: FetchInit): Promise<Response>;

  /**
   * Renews the tokens now (RFC 6749 §6). Calls at the same time share one request.
   * @throws {@link GatepassError} `session_ended` if the provider has ended it, `signed_out`, `not_refreshable`, or a
   *   passing reason
   */
  refresh(): Promise<void>;

  /**
   * Asks the provider who the user is (OpenID Connect Core §5.3); `null` when signed out.
   * @throws {@link GatepassError} `unsupported` if the provider has no userinfo endpoint, `invalid_response` if it speaks of
   *   another user than the ID token did, `request_refused`, or a passing reason
   */
  user(): Promise<User | null>;

  /**
   * Signs out: forgets the tokens at once, asks the provider to revoke them (RFC 7009 §2.1), then leaves the page
   * to end the provider's own session (OpenID Connect RP-Initiated Logout §2).
   * @throws {@link GatepassError} if the provider cannot be reached. The tokens are forgotten all the same.
   */
  logout(options?: LogoutOptions): Promise<void>;

  /**
   * Asks the provider to revoke the access token and goes on using it, so that the next call meets
   * a real 401. For demonstrations and tests.
   * @throws {@link GatepassError} `signed_out`, `unsupported` if the provider offers no revocation, or a passing reason
   */
  expireAccessToken(): Promise<void>;

  /**
   * What happened and why: the last hundred entries, the oldest first. There is no secret in them, so that they can
   * go into a bug report: what could be one is `…`.
   */
  explain(): HistoryEntry[];

  /**
   * Listens to an event.
   * @returns a function that stops listening
   */
  on<Type extends keyof ClientEvents>(type: Type, listener: (event: ClientEvents[Type]) => void): () => void;
}

/** What can go wrong. The codes are stable; the messages are for people and may change. */
export type GatepassErrorCode =
  /** An option of {@link createClient} is missing or malformed. Any call may say so. */
  | 'invalid_options'
  /** `returnTo` is not a path on this origin. */
  | 'invalid_return_to'
  /** The discovery document is missing, unreadable, or another issuer's (RFC 8414 §3.3). */
  | 'discovery_failed'
  /**
   * The provider does not offer what the call needs, the browser lacks WebCrypto, or the file of {@link vault} does not load.
   * Or there is no WebAssembly, or the content security policy refuses it, and the fallback was not found: then pass
   * `fallback: () => import('gatepass/fallback')` to {@link createClient}, as esbuild and Rollup need it, or let the policy
   * have `'wasm-unsafe-eval'`.
   */
  | 'unsupported'
  /**
   * `sessionStorage` is missing or refuses; a sign-in cannot be begun without it. Or IndexedDB does not answer, which has the
   * key of {@link dpop}: later it may.
   */
  | 'storage_unavailable'
  /** The address holds no answer to a sign-in. */
  | 'callback_missing'
  /** The answer was used before: a reload, or the back button. */
  | 'callback_used'
  /** The answer belongs to no sign-in that this tab began, or the window that began it is gone. */
  | 'callback_foreign'
  /** The sign-in was begun more than an hour ago. */
  | 'callback_expired'
  /** The answer comes from another issuer, or does not say from which (RFC 9207). */
  | 'issuer_mismatch'
  /** The ID token is missing, not for this client, this sign-in or this time, or not signed by the provider (OpenID Connect Core §3.1.3.7). */
  | 'invalid_id_token'
  /** The browser did not open the popup. */
  | 'popup_blocked'
  /** The user closed the popup. */
  | 'popup_closed'
  /** The user or the provider said no (RFC 6749 §4.1.2.1). */
  | 'access_denied'
  /** `prompt: 'none'`, and the user would have to sign in (OpenID Connect Core §3.1.2.6, as the next two). */
  | 'login_required'
  /** `prompt: 'none'`, and the user would have to agree. */
  | 'consent_required'
  /** `prompt: 'none'`, and the user would have to do something. */
  | 'interaction_required'
  /** The provider refused the sign-in; the message has its error code (RFC 6749 §4.1.2.1). */
  | 'authorization_failed'
  /** The provider refused a token, user information or revocation request; the message has its error code (RFC 6749 §5.2, RFC 6750 §3.1, RFC 7009 §2.2.1). */
  | 'request_refused'
  /** The provider ended the session (`invalid_grant` for the current tokens, RFC 6749 §5.2); `reason` says why. */
  | 'session_ended'
  /** There is no session, or it ended while the call was under way. */
  | 'signed_out'
  /** The provider gave no refresh token: a new sign-in is needed when the access token expires. */
  | 'not_refreshable'
  /** A call met a 401, and its body cannot be sent again: see {@link NotReplayable}. */
  | 'not_replayable'
  /** The provider could not be reached. */
  | 'network_error'
  /** The provider did not answer in time; of a sign-in through another window, nobody did. */
  | 'timeout'
  /** The provider answered 408, 429 or 5xx; see `status`. */
  | 'server_error'
  /** The provider's answer could not be read. */
  | 'invalid_response'
  /** The package is at fault: please report it. */
  | 'malformed_call';

/** What every method rejects with, except for what `fetch` itself throws. */
export class GatepassError extends Error {
  /** To know the error by. */
  readonly name: 'GatepassError';
  /** What went wrong, for programs. */
  readonly code: GatepassErrorCode;
  /** Why the provider ended the session: its `gatepass_reason`, or `invalid_grant` if it gives none. */
  readonly reason?: string;
  /** The HTTP status of the answer, if one was the cause. */
  readonly status?: number;
}

/**
 * A call met a 401, and its body cannot be sent again. The token has been renewed, so the same call with a new
 * body will do: `error.code === 'not_replayable'`.
 */
export interface NotReplayable extends GatepassError {
  /** By which it is known. */
  readonly code: 'not_replayable';
  /** The 401. */
  readonly response: Response;
}

/**
 * Makes a client. One for the whole page is enough; one for each provider, if there are several. Nothing is started yet: what
 * is wrong with the options, the first call says (`invalid_options`).
 *
 * On a server, a client that a module makes belongs to all requests. It is there to be rendered: sign nobody in with it.
 */
export function createClient(options: ClientOptions): Client;

/** What {@link createGatewayClient} needs to know: nothing, on a page of the gateway's. */
export interface GatewayClientOptions {
  /**
   * The gateway's origin, as in `https://app.example.com`. Calls are refused that come from pages of another.
   * @defaultValue the origin of the page
   */
  gateway?: string;
  /** Used in place of the global `fetch`, for the client's own requests as well. It is called with one `Request`. */
  fetch?: (request: Request) => Promise<Response>;
  /** Used in place of `location.assign` to leave the page, with the address to go to. */
  navigate?: (url: string) => void;
}

/** How to begin a sign-in at the gateway. */
export interface GatewayLoginOptions {
  /**
   * Where the user wants to be afterwards: a path on the gateway's origin, as in `/orders?page=2`. The gateway leads there.
   * @defaultValue `'/'`
   */
  returnTo?: string;
  /** Where to sign in: the name of a registration of the gateway's. Default: the only one; of several, the gateway asks. */
  provider?: string;
}

/** How to sign out at the gateway. */
export interface GatewayLogoutOptions {
  /**
   * Whether to end the provider's own session too, which leaves the page, and leads back to `/`.
   * @defaultValue `true`
   */
  provider?: boolean;
}

/**
 * Signs a user in and out and calls APIs through the gateway, which has the tokens. Made by {@link createGatewayClient}.
 * What {@link Client} has and this has not, the gateway does.
 */
export interface GatewayClient {
  /**
   * Whether somebody is signed in; `undefined` while that is not known. The session's cookie cannot be read, so the
   * gateway must say it: see {@link GatewayClient.ready}.
   */
  readonly signedIn: boolean | undefined;

  /**
   * Asks the gateway who is signed in, once; resolves when it is known. `signed_in` then says that somebody is, and `signed_out`
   * why the browser's last session ended, if the gateway knows.
   * @throws {@link GatepassError} `network_error`, `timeout`, `server_error` …: it is still unknown, and the next call asks again
   */
  ready(): Promise<void>;

  /**
   * Leaves the page for the gateway's `/login`.
   * @throws {@link GatepassError} `invalid_return_to`
   */
  login(options?: GatewayLoginOptions): Promise<void>;

  /**
   * `fetch` with the header that the gateway demands, for paths under `/api/` on its origin; for all else plain `fetch`.
   *
   * The gateway attaches the token, and renews it. A 401 that comes all the same makes the client ask it to renew the session, once
   * for all calls of all tabs, and repeats the call once. If the session is over, the 401 is returned, and
   * `signed_out` says why. A second 401, one for want of scope or fresh proof, and any 403 are returned as they are; so is the 401
   * if meanwhile another user has signed in.
   *
   * @throws whatever `fetch` throws; {@link GatepassError} `network_error`, `timeout`, `server_error` … if the session could not
   *   be renewed for a passing reason: the user is then still signed in; {@link NotReplayable}
   */
  fetch(input: RequestInfo | URL, init?: FetchInit): Promise<Response>;

  /**
   * Has the gateway keep the session alive, and renew the access token if it has expired. Rarely needed: every call keeps the
   * session alive, and so does a key or a click while the session ends soon.
   * @throws {@link GatepassError} `session_ended`, with the reason; `signed_out`; or a passing reason
   */
  refresh(): Promise<void>;

  /**
   * Who is signed in, as the provider said at the sign-in; `null` when signed out.
   * @throws {@link GatepassError} as {@link GatewayClient.ready}
   */
  user(): Promise<User | null>;

  /**
   * Signs out, in all tabs: the gateway ends the session and gives the tokens back. Then leaves the page to end the
   * provider's own session, if it has a place for that.
   * @throws {@link GatepassError} if the gateway cannot be reached. The user is then still signed in: no page can take the
   *   cookie away.
   */
  logout(options?: GatewayLogoutOptions): Promise<void>;

  /** As {@link Client.explain}. */
  explain(): HistoryEntry[];

  /**
   * Listens to an event. The `reason` of `signed_out` is what the gateway calls `ended`, as in `idle`, `replayed`
   * or `signed_out_at_provider`; absent after {@link GatewayClient.logout}.
   * @returns a function that stops listening
   */
  on<Type extends keyof ClientEvents>(type: Type, listener: (event: ClientEvents[Type]) => void): () => void;
}

/**
 * Makes a client for an application behind the gateway: no token is in the browser, only a cookie that no script
 * can read. A bundle with this client alone has no WebAssembly in it.
 *
 * ```ts
 * import { createGatewayClient } from 'gatepass';
 *
 * const client = createGatewayClient();
 * await client.ready();
 * if (client.signedIn) {
 *   const user = await client.user();
 *   const response = await client.fetch('/api/data');
 *   show(`${user?.name}: ${await response.text()}`);
 * } else {
 *   await client.login({ returnTo: location.pathname }); // leaves the page
 * }
 * ```
 *
 * Nothing is asked before the first call. What is wrong with the options, that says.
 */
export function createGatewayClient(options?: GatewayClientOptions): GatewayClient;
