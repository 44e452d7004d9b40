// How the runtime enters a built Worker: what the build makes of worker-build's module.
import { expect, test } from 'vitest';

import { completed } from '../../scripts/lib/entry.mjs';

// As worker-build writes it: a class behind a proxy that begins anew after a panic, and classes beside it.
const BUILT = `
globalThis.__worker_init_state = { criticalError: false };
let instances = 0;
class Entrypoint { constructor() { instances++; globalThis.__worker_init_state.criticalError = false; } }
Entrypoint.prototype.fetch = function (request) {
  if (request === 'panic') throw new WebAssembly.RuntimeError('unreachable');
  if (request === 'later') return new Promise((resolve) => queueMicrotask(() => resolve('later')));
  if (request === 'document') return gatepassDocuments['/a.json'];
  return { request, env: this.env, ctx: this.ctx, instances };
};
class Thing {}
export{Thing as Other,Entrypoint as default};`;

const load = (module) => import(`data:text/javascript,${encodeURIComponent(module)}`);
const built = () => load(completed(BUILT, { '/a.json': '{"a":"`${1}`"}' }));

test('handlers are those of a plain object, and other exports stay', async () => {
  const { default: entry, Other } = await built();
  expect(Object.keys(entry)).toEqual(['fetch']);
  expect(new Other()).toBeInstanceOf(Other);
  expect(await entry.fetch('r', 'e', 'c')).toEqual({ request: 'r', env: 'e', ctx: 'c', instances: 0 });
  expect(await entry.fetch('later')).toBe('later');
});

test('an instance that has panicked is not entered again', async () => {
  const { default: entry } = await built();
  await expect(entry.fetch('panic')).rejects.toThrow('unreachable');
  expect(globalThis.__worker_init_state.criticalError).toBe(true);
  expect(await entry.fetch('r')).toMatchObject({ instances: 1 });
});

test('a document is in it byte for byte', async () => {
  const { default: entry } = await built();
  expect(await entry.fetch('document')).toBe('{"a":"`${1}`"}');
});

test('a module without such an entry is refused', () => {
  expect(() => completed('export{A as B};', {})).toThrow('no entry');
});
