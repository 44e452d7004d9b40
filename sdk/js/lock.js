// The lock under which one tab at a time renews what they share. Nothing depends on it: without, two
// tabs may ask the provider at once, and are given the same.

/** How long a tab waits for another before it does without, in milliseconds. */
const LOCK_WAIT = 5_000;

/** How long a tab keeps the lock when it is done, in milliseconds: another process may be given it before the storage. */
const SETTLING = 150;

/** Resolves to what releases the lock; it wants to know whether anything was written under it. `wait` may be longer. */
export async function holdLock({ storage, key }, wait = LOCK_WAIT) {
  const nothing = () => {};
  if (!storage?.shared && !storage?.lock) return nothing;
  return new Promise((resolve) => {
    const hold = () => new Promise((release) => resolve((wrote) => setTimeout(release, wrote ? SETTLING : 0)));
    // It may be missing, refused, taken too long by another, or stolen while it is held.
    const held = async () => navigator.locks.request(storage.lock?.(key) ?? key, { signal: AbortSignal.timeout(wait) }, hold);
    held().catch(() => resolve(nothing));
  });
}
