// Giving tokens back to the provider.

import { ask } from './core.js';
import { metadata } from './discovery.js';
import { GatepassError } from './error.js';
import { exchange } from './transport.js';

/** How long a sign-out waits for a revocation, in milliseconds. */
export const REVOCATION_TIMEOUT = 3_000;

/** Revokes the token that `body` names. */
export async function revoke(client, body, timeout) {
  const { revocation_endpoint: endpoint } = await metadata(client);
  if (!endpoint) throw new GatepassError('unsupported', 'revocation_endpoint');
  const reply = await exchange(client, 'revocation', endpoint, body, timeout);
  ask(client, 'check', {}, reply);
}

/** The same as far as it can be done: tokens that nobody holds any more expire on their own. */
export function tryToRevoke(client, body) {
  return revoke(client, body, REVOCATION_TIMEOUT).catch(() => {});
}

/** Has the provider reject the access token, for developers who want to see a real refresh. */
export async function expireAccessToken(client) {
  await revoke(client, ask(client, 'expire').body);
}
