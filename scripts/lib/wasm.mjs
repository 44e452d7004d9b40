// What a shipped WebAssembly module need not carry.

import { readFileSync, writeFileSync } from 'node:fs';

const CUSTOM = 0;
const IMPORT = 2;
const CODE = 10;

/**
 * Takes the custom sections out of a module (WebAssembly Core §5.5.3): function names and notes about the
 * tools, a sixth of what an isolate would load. No instruction changes.
 *
 * @param {string} file
 */
export function stripCustomSections(file) {
  const bytes = readFileSync(file);
  const kept = [bytes.subarray(0, 8)];
  for (const { id, start, end } of sections(bytes)) {
    if (id !== CUSTOM) kept.push(bytes.subarray(start, end));
  }
  writeFileSync(file, Buffer.concat(kept));
}

/** No local variables, and the end. */
export const NOTHING = [0, 0x0b];
/** No local variables, `unreachable`, and the end. */
export const TRAP = [0, 0, 0x0b];

/**
 * Gives functions another body: for each name in the module, `bodyOf` says which, or nothing to leave it as it is.
 * The module must have no imports, and the names of its functions.
 *
 * @param {Uint8Array} bytes @param {(name: string) => number[] | undefined} bodyOf
 */
export function withBodies(bytes, bodyOf) {
  const found = sections(bytes);
  if (found.some(({ id }) => id === IMPORT)) throw new Error('the WebAssembly module has imports');
  const names = functionNames(bytes, found);
  const parts = [bytes.subarray(0, 8)];
  for (const { id, start, end } of found) {
    if (id !== CODE) {
      parts.push(bytes.subarray(start, end));
      continue;
    }
    const [, body] = unsigned(bytes, start + 1);
    const [count, first] = unsigned(bytes, body);
    const code = [bytes.subarray(body, first)];
    for (let index = 0, at = first; index < count; index++) {
      const [size, begin] = unsigned(bytes, at);
      const other = bodyOf(names.get(index) ?? '');
      code.push(other ? Uint8Array.of(other.length, ...other) : bytes.subarray(at, begin + size));
      at = begin + size;
    }
    const whole = Buffer.concat(code);
    parts.push(Uint8Array.of(CODE, ...leb128(whole.length)), whole);
  }
  return Buffer.concat(parts);
}

/** The names of functions by index, as the custom section `name` has them (WebAssembly Core §7.4.1). */
function functionNames(bytes, found) {
  const names = new Map();
  const text = (at) => {
    const [size, begin] = unsigned(bytes, at);
    return [new TextDecoder().decode(bytes.subarray(begin, begin + size)), begin + size];
  };
  for (const { id, start, end } of found.filter(({ id }) => id === CUSTOM)) {
    const [, body] = unsigned(bytes, start + 1);
    let [name, at] = text(body);
    if (name !== 'name') continue;
    while (at < end) {
      const kind = bytes[at];
      const [size, begin] = unsigned(bytes, at + 1);
      at = begin + size;
      if (kind !== 1) continue;
      let [count, entry] = unsigned(bytes, begin);
      for (; count > 0; count--) {
        const [index, after] = unsigned(bytes, entry);
        [name, entry] = text(after);
        names.set(index, name);
      }
    }
  }
  return names;
}

/** The sections of a module, in their order. @param {Uint8Array} bytes */
export function sections(bytes) {
  if (bytes.length < 8 || bytes[0] !== 0 || bytes[1] !== 0x61 || bytes[2] !== 0x73 || bytes[3] !== 0x6d) {
    throw new Error('this is no WebAssembly module');
  }
  const found = [];
  for (let start = 8; start < bytes.length;) {
    const [size, body] = unsigned(bytes, start + 1);
    const end = body + size;
    if (end > bytes.length) throw new Error('the WebAssembly module breaks off');
    found.push({ id: bytes[start], start, end });
    start = end;
  }
  return found;
}

/** A LEB128 number and where it ends. @param {Uint8Array} bytes @param {number} at */
function unsigned(bytes, at) {
  for (let value = 0, shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined || shift > 28) throw new Error('the WebAssembly module breaks off');
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, at];
  }
}

/** @param {number} value */
function leb128(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  return [...bytes, value];
}
