// That a sign-in was begun in this tab: the page that comes back from it tells the others.

import { tellTabs } from './channel.js';

/** Leaves word, for the page that comes back, that it was here that somebody went to sign in. */
export function rememberSignIn({ key }) {
  try {
    sessionStorage.setItem(key, '1');
  } catch {
    // The other tabs hear of it when they are looked at.
  }
}

/** Somebody is signed in, and was not before: if that was done in this tab, the others are told. */
export function arrived(client) {
  try {
    if (!sessionStorage.getItem(client.key)) return;
    sessionStorage.removeItem(client.key);
    tellTabs(client, { what: 'in' });
  } catch {
    // As above.
  }
}
