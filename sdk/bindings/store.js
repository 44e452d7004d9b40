// What the bindings show of a client: one snapshot at a time, the same for all who look. No framework is
// in here.

const FIRST = { status: 'loading' };
const stores = /* @__PURE__ */ new WeakMap();

/** The store of a client; there is one, however often it is asked for. */
export function storeOf(client) {
  if (!client?.on) throw new Error('gatepass: there is no client; createClient or createGatewayClient makes one');
  if (!stores.has(client)) stores.set(client, makeStore(client));
  return stores.get(client);
}

function makeStore(client) {
  const listeners = new Set();
  let snapshot = FIRST;
  let begun;
  let asking;

  function show(next) {
    snapshot = next;
    for (const listener of [...listeners]) listener();
  }

  /** Where things stand. What was known of the user is kept while the session is. */
  function look(more) {
    if (!client.signedIn) asking = undefined;
    show({ ...(client.signedIn && { user: snapshot.user }), status: client.signedIn ? 'signed_in' : 'signed_out', ...more });
  }

  /** Where things stand at first. A client that does not know yet is asked. */
  function meet() {
    if (client.signedIn !== undefined) return look();
    return client.ready().then(
      // An event may have said it.
      () => snapshot.status === 'loading' && look(),
      // Whether somebody is signed in is not known by that; an event says it when it is.
      (error) => snapshot.status === 'loading' && show({ ...snapshot, error }),
    );
  }

  async function takeCallback(onReturn = (path) => history.replaceState(history.state, '', path)) {
    let returnTo = '/';
    let error;
    try {
      ({ returnTo } = await client.handleCallback());
    } catch (failed) {
      // A reload of this address harms nobody who is signed in.
      error = client.signedIn ? undefined : failed;
    }
    try {
      if (!error) onReturn(returnTo);
    } finally {
      // Whatever the application's own step did: somebody is signed in, or nobody.
      look({ error });
    }
  }

  return {
    client,
    /** What is shown before anything can be known: on a server, and until the page has taken over. */
    first: () => FIRST,
    now: () => snapshot,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    /** Begins to watch the client, and takes the answer of a sign-in if this is its page; once. */
    begin({ callbackPath, onReturn } = {}) {
      begun ??= (() => {
        const isCallback = callbackPath !== undefined && location.pathname === callbackPath;
        client.on('signed_in', () => {
          asking = undefined;
          // Not before the page is where it shall be.
          if (!isCallback || snapshot.status !== 'loading') look({ user: undefined });
        });
        client.on('signed_out', ({ reason }) => look({ reason }));
        if (!isCallback) meet();
        return isCallback ? takeCallback(onReturn) : Promise.resolve();
      })();
      return begun;
    },

    /** Asks who the user is, once for each session; after a failure the next one asks again. */
    ask() {
      if (asking || snapshot.status !== 'signed_in') return;
      const answer = client.user();
      asking = answer;
      // What comes after another sign-in is of another session.
      const isCurrent = () => asking === answer && client.signedIn;
      answer.then(
        (user) => {
          if (isCurrent()) look({ user });
        },
        (userError) => {
          if (!isCurrent()) return;
          asking = undefined;
          look({ userError });
        },
      );
    },
  };
}

/** What `useSession` says. */
export function sessionOf({ status, reason, error }) {
  return { status, signedIn: status === 'signed_in', reason, error };
}

/** Whether somebody is signed in of whom nothing is known yet. */
export function isUnknown({ status, user, userError }) {
  return status === 'signed_in' && user === undefined && !userError;
}

/** What `useUser` says. */
export function userOf(snapshot) {
  const { status, user, userError } = snapshot;
  return { user: user ?? null, loading: status === 'loading' || isUnknown(snapshot), error: userError };
}
