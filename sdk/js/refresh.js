// Renewing the tokens: one request at a time, shared by all who want it.

import { ask } from './core.js';
import { metadata } from './discovery.js';
import { GatepassError } from './error.js';
import { emit } from './events.js';
import { tryToRevoke } from './revocation.js';
import { adoptStored, keep } from './session.js';
import { persist } from './transport.js';

/** `client.refresh`. */
export function refreshTokens(client) {
  adoptStored(client);
  return joinRefresh(client);
}

/** Begins a refresh; whoever comes while it is under way shares it. */
export async function joinRefresh(client) {
  const { flight } = ask(client, 'refresh');
  if (flight) client.renewal = fly(client, flight);
  return client.renewal;
}

/** The refresh that the core calls `flight`, from its first try to what becomes of the session. */
async function fly(client, flight) {
  let reply = { status: 0 };
  let failed;
  try {
    const { token_endpoint: endpoint } = await metadata(client);
    reply = await persist(client, 'token', endpoint, () => ask(client, 'refresh_body', { flight }).body);
  } catch (error) {
    failed = error;
  }
  try {
    const { late, renewed, ...view } = ask(client, 'refreshed', { flight }, reply);
    keep(client, view);
    if (late) tryToRevoke(client, late);
    if (renewed) emit(client, 'refreshed');
  } catch (error) {
    if (error.code === 'session_ended') {
      keep(client, {});
      emit(client, 'signed_out', { reason: error.reason });
      throw error;
    }
    failed ??= error;
    emit(client, 'refresh_failed', { code: failed.code });
    throw failed;
  }
  if (!client.session.access) throw new GatepassError('signed_out');
}
