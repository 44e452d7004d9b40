// The client, its files fetched one after the other: asked for many at once, the server of the test
// runner now and then leaves one connection without a thread, and the page waits for it for good.

// A file comes after those that it imports.
const files = [
  'error', 'host', 'storage', 'page', 'history', 'core', 'events', 'transport', 'discovery', 'revocation', 'session',
  'configuration', 'refresh', 'fetch', 'user', 'id-token', 'window-answer', 'sign-in', 'sign-out',
];

for (const file of files) await import(`../js/${file}.js`);

export const { makeClient } = await import('../js/client.js');
export const { popup } = await import('../js/window.js');
