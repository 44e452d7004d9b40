// What browser and server give: the time, timers, random bytes.

/** The time in whole seconds. */
export const now = () => Math.floor(Date.now() / 1000);

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export const randomBytes = (length) => crypto.getRandomValues(new Uint8Array(length));

export function base64url(bytes) {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
}
