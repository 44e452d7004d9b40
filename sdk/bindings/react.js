'use client';
// The entry `gatepass/react`: a provider and hooks.

import { createContext, createElement, useContext, useEffect, useMemo, useSyncExternalStore } from 'react';

import { isUnknown, sessionOf, storeOf, userOf } from './store.js';

const Context = /* @__PURE__ */ createContext(undefined);

export function GatepassProvider({ client, callbackPath, onReturn, children }) {
  const store = storeOf(client);
  useEffect(() => {
    // Once, although strict mode runs effects twice.
    store.begin({ callbackPath, onReturn });
  }, [store]);
  return createElement(Context.Provider, { value: store }, children);
}

export function useGatepass() {
  return useStore().client;
}

export function useSession() {
  const snapshot = useSnapshot(useStore());
  return useMemo(() => sessionOf(snapshot), [snapshot]);
}

export function useUser() {
  const store = useStore();
  const snapshot = useSnapshot(store);
  useEffect(() => {
    if (isUnknown(snapshot)) store.ask();
  }, [store, snapshot]);
  return useMemo(() => userOf(snapshot), [snapshot]);
}

function useSnapshot(store) {
  return useSyncExternalStore(store.subscribe, store.now, store.first);
}

function useStore() {
  const store = useContext(Context);
  if (!store) throw new Error('gatepass/react: there is no <GatepassProvider> around this component');
  return store;
}
