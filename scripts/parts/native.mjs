// Rust's own tests, documentation included.

import { cargoTest } from './cargo.mjs';

/** @param {string[]} filters names of tests */
export const run = (filters) => cargoTest('cargo test', ['--workspace', ...filters]);
