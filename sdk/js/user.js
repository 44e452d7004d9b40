// Who is signed in.

import { ask } from './core.js';
import { metadata } from './discovery.js';
import { GatepassError } from './error.js';
import { sendWithToken } from './fetch.js';
import { claimsOf } from './id-token.js';
import { replyOf } from './transport.js';

export async function user(client) {
  if (!client.session.access) return null;
  const { userinfo_endpoint: endpoint } = await metadata(client);
  if (!endpoint) throw new GatepassError('unsupported', 'userinfo_endpoint');
  const reply = await replyOf(await sendWithToken(client, 'userinfo', endpoint, () => new Request(endpoint)));
  if (!client.session.access) return null;
  ask(client, 'check', {}, reply);
  // It must be about whom the ID token is about (OpenID Connect Core §5.3.2).
  const { id_token: idToken } = client.session.record;
  if (!reply.json || (idToken && claimsOf(idToken)?.sub !== reply.json.sub)) throw new GatepassError('invalid_response', '', '', reply.status);
  return reply.json;
}
