// What browser and server give: the time, timers, random bytes.

/** The time in whole seconds. */
export const now = () => Math.floor(Date.now() / 1000);

/** Milliseconds of a clock that never goes back; it may stand still while the machine sleeps. */
export const elapsed = () => Math.floor(performance.now());

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** What a promise resolves to, unless the signal is aborted first: then `error`, or the signal's reason. */
export function unlessAborted(promise, signal, error) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(error ?? signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

export const randomBytes = (length) => crypto.getRandomValues(new Uint8Array(length));

export function base64url(bytes) {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** Bytes of base64 or base64url. */
export function bytesOf(text) {
  const bytes = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(bytes, (character) => character.charCodeAt(0));
}

/** The hash of a text: 256 or 512 bits of SHA-2. */
export async function sha(bits, text) {
  return new Uint8Array(await crypto.subtle.digest(`SHA-${bits}`, new TextEncoder().encode(text)));
}
