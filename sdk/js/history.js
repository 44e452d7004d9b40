// What happened and why, for `client.explain()`: the last hundred entries, and nothing secret in any of them.

const KEPT = 100;

/**
 * Notes that something happened, in the `call` of that name. What comes along is kept only if its kind cannot
 * hold a secret: numbers, truths, addresses without their query, and words as the codes of OAuth are. Of all
 * else, that it was there.
 */
export function note({ history }, event, about, call) {
  const entry = { at: Date.now(), event, ...(call && { call }) };
  for (const [name, value] of Object.entries(about)) if (value !== undefined) entry[name] = harmless(value);
  history.push(entry);
  if (history.length > KEPT) history.shift();
}

function harmless(value) {
  if (typeof value === 'number' || value === true) return value;
  if (/^([a-z_]{1,40}|[A-Z]{1,7}|\w+Error)$/.test(value)) return value;
  if (/^\d{1,9}$/.test(value)) return Number(value);
  if (/^https?:/.test(value)) return String(value).split(/[?#]/)[0];
  return '…';
}

/** The step of a call, which notes why it failed if it does. */
export function noted(client, call, step) {
  return async (...given) => {
    try {
      return await step(client, ...given);
    } catch (error) {
      note(client, 'failed', { error: error?.name === 'GatepassError' ? error.code : error?.name }, call);
      throw error;
    }
  };
}

/** Notes what the core decided about `call`, if it decided anything. */
export function noteDecision(client, call, { pause, wait = pause, error, reason }, status) {
  if (wait ?? error) note(client, 'decided', { wait, error, reason, status }, call);
}

/** `client.explain`. */
export function explain({ history }) {
  return structuredClone(history);
}
