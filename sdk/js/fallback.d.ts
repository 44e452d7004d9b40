/**
 * The core of the client as plain JavaScript, for browsers without WebAssembly and for content security
 * policies without `'wasm-unsafe-eval'`. An application does not call it: see `fallback` of `ClientOptions`.
 *
 * @packageDocumentation
 */

/** Makes a core. What it takes and gives is no contract: it fits the `gatepass` of the same version. */
export function makeFallbackCore(): { call(parameters: string): string };
