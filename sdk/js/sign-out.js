// Signing out: here at once, at the provider as far as it can be done.

import { ask } from './core.js';
import { metadata } from './discovery.js';
import { emit } from './events.js';
import { sleep } from './host.js';
import { leave } from './page.js';
import { REVOCATION_TIMEOUT, tryToRevoke } from './revocation.js';
import { keep } from './session.js';

export async function logout(client, { provider = true, returnTo = '/' } = {}) {
  const { body, hint } = ask(client, 'sign_out');
  keep(client, {});
  if (body) {
    emit(client, 'signed_out');
    // Finding the provider may take longer than the revocation itself.
    await Promise.race([tryToRevoke(client, body), sleep(REVOCATION_TIMEOUT)]);
  }
  if (!provider) return;
  await metadata(client);
  const next = new URL(returnTo, client.options.redirectUri).href;
  const { url } = ask(client, 'end_session', { next, hint });
  if (url) leave(client, url);
}
