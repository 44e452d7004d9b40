// The page's life and the other tabs, for a client of the gateway. A message says what happened, never to whom.

import { endBreak, endsSoon, keepAlive, look, settle } from './gateway-session.js';
import { elapsed } from './host.js';

/** How old the gateway's word may be when a tab is looked at again, in milliseconds. */
const FRESH = 10_000;

export function meetTabsOfGateway(client) {
  // A server has no tabs.
  if (!globalThis.addEventListener) return;
  const open = () => {
    if (!globalThis.BroadcastChannel) return;
    client.channel = new BroadcastChannel(client.key);
    client.channel.onmessage = ({ data }) => hear(client, data ?? {});
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
  globalThis.document?.addEventListener('visibilitychange', () => {
    const isFresh = elapsed() - client.session?.at < FRESH;
    if (document.visibilityState === 'visible' && !isFresh) wake(client);
  });
  // Whoever works at the page without calling anything, as at a long form, is there; an open page alone says nothing.
  for (const sign of ['pointerdown', 'keydown']) addEventListener(sign, () => void keepAlive(client), { passive: true, capture: true });
}

function hear(client, { what, reason }) {
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

/** The tab is looked at again, or the network is back. */
function wake(client) {
  if (!client.asked) return;
  endBreak(client);
  if (endsSoon(client)) keepAlive(client);
  else look(client).catch(() => {});
}
