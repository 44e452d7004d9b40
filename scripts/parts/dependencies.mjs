// What must not creep in: the protocol does no I/O, the SDK stays small, the lock files fit any mirror.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { top } from '../lib/paths.mjs';
import { attempt } from '../lib/run.mjs';
import { check, sum } from './result.mjs';

// On the target that ships; each entry is a name, or a name and the first version that is banned.
const effects = ['worker', 'wasm-bindgen', 'js-sys', 'web-sys', 'tokio', 'getrandom 0.3'];
// What names a registry: `resolved` in npm's lock files; an address or an option of pip's.
const locks = {
  'package-lock.json': /"resolved"/,
  'tests/bench/package-lock.json': /"resolved"/,
  'tests/package/bundlers/package-lock.json': /"resolved"/,
  'tests/interop/python/requirements.txt': /:\/\/|^--/m,
};
const large = ['url', 'serde_json'];
const rules = [
  { crate: 'gatepass-core', flags: ['--no-default-features'], banned: [...large, ...effects] },
  { crate: 'gatepass-core', flags: ['--features', 'server'], banned: effects },
  { crate: 'gatepass-sdk', flags: [], banned: large },
];

export async function run() {
  return sum([...(await Promise.all(rules.map(holds))), ...Object.entries(locks).map(namesNoRegistry)]);
}

async function holds({ crate, flags, banned }) {
  const args = ['tree', '-p', crate, ...flags, '-e', 'normal', '--target', 'wasm32-unknown-unknown', '--prefix', 'none', '--format', '{p}'];
  const { code, output } = await attempt('cargo', args);
  const packages = [...output.matchAll(/^(\S+) v(\d+\.\d+)\S*/gm)].map(([, name, version]) => ({ name, version }));
  if (code !== 0 || !packages.some(({ name }) => name === crate)) return told(`cargo tree -p ${crate} failed:\n${output}`);
  const found = packages.filter((found) => banned.some((rule) => matches(rule, found)));
  const names = [...new Set(found.map(({ name, version }) => `${name} ${version}`))];
  return names.length === 0 ? check(true) : told(`${crate} ${flags.join(' ')} depends on ${names.join(', ')}`);
}

function matches(rule, { name, version }) {
  const [banned, since] = rule.split(' ');
  return name === banned && (!since || newerOrEqual(version, since));
}

function newerOrEqual(version, since) {
  const [[major, minor], [sinceMajor, sinceMinor]] = [version, since].map((text) => text.split('.').map(Number));
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
}

function namesNoRegistry([lock, registry]) {
  const line = readFileSync(join(top, lock), 'utf8').split('\n').find((text) => registry.test(text));
  return line === undefined ? check(true) : told(`${lock} names a registry: remove what is like ${line.trim()}`);
}

function told(message) {
  console.log(`✗ ${message}`);
  return check(false);
}
