// The provider's metadata: where its endpoints are.

import { ask } from './core.js';
import { persist } from './transport.js';

/** The discovery document, fetched once for all who ask; after a failure the next one tries again. */
export function metadata(client) {
  client.discovery ??= discover(client).catch((error) => {
    client.discovery = undefined;
    throw error;
  });
  return client.discovery;
}

async function discover(client) {
  const { first, second } = client.locations;
  let reply = await persist(client, 'discovery', first);
  try {
    ask(client, 'learn', {}, reply);
  } catch (error) {
    if (!['invalid_response', 'request_refused'].includes(error.code)) throw error;
    // The provider answers, but has nothing there.
    reply = await persist(client, 'discovery', second);
    ask(client, 'learn', {}, reply);
  }
  return reply.json;
}
