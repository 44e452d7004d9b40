// Signing in: leaving for the provider, and what it sends the user back with.

import { ask } from './core.js';
import { metadata } from './discovery.js';
import { GatepassError } from './error.js';
import { emit } from './events.js';
import { base64url, now, randomBytes } from './host.js';
import { clean, leave } from './page.js';
import { keep } from './session.js';
import { read, remember } from './storage.js';
import { persist } from './transport.js';

const TRANSACTION = 'gatepass.transaction ';
const USED = 'gatepass.used';

export async function login(client, wishes = {}) {
  await metadata(client);
  if (!crypto.subtle) throw new GatepassError('unsupported', 'WebCrypto, without https');
  const verifier = base64url(randomBytes(32));
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  const transaction = ask(client, 'authorize', {
    ...wishes,
    state: base64url(randomBytes(16)),
    nonce: base64url(randomBytes(16)),
    verifier,
    challenge: base64url(new Uint8Array(digest)),
    now: now(),
  });
  if (!remember(TRANSACTION + transaction.state, transaction.record)) throw new GatepassError('storage_unavailable');
  leave(client, transaction.url);
}

/** Calls at the same time for the same answer share one sign-in. */
export async function handleCallback(client, address) {
  const url = new URL(address, globalThis.location?.href);
  const { callbacks } = client;
  const state = url.searchParams.get('state');
  if (!callbacks.has(state)) {
    const done = completeSignIn(client, url, state).finally(() => callbacks.delete(state));
    callbacks.set(state, done);
  }
  return callbacks.get(state);
}

async function completeSignIn(client, url, state) {
  const { token_endpoint: endpoint } = await metadata(client);
  const { body, nonce, return_to: returnTo } = takeAnswer(client, url, state);
  const reply = await persist(client, 'token', endpoint, () => body);
  keep(client, ask(client, 'sign_in', { ...claimsOf(reply.json?.id_token), nonce }, reply));
  emit(client, 'signed_in');
  return { returnTo };
}

/** The answer in the address, with what was remembered for it under `state`. Both are used up by it. */
function takeAnswer(client, url, state) {
  const record = state ? read(TRANSACTION + state) : undefined;
  try {
    const answer = ask(client, 'redeem', { query: url.search.slice(1), record, now: now() });
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
