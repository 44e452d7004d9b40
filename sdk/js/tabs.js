// The other tabs: one at a time renews the tokens, and all hear of what changed. No name and no message
// has a token or says who is signed in.

import { ready } from './configuration.js';
import { ask } from './core.js';
import { joinRefresh } from './refresh.js';
import { tryToRevoke } from './revocation.js';
import { adoptStored, isDue, keep, recall } from './session.js';

/** Opens the channel to the other tabs, and listens to what happens to this one. */
export function meetTabs(client) {
  // A server has no tabs.
  if (!globalThis.addEventListener) return;
  const open = () => {
    if (!globalThis.BroadcastChannel) return;
    client.channel = new BroadcastChannel(client.key);
    client.channel.onmessage = ({ data }) => void ready(client).then(() => hear(client, data)).catch(() => {});
  };
  open();
  // A page that is kept for the back button must not hold a channel open, and has heard nothing meanwhile.
  addEventListener('pagehide', () => client.channel?.close());
  addEventListener('pageshow', ({ persisted }) => {
    if (!persisted) return;
    open();
    wake(client);
  });
  addEventListener('online', () => wake(client));
  globalThis.document?.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && wake(client));
}

async function hear(client, out) {
  await adoptStored(client);
  if (!client.session.access || !(client.session.record.sign_in <= out)) return;
  const { body, ...view } = ask(client, 'sign_out', await recall(client));
  await keep(client, view);
  // What tabs share, the one that signed out has revoked.
  if (!client.storage?.shared) tryToRevoke(client, body);
}

/** The tab is looked at again, or the network is back: what could not be done may be done now. */
async function wake(client) {
  if (!client.core) return;
  client.circuit = ask(client, 'hint');
  await adoptStored(client);
  if (isDue(client, 'soon')) await joinRefresh(client).catch(() => {});
}
