/**
 * Gatepass in Vue: a plugin, and composables that follow what changes. It renders on a server too, where nobody
 * is signed in yet (`loading`).
 *
 * ```ts
 * import { createClient } from 'gatepass';
 * import { gatepass, useGatepass, useSession, useUser } from 'gatepass/vue';
 * import { computed, createApp } from 'vue';
 *
 * const client = createClient({
 *   issuer: 'https://id.example.com',
 *   clientId: 'my-app',
 *   redirectUri: 'https://app.example.com/callback',
 *   apis: ['https://api.example.com'],
 * });
 *
 * const Account = {
 *   setup() {
 *     const { login, logout } = useGatepass();
 *     const session = useSession();
 *     const user = useUser();
 *     const name = computed(() => user.value.user?.name);
 *     return { login, logout, session, name };
 *   },
 *   template: `
 *     <button v-if="session.signedIn" @click="logout()">Sign {{ name }} out</button>
 *     <button v-else @click="login()">Sign in</button>`,
 * };
 *
 * createApp(Account).use(gatepass(client, { callbackPath: '/callback' })).mount('#app');
 * ```
 *
 * @packageDocumentation
 */

import type { ComputedRef, Plugin } from 'vue';
import type { Client, GatewayClient, User } from './index.js';

/** How {@link gatepass} completes a sign-in. */
export interface GatepassOptions {
  /**
   * The path of the `redirectUri`, as in `/callback`. On that page the plugin completes the sign-in. Without it, the
   * application calls {@link Client.handleCallback} itself.
   */
  callbackPath?: string;
  /**
   * Goes to where the user wanted to be, once a sign-in is complete. Default: the path is put into the address bar,
   * which a router does not notice; with a router, navigate with it here.
   */
  onReturn?: (returnTo: string) => void;
}

/** The plugin that provides a client to an application. */
export function gatepass(client: Client | GatewayClient, options?: GatepassOptions): Plugin;

/** The client that the plugin {@link gatepass} provides: `login`, `logout`, `fetch` and the rest. Behind the gateway, `useGatepass<GatewayClient>()`. */
export function useGatepass<Made extends Client | GatewayClient = Client>(): Made;

/** Whether somebody is signed in. */
export function useSession(): ComputedRef<SessionState>;

/** Who is signed in. The provider is asked once for each session, however many components want to know. */
export function useUser(): ComputedRef<UserState>;

/** What {@link useSession} says. */
export interface SessionState {
  /** `loading` on a server, until the page has taken over, while a sign-in is completed, and until the gateway has answered. */
  status: 'loading' | 'signed_in' | 'signed_out';
  /** The same as `status === 'signed_in'`. */
  signedIn: boolean;
  /** Why the provider ended the session; absent if {@link Client.logout} did, or if there was none. */
  reason?: string;
  /** Why the sign-in that ended on this page failed, or the gateway did not say who is signed in (`loading`): a `GatepassError`. */
  error?: Error;
}

/** What {@link useUser} says. */
export interface UserState {
  /** The user; `null` when signed out, and while it is not known. */
  user: User | null;
  /** Whether the answer is awaited. */
  loading: boolean;
  /** Why the provider did not say: a `GatepassError`. The session goes on. */
  error?: Error;
}
