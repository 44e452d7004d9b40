// The Rust code is formatted.

import { cargoCheck } from './cargo.mjs';

export const run = () => cargoCheck('cargo fmt', ['fmt', '--all', '--check']);
