// The storages of the browser. Each may be missing, full, or refuse: nothing depends on it.

export function web(name) {
  return {
    read: (key) => globalThis[name].getItem(key),
    write: (key, text) => globalThis[name].setItem(key, text),
    remove: (key) => globalThis[name].removeItem(key),
  };
}

/** The tab's own. What a sign-in leaves for its way back is there, too. */
export const tab = web('sessionStorage');

export function read(key) {
  try {
    return tab.read(key);
  } catch {
    return undefined;
  }
}

/** Keeps a text under a key; says whether it could. */
export function remember(key, text, storage = tab) {
  try {
    storage.write(key, text);
    return true;
  } catch {
    return false;
  }
}
