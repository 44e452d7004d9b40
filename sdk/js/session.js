// The session as the core said it last, and its place in the store.

import { ask } from './core.js';
import { read, remember } from './storage.js';

/** Keeps what the core says of the session. A store that refuses ends nothing, and must not be outdated. */
export function keep(client, view) {
  const changed = view.record !== client.session.record;
  client.session = view;
  const key = keyOf(client);
  if (!key || !changed) return;
  if (!view.record || !remember(key, view.record)) remember(key);
}

/** Takes what another client of this tab has put into the store. */
export function adoptStored(client) {
  keep(client, ask(client, 'adopt', { record: recall(client) }));
}

/** The record in the store, if there is one. */
export function recall(client) {
  const key = keyOf(client);
  return key && read(key);
}

/** Where the record is, if it is to be stored at all. */
function keyOf({ options: { storage, issuer, clientId } }) {
  return storage === 'session' ? `gatepass.session ${issuer} ${clientId}` : undefined;
}
