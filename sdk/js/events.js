// Events: who listens, and telling them.

import { note } from './history.js';

/** Listens; gives back what ends it. */
export function listen({ listeners }, type, listener) {
  // An entry of its own, so that the same function may listen twice and stop once.
  const entry = (event) => listener(event);
  listeners.set(type, (listeners.get(type) ?? new Set()).add(entry));
  return () => listeners.get(type).delete(entry);
}

export function emit(client, type, event = {}) {
  note(client, type, event);
  for (const listener of client.listeners.get(type) ?? []) {
    try {
      listener(event);
    } catch (error) {
      // Not the caller's fault: it shows where uncaught errors show.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
