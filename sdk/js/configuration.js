// Configuration: the core is started when it is first needed, and given the options.

import { ask } from './core.js';
import { GatepassError } from './error.js';
import { note } from './history.js';
import { lastingCore } from './lasting.js';
import { adoptStored } from './session.js';

/** Starts the core, once for all who need it; after a failure the next one tries again. */
export function ready(client) {
  client.starting ??= startCore(client).catch((error) => {
    client.starting = undefined;
    throw error;
  });
  return client.starting;
}

async function startCore(client) {
  const { issuer, apis, storage } = client.options;
  if (storage && storage !== 'memory' && !client.storage) throw new GatepassError('invalid_options', 'storage');
  const makeCore = await client.start();
  client.core = lastingCore(client, makeCore);
  note(client, 'started', { core: makeCore.core });
  client.locations = ask(client, 'configure');
  client.origins = new Set([issuer, ...(apis ?? [])].map(originOf));
  await adoptStored(client);
}

/** An origin; a path would promise a limit that does not hold. */
function originOf(url, index) {
  try {
    const { origin, href } = new URL(url);
    if (!index || href === `${origin}/`) return origin;
  } catch {
    // No URL at all.
  }
  throw new GatepassError('invalid_options', 'apis');
}
