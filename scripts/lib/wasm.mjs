// What a shipped WebAssembly module need not carry.

import { readFileSync, writeFileSync } from 'node:fs';

const CUSTOM = 0;

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
