// Asking the core, which decides. What a call takes and gives is in ../src/calls.rs, under its name.
// In these files that name is always the text after `ask(client,` or `consult(client,`, and no
// function of theirs has it.

import { GatepassError } from './error.js';
import { noteDecision } from './history.js';
import { base64url, elapsed, now, randomBytes } from './host.js';

/**
 * Asks the core, which may refuse: then the answer has an `error`. `reply` is the answer of a server, if
 * it is about one; one with the discovery document says what the provider offers.
 */
export function consult(client, name, parameters, reply) {
  const { core, options, session, circuit } = client;
  const random = randomBytes(32);
  const { status, retryAfter: retry_after, date, json } = reply ?? {};
  const all = {
    ...session.record, ...circuit, ...prefixed('', options), call: name,
    now: now(), elapsed: elapsed(), jitter: random[0], fresh_key: base64url(random), status, retry_after, date, json: json && 1, ...parameters,
  };
  Object.assign(all, prefixed('json.', json));
  let input = '';
  for (const name in all) {
    // Name and value, each ended by a zero, which neither may have in it.
    if (all[name] != null) for (const text of [name, all[name]]) input += `${String(text).replaceAll('\0', '')}\0`;
  }
  const parts = core.call(input).split('\0');
  const answer = {};
  for (let i = 1; i < parts.length; i += 2) answer[parts[i - 1]] = parts[i];
  noteDecision(client, name, answer, status);
  return answer;
}

/** The fields of an object under longer names; but for what is no text, number or truth. */
export function prefixed(prefix, fields) {
  const all = {};
  for (const name in fields) if (Object(fields[name]) !== fields[name]) all[prefix + name] = fields[name];
  return all;
}

/** What a text of JSON says, if it is one. */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** As `consult`; throws what the core refuses with. */
export function ask(client, name, parameters, reply) {
  const answer = consult(client, name, parameters, reply);
  if (answer.error) throw refusal(answer, reply);
  return answer;
}

/** What the core refused with; if it was for want of an answer, why there was none. */
export function refusal({ error, detail, reason }, reply) {
  return reply?.failed ?? new GatepassError(error, detail, reason, reply?.status);
}
