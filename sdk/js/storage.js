// Where things are kept. Everything here may be missing, full, or refuse: nothing depends on it.
//
// A storage for the session is an object with three functions; each may be asynchronous, and may throw.
// What it is asked to keep is one text under one key, and nobody but the core reads it.
//
//     read(key)          the text, or nothing
//     write(key, text)
//     remove(key)
//     shared             true if the tabs of this origin see the same texts
//     send(client, request)  if it keeps the refresh token to itself: sends the token and revocation
//                        requests of the client, in which it puts the token in place of what it gave
//                        out instead, and takes it out of the answers

/** The storage that `options.storage` means; nothing for memory. */
export function storageOf(storage) {
  if (typeof storage === 'object') return storage;
  if (storage === 'session') return web('sessionStorage');
  return storage === 'local' ? { ...web('localStorage'), shared: true } : undefined;
}

function web(name) {
  return {
    read: (key) => globalThis[name].getItem(key),
    write: (key, text) => globalThis[name].setItem(key, text),
    remove: (key) => globalThis[name].removeItem(key),
  };
}

// What a sign-in leaves for its way back is in the tab's own storage.
const tab = web('sessionStorage');

export function read(key) {
  try {
    return tab.read(key) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a text under a key, or forgets it; says whether it could. */
export function remember(key, text) {
  try {
    if (text === undefined) tab.remove(key);
    else tab.write(key, text);
    return true;
  } catch {
    return false;
  }
}
