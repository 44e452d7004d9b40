// The storage `'session'`: a tab has its session to itself, and shares it with its duplicates.
//
// A duplicated tab, or one that `window.open` opens, begins with a copy of sessionStorage. A copy of the tokens alone grows
// old with the first renewal. So there is a secret beside it, another for each sign-in: the end of a name, and a key. Under
// the name, what was renewed last is in localStorage, encrypted with the key, for all that have the secret; whoever renews
// has a lock of that name. With the last of these tabs the secret is gone, and what stays nobody can read.
//
// Everything about the shared copy may fail: then a tab has its own, as long as that is good.

import { base64url, bytesOf, now, randomBytes } from './host.js';
import { remember, tab } from './web-storage.js';

/** For how long a shared copy is kept that no tab has written, in seconds. */
const KEPT = 30 * 86_400;

export function tabStorage() {
  return {
    ...tab,
    own: tab.read,
    lock: (key) => secretOf(key, tab.read(key))[0],

    async read(key) {
      const mine = tab.read(key);
      try {
        const [name, secret] = secretOf(key, mine);
        const copy = localStorage[name];
        const theirs = new TextDecoder().decode(await crypt('decrypt', secret, copy.slice(10, 26), bytesOf(copy.slice(26))));
        // Unless another client of this tab has changed it meanwhile.
        if (tab.read(key) === mine) remember(key, theirs);
        return theirs;
      } catch {
        // There is no other, or nobody can read it.
        return mine;
      }
    },

    async write(key, text) {
      // At once: the page may be about to go.
      remember(key, text) || tab.remove(key);
      await share(key, text).catch(() => {});
    },
  };
}

/** The name and the key that tabs have in common; others for another sign-in, with whose number, ten digits, the name begins. */
function secretOf(key, record) {
  const { sign_in: signIn } = JSON.parse(record);
  const at = `${key} secret`;
  let secret = tab.read(at);
  if (!secret?.startsWith(signIn)) {
    secret = signIn + base64url(randomBytes(44));
    tab.write(at, secret);
  }
  return [`${key} ${secret.slice(0, 26)}`, secret.slice(26)];
}

/** Ten digits of time, 16 characters of an initialization vector, and the record. */
async function share(key, text) {
  const [name, secret] = secretOf(key, text);
  const vector = base64url(randomBytes(12));
  const sealed = await crypt('encrypt', secret, vector, new TextEncoder().encode(text));
  // Those whose tabs are gone must not become many.
  for (const old in localStorage) if (old.startsWith(key) && localStorage[old].slice(0, 10) < now() - KEPT) delete localStorage[old];
  try {
    localStorage[name] = now() + vector + base64url(sealed);
  } catch {
    // An outdated one is worse than none.
    delete localStorage[name];
  }
}

async function crypt(way, secret, vector, bytes) {
  const key = await crypto.subtle.importKey('raw', bytesOf(secret), 'AES-GCM', false, [way]);
  return new Uint8Array(await crypto.subtle[way]({ name: 'AES-GCM', iv: bytesOf(vector) }, key, bytes));
}
