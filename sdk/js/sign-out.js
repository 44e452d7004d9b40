// Signing out: here at once, at the provider as far as it can be done.

import { tellTabs } from './channel.js';
import { ask } from './core.js';
import { metadata } from './discovery.js';
import { sleep } from './host.js';
import { leave } from './page.js';
import { REVOCATION_TIMEOUT, tryToRevoke } from './revocation.js';
import { keep, recall } from './session.js';

export async function logout(client, { provider = true, returnTo = '/' } = {}) {
  const { body, hint, ...view } = ask(client, 'sign_out', await recall(client));
  await keep(client, view);
  if (body) {
    // Tabs that share the session sign out of this one; those that do not, of theirs.
    tellTabs(client, client.storage?.shared ? Number(view.sign_in) : Infinity);
    // At once: whoever signs in meanwhile is to have another key.
    const forgotten = client.options.dpop?.forget(client);
    // Finding the provider may take longer than the revocation itself.
    await Promise.race([tryToRevoke(client, body), sleep(REVOCATION_TIMEOUT)]);
    await forgotten;
  }
  if (!provider) return;
  const json = await metadata(client);
  const next = new URL(returnTo, client.options.redirectUri).href;
  const { url } = ask(client, 'end_session', { next, hint }, { json });
  if (url) leave(client, url);
}
