// The other tabs: one at a time renews the tokens, and all hear of what changed. No name and no message
// has a token or says who is signed in.

import { meetOthers } from './channel.js';
import { ready } from './configuration.js';
import { ask } from './core.js';
import { joinRefresh } from './refresh.js';
import { tryToRevoke } from './revocation.js';
import { adoptStored, isDue, keep, recall } from './session.js';

export function meetTabs(client) {
  meetOthers(client, hear, (client) => wake(client).catch(() => {}));
}

function hear(client, out) {
  ready(client).then(() => follow(client, out)).catch(() => {});
}

async function follow(client, out) {
  await adoptStored(client);
  if (!client.session.access || !(client.session.record.sign_in <= out)) return;
  const { body, ...view } = ask(client, 'sign_out', await recall(client));
  await keep(client, view);
  // What tabs share, the one that signed out has revoked.
  if (!client.storage?.shared) tryToRevoke(client, body);
}

/** What could not be done may be done now. */
async function wake(client) {
  if (!client.core) return;
  client.circuit = ask(client, 'hint');
  await adoptStored(client);
  if (isDue(client, 'soon')) await joinRefresh(client).catch(() => {});
}
