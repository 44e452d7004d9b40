// The client, its files fetched one after the other: asked for many at once, the server of the test
// runner now and then leaves one connection without a thread, and the page waits for it for good.

// A file comes after those that it imports.
const files = [
  'error', 'host', 'patience', 'web-storage', 'tab-storage', 'storage', 'page', 'history', 'lasting', 'core', 'events', 'channel', 'lock', 'transport', 'discovery', 'revocation',
  'session', 'configuration', 'id-token', 'refresh', 'fetch', 'tabs', 'user', 'window-answer', 'sign-in', 'sign-out',
  'indexed-db', 'dpop', 'vault', 'password',
];

for (const file of files) await import(`../js/${file}.js`);

const client = await import('../js/client.js');

/** A client without other tabs, since those of one test would hear those of another: tabs.test.mjs has real ones. */
export function makeClient(...given) {
  const { BroadcastChannel } = globalThis;
  globalThis.BroadcastChannel = undefined;
  try {
    return client.makeClient(...given);
  } finally {
    globalThis.BroadcastChannel = BroadcastChannel;
  }
}

export const { popup } = await import('../js/window.js');
