// The page's life, and what a tab says to the others. No message has a token or says who is signed in.

/**
 * Opens the channel to the other tabs, and listens to what happens to this one. `hear` gets what another tab said. `wake` is
 * called when the tab is looked at again, or the network is back; `isSeen` if it is no more than the first.
 */
export function meetOthers(client, hear, wake) {
  // A server has no tabs.
  if (!globalThis.addEventListener) return;
  const open = () => {
    try {
      client.channel = new BroadcastChannel(client.key);
      client.channel.onmessage = ({ data }) => hear(client, data);
    } catch {
      // There are none, or the browser refuses it, as Firefox does where a user blocks all cookies.
    }
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
  globalThis.document?.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && wake(client, true));
}

/** Says that the storage has changed; with `out`, that the sign-ins up to that one are over. */
export function tellTabs({ channel }, out = 0) {
  try {
    channel?.postMessage(out);
  } catch {
    // The page is on its way out.
  }
}
