/**
 * The same as `gatepass`, without the WebAssembly in it: {@link init} says where that is. For a page that
 * serves `gatepass/gatepass.wasm` itself, so that its script is 12 kB smaller and the WebAssembly is a file of
 * its own, which a browser keeps while the script changes.
 *
 * ```ts
 * import { createClient, init } from 'gatepass/slim';
 *
 * init('/assets/gatepass.wasm');
 * const client = createClient({ issuer: 'https://id.example.com', clientId: 'my-app', redirectUri: '/callback' });
 * ```
 *
 * @packageDocumentation
 */

export * from './index.js';

/**
 * Says where the WebAssembly is. It is called once, before a client is used; nothing is loaded before that.
 *
 * @param moduleOrUrl the file `gatepass/gatepass.wasm`: its address, a response with it, its bytes, or the
 *   module compiled of it; or a promise of one of these
 */
export function init(moduleOrUrl: ModuleOrUrl | Promise<ModuleOrUrl>): void;

/** What {@link init} takes. */
export type ModuleOrUrl = string | URL | Response | BufferSource | WebAssembly.Module;
