// The provider's metadata: where its endpoints are.

import { ask } from './core.js';
import { persist } from './transport.js';

/**
 * The discovery document, fetched once for all who ask; after a failure the next one tries again.
 * `get` is how: `persist`, or `exchange` for those who try again themselves.
 */
export function metadata(client, get = persist) {
  client.discovery ??= discover(client, get).catch((error) => {
    client.discovery = undefined;
    throw error;
  });
  return client.discovery;
}

async function discover(client, get) {
  const { first, second } = client.locations;
  let reply = await get(client, 'discovery', first);
  try {
    ask(client, 'learn', {}, reply);
  } catch (error) {
    if (!['invalid_response', 'request_refused'].includes(error.code)) throw error;
    // The provider answers, but has nothing there.
    reply = await get(client, 'discovery', second);
    ask(client, 'learn', {}, reply);
  }
  return reply.json;
}
