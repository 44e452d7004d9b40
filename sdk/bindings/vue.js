// The entry `gatepass/vue`: a plugin and composables.

import { computed, inject, shallowRef, watch } from 'vue';

import { isUnknown, sessionOf, storeOf, userOf } from './store.js';

const KEY = 'gatepass';

export function gatepass(client, options) {
  const store = storeOf(client);
  return {
    install(app) {
      const snapshot = shallowRef(store.first());
      app.provide(KEY, { store, snapshot });
      if (typeof document === 'undefined') return;
      const stop = store.subscribe(() => {
        snapshot.value = store.now();
      });
      app.onUnmount?.(stop);
      // After the first rendering, which shows what the server has rendered.
      queueMicrotask(() => {
        store.begin(options);
        snapshot.value = store.now();
      });
    },
  };
}

export function useGatepass() {
  return provided().store.client;
}

export function useSession() {
  const { snapshot } = provided();
  return computed(() => sessionOf(snapshot.value));
}

export function useUser() {
  const { store, snapshot } = provided();
  watch(snapshot, (now) => {
    if (isUnknown(now)) store.ask();
  }, { immediate: true });
  return computed(() => userOf(snapshot.value));
}

function provided() {
  const found = inject(KEY, undefined);
  if (!found) throw new Error('gatepass/vue: the app does not use the plugin gatepass(client)');
  return found;
}
