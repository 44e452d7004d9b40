// An instance of WebAssembly that traps, as a panic does, and is dead from then on: another takes its place,
// with the session in it, whenever it happens.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { startInstantProvider } from '../support/instant-provider.mjs';

const { Instance } = WebAssembly;
let provider;
/** How many instances there were, and which call into one of them traps: counted from now. */
let instances;
let until;
beforeAll(() => {
  const kept = new Map();
  globalThis.sessionStorage = {
    getItem: (key) => kept.get(key) ?? null, setItem: (key, text) => kept.set(key, text), removeItem: (key) => kept.delete(key),
  };
});
afterAll(() => { delete globalThis.sessionStorage; });
beforeEach(async () => {
  provider = await startInstantProvider();
  instances = 0;
  until = Infinity;
  WebAssembly.Instance = function Mortal(...given) {
    const { exports } = new Instance(...given);
    // Node has a module of its own for HTTP.
    if ('llhttp_free' in exports) return { exports };
    instances += 1;
    return { exports: mortal(exports) };
  };
});
afterEach(async () => {
  WebAssembly.Instance = Instance;
  await provider.stop();
});

/** The same exports, which all trap once the time has come. */
function mortal(exports) {
  let dead = false;
  const wrap = (value) => (...given) => {
    dead ||= --until === 0;
    if (dead) throw new WebAssembly.RuntimeError('unreachable');
    return value(...given);
  };
  return Object.fromEntries(Object.entries(exports).map(([name, value]) => [name, typeof value === 'function' ? wrap(value) : value]));
}

async function signedIn() {
  const { createClient } = await import('../../sdk/dist/index.js');
  let next;
  const { issuer } = provider;
  const client = createClient({
    issuer, clientId: 'app', redirectUri: 'https://app.example/callback', scope: 'read', apis: [issuer], navigate: (url) => { next = url; },
  });
  const ended = [];
  client.on('signed_out', (event) => ended.push(event));
  await client.login();
  await client.handleCallback((await fetch(next, { redirect: 'manual' })).headers.get('location'));
  return { client, ended };
}

test('whichever call into it traps, nobody notices', async () => {
  const { client, ended } = await signedIn();
  let trapped = 0;
  for (let call = 1; call <= 30; call++) {
    provider.expire();
    const before = instances;
    until = call;
    const first = await client.fetch(`${provider.api}/data`).then(({ status }) => status, ({ code }) => code);
    expect({ call, first }).toMatchObject({ first: 200 });
    if (instances === before) continue;
    trapped += 1;
    expect(client.explain()).toContainEqual(expect.objectContaining({ event: 'restarted', error: 'RuntimeError' }));
  }
  expect(trapped).toBeGreaterThan(5);
  expect(ended).toEqual([]);
});

test('one that always traps is an error with a code, and not of the network', async () => {
  const { client, ended } = await signedIn();
  provider.expire();
  WebAssembly.Instance = function Dead() {
    return { exports: {} };
  };
  until = 1;
  await expect(client.refresh()).rejects.toMatchObject({ name: 'GatepassError', code: 'malformed_call' });
  expect(ended).toEqual([]);
});

test('where it is refused, and the fallback is a file with nothing in it, the error has the line to write', async () => {
  const { createClient } = await import('../../sdk/dist/index.js');
  WebAssembly.Instance = function Refused() { throw new WebAssembly.CompileError('no wasm-unsafe-eval'); };
  const client = createClient({ issuer: provider.issuer, clientId: 'app', redirectUri: 'https://app.example/callback', fallback: async () => ({}) });
  await expect(client.ready()).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining("fallback: () => import('gatepass/fallback')") });
});
