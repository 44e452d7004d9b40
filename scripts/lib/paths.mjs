// Where things are. Everything that set-up installs for itself lies outside the checkout.

import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The top folder of the checkout. */
export const top = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The commands that npm installed. */
export const npmBin = join(top, 'node_modules', '.bin');

/** Where cargo builds, and where stamps, logs and reports are kept. */
export const target = process.env.CARGO_TARGET_DIR ?? join(top, 'target');

/** The Rust tools, one folder per name and version, shared by every checkout of this user. */
export const toolCache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'gatepass', 'tools');

/** The value of PATH with these folders first. @param {string[]} folders */
export function pathWith(...folders) {
  return [...folders, process.env.PATH ?? ''].join(delimiter);
}
