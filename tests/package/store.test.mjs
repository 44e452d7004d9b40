// What the bindings show, without a framework: a client that the test speaks for.

import { beforeEach, expect, test } from 'vitest';

import { isUnknown, sessionOf, storeOf, userOf } from '../../sdk/bindings/store.js';

let client;
let store;
beforeEach(() => {
  client = new FakeClient();
  store = storeOf(client);
});

class FakeClient {
  signedIn = false;
  asked = [];
  #listeners = {};

  on(type, listener) {
    this.#listeners[type] = listener;
  }

  user() {
    return new Promise((resolve, reject) => { this.asked.push({ resolve, reject }); });
  }

  emit(type, event = {}) {
    this.signedIn = type === 'signed_in';
    this.#listeners[type](event);
  }
}

const turn = () => new Promise((resolve) => { setTimeout(resolve); });

test('there is one for each client, and nobody is known before it has begun', () => {
  expect(storeOf(client)).toBe(store);
  expect(sessionOf(store.now())).toEqual({ status: 'loading', signedIn: false, reason: undefined, error: undefined });
  store.begin();
  expect(store.now().status).toBe('signed_out');
});

test('whoever signs in in another tab is asked for anew, and an answer about the one before is left', async () => {
  store.begin();
  client.emit('signed_in');
  store.ask();
  store.ask();
  expect(client.asked, 'once for all who want to know').toHaveLength(1);
  client.emit('signed_in');
  expect(isUnknown(store.now())).toBe(true);
  store.ask();
  client.asked[1].resolve({ sub: 'second' });
  await turn();
  client.asked[0].resolve({ sub: 'first' });
  await turn();
  expect(userOf(store.now())).toEqual({ user: { sub: 'second' }, loading: false, error: undefined });
});

test('a client that does not know yet whether somebody is signed in is asked, and nobody is signed out meanwhile', async () => {
  client.signedIn = undefined;
  client.ready = async () => { client.signedIn = true; };
  store.begin();
  expect(store.now().status).toBe('loading');
  await turn();
  expect(store.now().status).toBe('signed_in');
});

test('a client that cannot find out leaves it open, until an event says it', async () => {
  client.signedIn = undefined;
  client.ready = async () => { throw new Error('no network'); };
  store.begin();
  await turn();
  expect(sessionOf(store.now())).toMatchObject({ status: 'loading', signedIn: false, error: { message: 'no network' } });
  client.emit('signed_in');
  expect(sessionOf(store.now())).toMatchObject({ status: 'signed_in', error: undefined });
});

test('a failure to say who it is ends nothing, and is asked again when wanted', async () => {
  store.begin();
  client.emit('signed_in');
  store.ask();
  client.asked[0].reject(new Error('no network'));
  await turn();
  expect(userOf(store.now())).toMatchObject({ user: null, loading: false, error: { message: 'no network' } });
  expect(store.now().status).toBe('signed_in');
  store.ask();
  expect(client.asked).toHaveLength(2);
});

test('an answer that comes after the end of the session says nothing', async () => {
  store.begin();
  client.emit('signed_in');
  store.ask();
  client.emit('signed_out', { reason: 'replayed' });
  client.asked[0].resolve({ sub: 'gone' });
  await turn();
  expect(sessionOf(store.now())).toMatchObject({ status: 'signed_out', reason: 'replayed' });
  expect(userOf(store.now()).user).toBe(null);
});

test('who listens is told, until it stops', () => {
  let told = 0;
  const stop = store.subscribe(() => { told += 1; });
  store.begin();
  client.emit('signed_in');
  stop();
  client.emit('signed_out');
  expect(told).toBe(2);
});

test('an application that hands over no client is told so', () => {
  for (const none of [undefined, null, {}]) expect(() => storeOf(none)).toThrow(/there is no client; createClient/);
});

test('an application that fails to go where the user wanted to be keeps nobody waiting', async () => {
  globalThis.location = { pathname: '/callback' };
  client.handleCallback = async () => {
    client.emit('signed_in');
    return { returnTo: '/there' };
  };
  const failed = new Error('the router is not ready');
  await expect(store.begin({ callbackPath: '/callback', onReturn: () => { throw failed; } })).rejects.toBe(failed);
  expect(store.now().status).toBe('signed_in');
  delete globalThis.location;
});
