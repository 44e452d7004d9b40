// Where a session is kept. Everything here may be missing, full, or refuse: nothing depends on it.
//
// A storage for the session is an object with three functions; each may be asynchronous, and may throw.
// What it is asked to keep is one text under one key, and nobody but the core reads it.
//
//     read(key)          the text, or nothing
//     write(key, text)
//     remove(key)
//     shared             true if the tabs of this origin see the same texts
//     lock(key)          if some of them do, and others have a text of their own under this key: the lock of those that do
//     own(key)           if it reads asynchronously, but knows at once what it had last: that text
//     send(request, client)  if it keeps the refresh token to itself: sends the token and revocation
//                        requests of the client, in which it puts the token in place of what it gave
//                        out instead, and takes it out of the answers

import { tabStorage } from './tab-storage.js';
import { web } from './web-storage.js';

/** The storage that `options.storage` means; nothing for memory. */
export function storageOf(storage) {
  if (typeof storage === 'object') return storage;
  if (storage === 'session') return tabStorage();
  return storage === 'local' ? { ...web('localStorage'), shared: true } : undefined;
}
