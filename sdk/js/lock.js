// The lock under which one tab at a time renews what they share. Nothing depends on it: without, two
// tabs may ask the provider at once, and are given the same.

/** How long a tab waits for another before it does without, in milliseconds. */
const LOCK_WAIT = 5_000;

/** Resolves to what releases the lock. */
export async function holdLock({ storage, key }) {
  const nothing = () => {};
  if (!storage?.shared) return nothing;
  return new Promise((resolve) => {
    const hold = () => new Promise(resolve);
    // It may be missing, refused, taken too long by another, or stolen while it is held.
    const held = async () => navigator.locks.request(key, { signal: AbortSignal.timeout(LOCK_WAIT) }, hold);
    held().catch(() => resolve(nothing));
  });
}
