// Renewing the tokens: one request at a time, shared by all who want it.

import { tellTabs } from './channel.js';
import { ask, consult, refusal } from './core.js';
import { metadata } from './discovery.js';
import { GatepassError } from './error.js';
import { emit } from './events.js';
import { sleep, unlessAborted } from './host.js';
import { isAboutTheSame } from './id-token.js';
import { holdLock } from './lock.js';
import { tryToRevoke } from './revocation.js';
import { keep, recall } from './session.js';
import { exchange, slowness, withoutAnswer } from './transport.js';

/** The longest that a call waits for a refresh, in milliseconds. The refresh itself goes on. */
const PATIENCE = 12_000;

/** How long what another tab is about to write may take to be read here, in milliseconds. */
const LATE = 500;

/** Begins a refresh; whoever comes while it is under way shares it. The signal ends the waiting alone. */
export async function joinRefresh(client, signal) {
  const { sign_in: of } = client.session.record;
  // One that a sign-in has overtaken is of no use.
  if (!client.renewal || client.renewal.of !== of) {
    const renewal = { of };
    renewal.done = renewTokens(client).finally(() => {
      if (client.renewal === renewal) client.renewal = undefined;
    });
    client.renewal = renewal;
  }
  const patient = unlessAborted(client.renewal.done, AbortSignal.timeout(PATIENCE), new GatepassError('timeout'));
  return unlessAborted(patient, signal);
}

async function renewTokens(client) {
  const flight = beginFlight(client);
  const slow = await metadata(client, exchange).then(slowness, () => undefined);
  const release = await holdLock(client, slow && slow / 2);
  const { record } = client.session;
  try {
    await fly(client, flight);
  } finally {
    release(client.session.record !== record);
  }
}

function beginFlight(client) {
  try {
    return ask(client, 'begin');
  } catch (error) {
    throw error.code === 'waiting' ? client.setback : error;
  }
}

/** Does what the core says, step by step, until there are other tokens or none to be had. */
async function fly(client, flight) {
  let reply;
  for (;;) {
    const stored = await recall(client);
    const step = consult(client, 'next', { ...flight, ...stored, answered: reply && 1 }, reply);
    const { send, pause, late, renewed, error, detail, reason, ...rest } = step;
    flight = only('flight_', rest);
    if (!flight.flight_tries) throw refusal(step, reply);
    client.circuit = only('circuit_', rest);
    await keep(client, rest);
    if (send) {
      // Kept by now: whatever happens, the next try is the same request.
      reply = await tokenReply(client, send, rest);
      // A refusal means nothing if another tab was quicker.
      if (reply.json?.error && client.storage) await sleep(LATE);
    } else if (pause) {
      reply = undefined;
      await sleep(pause);
    } else {
      // The others hear of what this tab has changed, not of what it heard itself.
      if (reply) tellTabs(client);
      if (late) tryToRevoke(client, late);
      if (renewed) return emit(client, 'refreshed');
      if (!error) throw new GatepassError('signed_out');
      const refused = refusal(step, reply);
      if (error === 'session_ended') throw refused;
      client.setback = refused;
      // Its endpoints may be elsewhere by now.
      if (/^(invalid_response|network_error)$/.test(refused.code)) client.discovery = undefined;
      emit(client, 'refresh_failed', { code: refused.code });
      throw refused;
    }
  }
}

/** Takes the fields whose names begin so out of `fields`. */
function only(prefix, fields) {
  const found = {};
  for (const name in fields) {
    if (!name.startsWith(prefix)) continue;
    found[name] = fields[name];
    delete fields[name];
  }
  return found;
}

/** What the token endpoint answers; without its address, no answer and why not. */
async function tokenReply(client, body, { key, id_token: before }) {
  try {
    const provider = await metadata(client, exchange);
    const slow = slowness(provider);
    const reply = await exchange(client, 'token', provider.token_endpoint, slow ? body : `${body}&idempotency_key=${key}`, slow);
    const { id_token: idToken } = reply.json ?? {};
    // Tokens of somebody else are no answer.
    if (idToken && before && !isAboutTheSame(idToken, before)) delete reply.json;
    return reply;
  } catch (error) {
    return withoutAnswer(error);
  }
}
