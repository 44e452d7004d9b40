// What the build takes out of modules.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { TRAP, sections, stripCustomSections, withBodies } from '../../scripts/lib/wasm.mjs';

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
// A module that exports `f`, which gives 7; with a custom section at either end.
const NAME = [0, 6, 4, 0x6e, 0x61, 0x6d, 0x65, 9];
const BODY = [
  1, 5, 1, 0x60, 0, 1, 0x7f,
  3, 2, 1, 0,
  7, 5, 1, 1, 0x66, 0, 0,
  10, 6, 1, 4, 0, 0x41, 7, 0x0b,
];

test('a module works as before without its custom sections', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatepass-'));
  try {
    const file = join(folder, 'a.wasm');
    writeFileSync(file, Uint8Array.from([...HEADER, ...NAME, ...BODY, ...NAME]));
    stripCustomSections(file);
    const bytes = readFileSync(file);
    expect([...bytes]).toEqual([...HEADER, ...BODY]);
    const { instance } = await WebAssembly.instantiate(bytes);
    expect(instance.exports.f()).toBe(7);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('a function may be given another body', () => {
  // The name section: function 0 is `f`.
  const NAMED = [0, 11, 4, 0x6e, 0x61, 0x6d, 0x65, 1, 4, 1, 0, 1, 0x66];

  test('by its name, and no other changes', async () => {
    const bytes = Uint8Array.from([...HEADER, ...BODY, ...NAMED]);
    const same = withBodies(bytes, (name) => (name === 'g' ? TRAP : undefined));
    expect([...same]).toEqual([...bytes]);
    const { instance } = await WebAssembly.instantiate(withBodies(bytes, (name) => (name === 'f' ? TRAP : undefined)));
    expect(() => instance.exports.f()).toThrow(WebAssembly.RuntimeError);
  });

  test('but not where imports count as functions, too', () => {
    const imports = [2, 7, 1, 1, 0x61, 1, 0x62, 0, 0];
    expect(() => withBodies(Uint8Array.from([...HEADER, ...imports, ...BODY, ...NAMED]), () => TRAP)).toThrow('imports');
  });
});

test.each([
  ['no module', [1, 2, 3]],
  ['a module that breaks off', [...HEADER, 1, 200, 1]],
])('%s is refused, not cut', (_, bytes) => {
  expect(() => sections(Uint8Array.from(bytes))).toThrow(/WebAssembly module/);
});
