// The entry `gatepass/fallback`: the core for where there is no WebAssembly, made of the same module.

import instantiate from '#core';
import { makeCore } from './wasm.js';

export const makeFallbackCore = () => makeCore(instantiate);
