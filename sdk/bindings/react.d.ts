/**
 * Gatepass in React: a provider, and hooks that render anew when something changes. It renders on a server too,
 * where nobody is signed in yet (`loading`), and bears strict mode.
 *
 * ```tsx
 * import { createClient } from 'gatepass';
 * import { GatepassProvider, useGatepass, useSession, useUser } from 'gatepass/react';
 *
 * const client = createClient({
 *   issuer: 'https://id.example.com',
 *   clientId: 'my-app',
 *   redirectUri: 'https://app.example.com/callback',
 *   apis: ['https://api.example.com'],
 * });
 *
 * export function App() {
 *   return <GatepassProvider client={client} callbackPath="/callback"><Account /></GatepassProvider>;
 * }
 *
 * function Account() {
 *   const client = useGatepass();
 *   const { status, error } = useSession();
 *   const { user } = useUser();
 *   if (status === 'loading') return <p>One moment…</p>;
 *   if (status === 'signed_out') return <button onClick={() => client.login()}>Sign in {error?.message}</button>;
 *   return <button onClick={() => client.logout()}>Sign {user?.name} out</button>;
 * }
 * ```
 *
 * @packageDocumentation
 */

import type { ReactElement, ReactNode } from 'react';
import type { Client, GatewayClient, User } from './index.js';

/** What {@link GatepassProvider} needs to know. */
export interface GatepassProviderProps {
  /** The client, made once, outside of any component. */
  client: Client | GatewayClient;
  /**
   * The path of the `redirectUri`, as in `/callback`. On that page the provider completes the sign-in. Without it, the
   * application calls {@link Client.handleCallback} itself.
   */
  callbackPath?: string;
  /**
   * Goes to where the user wanted to be, once a sign-in is complete. Default: the path is put into the address bar,
   * which a router does not notice; with a router, navigate with it here.
   */
  onReturn?: (returnTo: string) => void;
  /** The application. */
  children?: ReactNode;
}

/** Provides a client to the components inside. */
export function GatepassProvider(props: GatepassProviderProps): ReactElement;

/** The client of the {@link GatepassProvider} around this component: `login`, `logout`, `fetch` and the rest. Behind the gateway, `useGatepass<GatewayClient>()`. */
export function useGatepass<Made extends Client | GatewayClient = Client>(): Made;

/** Whether somebody is signed in. */
export function useSession(): SessionState;

/** Who is signed in. The provider is asked once for each session, however many components want to know. */
export function useUser(): UserState;

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
