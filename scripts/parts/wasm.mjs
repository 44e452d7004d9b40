// The SDK's Rust tests, in Chromium.

import { findChromedriver, prepareChromium } from '../lib/chromium.mjs';
import { cargoTest } from './cargo.mjs';

/** @param {string[]} filters names of tests */
export async function run(filters) {
  await prepareChromium();
  return cargoTest('cargo test in Chromium', ['-p', 'gatepass-sdk', '--target', 'wasm32-unknown-unknown', ...filters], {
    CHROMEDRIVER: findChromedriver(),
    WASM_BINDGEN_USE_BROWSER: '1',
    WASM_BINDGEN_TEST_TIMEOUT: '120',
  });
}
