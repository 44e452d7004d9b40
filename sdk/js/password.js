// Signing in with a password, for first-party applications of a provider that lets them ask for it themselves: Gatepass, at
// `POST /auth/login`. What comes of it is a session like any other.

import { tellTabs } from './channel.js';
import { ask } from './core.js';
import { metadata } from './discovery.js';
import { GatepassError } from './error.js';
import { verifiedClaims } from './id-token.js';
import { keep, recall } from './session.js';
import { replyOf, send, withoutAnswer } from './transport.js';

/** How long the answer is waited for, in milliseconds. A password is not sent twice: each try is counted. */
const TIMEOUT = 15_000;

/** A way to sign in: a value for the option `via` of `login`. */
export function password(username, password) {
  if (typeof username !== 'string') throw new GatepassError('invalid_options', 'via: password(username, password)');
  return async (client, { returnTo = '/' }) => {
    const { issuer, clientId: client_id, scope, resource } = client.options;
    // Of `/.//host`, `URL` would make `//host`: it is given back as it came.
    if (!/^\/(?!\/)[^\\\0-\x1f\x7f]*$/.test(returnTo)) throw new GatepassError('invalid_return_to');
    // The answer comes to the page, which must not meet what the vault keeps.
    if (client.storage?.send) throw new GatepassError('unsupported', 'a password with the vault');
    await metadata(client);
    const body = JSON.stringify({ client_id, username, password, scope, resource });
    const reply = await post(client, `${issuer}/auth/login`, body);
    if (reply.json?.error === 'invalid_grant') throw new GatepassError('access_denied', '', '', reply.status);
    await keep(client, ask(client, 'sign_in', { ...(await verifiedClaims(client, reply)), ...(await recall(client)) }, reply));
    tellTabs(client);
    return { returnTo };
  };
}

async function post(client, url, body) {
  const make = () => new Request(url, {
    method: 'POST', body, headers: { 'content-type': 'application/json' }, credentials: 'omit', redirect: 'error', signal: AbortSignal.timeout(TIMEOUT),
  });
  try {
    return await replyOf(await send(client, 'token', make));
  } catch (error) {
    return withoutAnswer(error);
  }
}
