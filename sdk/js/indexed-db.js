// IndexedDB: a storage for the session, and for keys that nobody can read out.

import { makePatience } from './patience.js';

const NAME = 'gatepass';
const STORE = 'kept';

/** The connection; another is made after it was closed. */
let opening;

function connect() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => {
      const database = request.result;
      const close = () => {
        opening = undefined;
        database.close();
      };
      // A later version of this package, or a user who clears the site's data, must not have to wait.
      Object.assign(database, { onversionchange: close, onclose: close });
      resolve(database);
    };
    request.onerror = () => reject(request.error);
  }).catch((error) => {
    opening = undefined;
    throw error;
  });
  return opening;
}

const patiently = /* @__PURE__ */ makePatience();

/**
 * One transaction, which is whole or nothing, and alone where it writes. `action` gets the store and
 * `finish`, which says what the transaction resolves to once it is done.
 */
export async function transact(mode, action) {
  try {
    return await patiently(() => attempt(mode, action));
  } catch (error) {
    // Another connection may do better.
    opening = undefined;
    throw error;
  }
}

async function attempt(mode, action) {
  const database = await connect();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(STORE, mode);
    let result;
    transaction.oncomplete = () => resolve(result);
    transaction.onabort = () => reject(transaction.error);
    action(transaction.objectStore(STORE), (value) => (result = value));
  });
}

export const find = (key) => transact('readonly', (store, finish) => {
  const request = store.get(key);
  request.onsuccess = () => finish(request.result);
});

export const put = (key, value) => transact('readwrite', (store) => store.put(value, key));

export const drop = (key) => transact('readwrite', (store) => store.delete(key));

/** A storage for the session: shared by the tabs of this origin, and not for ever in the way of anything. */
export function indexedDbStorage() {
  return { shared: true, read: find, write: put, remove: drop };
}
