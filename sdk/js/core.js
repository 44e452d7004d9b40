// Asking the core, which decides. What a call takes and gives is in ../src/calls.rs, under its name.
// In these files that name is always the text after `ask(client,`, and no function of theirs has it.

import { GatepassError } from './error.js';
import { noteDecision } from './history.js';

/** Asks the core; throws what it refuses with. `reply` is the answer of a server, if it is about one. */
export function ask(client, name, parameters = {}, reply) {
  const input = new URLSearchParams({ call: name });
  const add = (name, value) => value === undefined || input.append(name, value);
  for (const [name, value] of Object.entries(parameters)) add(name, value);
  if (reply) {
    add('status', reply.status);
    add('retry_after', reply.retryAfter);
    if (reply.json) add('json', 1);
    for (const [name, value] of Object.entries(reply.json ?? {})) {
      if (typeof value === 'string' || value === true) add(`json.${name}`, value);
    }
  }
  const answer = Object.fromEntries(new URLSearchParams(client.core.call(String(input))));
  noteDecision(client, name, answer, reply?.status);
  if (!answer.error) return answer;
  throw new GatepassError(answer.error, answer.detail, answer.reason, reply?.status);
}
