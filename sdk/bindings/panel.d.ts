/**
 * An element that shows what a client does and why, as it happens. For developers; it holds no secret.
 *
 * ```ts
 * import { createClient } from 'gatepass';
 * import { definePanel, type GatepassPanel } from 'gatepass/panel';
 *
 * const client = createClient({
 *   issuer: 'https://id.example.com',
 *   clientId: 'my-app',
 *   redirectUri: '/callback',
 * });
 *
 * definePanel();
 * const panel = document.createElement('gatepass-panel') as GatepassPanel;
 * panel.client = client;
 * document.body.append(panel);
 *
 * if (location.pathname === '/callback') {
 *   const { returnTo } = await client.handleCallback();
 *   history.replaceState(null, '', returnTo);
 * }
 * if (!client.signedIn) await client.login();
 * ```
 *
 * It is light or dark as the page around it (`color-scheme`), and bears a content security policy without inline styles.
 * CSS of the page may set `--gatepass-ink`, `-muted`, `-surface`, `-line`, `-good`, `-notable`, `-bad` and `--gatepass-height`.
 *
 * @packageDocumentation
 */

import type { Client, GatewayClient, HistoryEntry } from './index.js';

/**
 * Defines the element. Calling it again changes nothing.
 * @param name another name for it, with a hyphen in it; default: `gatepass-panel`
 */
export function definePanel(name?: string): void;

/** The element, `<gatepass-panel>`. */
export interface GatepassPanel extends HTMLElement {
  /** Whose doing it shows. */
  client: Client | GatewayClient | undefined;
}

/** What an entry of {@link Client.explain} means, in a sentence. */
export function describeEntry(entry: HistoryEntry): string;
