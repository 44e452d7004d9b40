// The page's life and the other tabs, for a client of the gateway. A message says what happened, never to whom.

import { meetOthers } from './channel.js';
import { endBreak, endsSoon, keepAlive, look, settle } from './gateway-session.js';
import { elapsed } from './host.js';

/** How old the gateway's word may be when a tab is looked at again, in milliseconds. */
const FRESH = 10_000;

export function meetTabsOfGateway(client) {
  meetOthers(client, hear, wake);
  // Whoever works at the page without calling anything, as at a long form, is there; an open page alone says nothing.
  for (const sign of ['pointerdown', 'keydown']) globalThis.addEventListener?.(sign, () => void keepAlive(client), { passive: true, capture: true });
}

function hear(client, data) {
  const { what, reason } = data ?? {};
  if (what === 'renewed') {
    client.renewals++;
    endBreak(client);
    return;
  }
  // A client that has asked nothing yet need not know.
  if (!client.asked) return;
  look(client, reason).catch(() => {
    // The other tab has it from the gateway.
    if (what === 'out') settle(client, { user: null, ended: reason }, ++client.asked);
  });
}

function wake(client, isSeen) {
  if (!client.asked || (isSeen && elapsed() - client.session?.at < FRESH)) return;
  endBreak(client);
  if (endsSoon(client)) keepAlive(client);
  else look(client).catch(() => {});
}
