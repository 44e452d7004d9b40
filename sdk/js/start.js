// Starting the core: as WebAssembly, or where that is missing or refused, the same core as JavaScript.

import { importFallback } from '#fallback';
import { GatepassError } from './error.js';
import { makeCore } from './wasm.js';

/**
 * Resolves to what makes cores, at once and as many as are wanted. `compile` resolves to the module. It
 * cannot where WebAssembly is switched off (Lockdown Mode), where a content security policy has no
 * `'wasm-unsafe-eval'`, or in a browser that is too old to inflate it.
 */
export async function prepareCores(compile, fallback = importFallback) {
  try {
    const module = await compile();
    const make = () => makeCore(() => new WebAssembly.Instance(module).exports);
    // Compiling it is not always where it is refused.
    make();
    return Object.assign(make, { core: 'webassembly' });
  } catch (refused) {
    try {
      const { makeFallbackCore } = await fallback();
      // A copy of its own; a bundler may also have left nothing in that file.
      return Object.assign(makeFallbackCore.bind(), { core: 'javascript' });
    } catch (missing) {
      throw new GatepassError('unsupported', `WebAssembly (${refused.message}), nor fallback: () => import('gatepass/fallback') (${missing.message})`);
    }
  }
}
