// The package as npm packs it, in the hands of Node: nothing happens on import, on a server either.

import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { startInstantProvider } from '../support/instant-provider.mjs';
import { dist, top } from './bundle.mjs';
import { headingsOf } from './markdown.mjs';

const folder = mkdtempSync(join(tmpdir(), 'gatepass-package-'));
const installed = join(folder, 'node_modules', 'gatepass');
let packed;

beforeAll(() => {
  [packed] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder, dist]));
  mkdirSync(installed, { recursive: true });
  run('tar', ['-xzf', join(folder, packed.filename), '-C', installed, '--strip-components=1']);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('it holds what it needs and nothing else', () => {
  expect(packed.files.map(({ path }) => path).sort()).toEqual([
    'API.md', 'LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'docs/sdk-storage.md',
    ...['fallback', 'index', 'panel', 'react', 'slim', 'vue'].flatMap((name) => ['cjs', 'd.cts', 'd.ts', 'js'].map((end) => `${name}.${end}`)),
    'gatepass.wasm', 'package.json', 'vault-worker.js',
  ].sort());
  const { name, dependencies, scripts, sideEffects, peerDependencies, peerDependenciesMeta } = manifest();
  for (const peer of Object.keys(peerDependencies)) expect(peerDependenciesMeta[peer]).toEqual({ optional: true });
  expect({ name, dependencies, scripts, sideEffects }).toEqual({ name: 'gatepass', sideEffects: false });
});

test('every entry is there, for import and for require, with its types', () => {
  const { exports, main, module, types } = manifest();
  const files = JSON.stringify([exports, main, module, types]).match(/\.\/[^"]+/g).filter((path) => /\.\w+$/.test(path));
  expect(files.length).toBeGreaterThan(12);
  for (const file of files) expect(existsSync(join(installed, file)), file).toBe(true);
});

test('what its documents link to, and name as a file of docs, is in it', () => {
  const documents = readdirSync(installed, { recursive: true }).filter((name) => name.endsWith('.md'));
  const links = documents.flatMap((document) => [...readFileSync(join(installed, document), 'utf8').matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)].map(([, path, place]) => ({ document, path, place })));
  expect(links.length).toBeGreaterThan(50);
  for (const { document, path, place } of links) {
    const file = path ? join(installed, document, '..', path) : join(installed, document);
    expect(existsSync(file), `${document}: ${path}`).toBe(true);
    if (place) expect(headingsOf(readFileSync(file, 'utf8')), `${document}: ${path}`).toContain(place);
  }
  for (const [, named] of readFileSync(join(installed, 'API.md'), 'utf8').matchAll(/`(docs\/[\w./-]+)`/g)) expect(existsSync(join(installed, named)), named).toBe(true);
});

test('packed twice, it is the same', () => {
  const [again] = JSON.parse(run('npm', ['pack', '--json', '--dry-run', dist]));
  expect(again.integrity).toBe(packed.integrity);
});

test('it has no word of the machine that built it', () => {
  const read = (file) => readFileSync(join(installed, file), 'latin1');
  const script = read('index.js');
  const compressed = /["'`]([A-Za-z0-9+/=]{5000,})["'`]/.exec(script)[1];
  const wasm = inflateRawSync(Buffer.from(compressed, 'base64')).toString('latin1');
  for (const trace of [top, folder, '.cargo', '/home/', '/root/', '/Users/', 'node_modules']) {
    for (const text of [script, wasm, read('fallback.js'), read('gatepass.wasm')]) expect(text).not.toContain(trace);
  }
});

test.each([
  ['import', 'a.mjs', `import { createClient, GatepassError } from 'gatepass';`],
  ['require', 'a.cjs', `const { createClient, GatepassError } = require('gatepass');`],
])('%s works on a server, and leaves every global and the network alone', (_, file, load) => {
  const result = runSource(file, `
    const before = Reflect.ownKeys(globalThis).length;
    globalThis.fetch = () => { throw new Error('no network'); };
    WebAssembly.compile = () => { throw new Error('not yet'); };
    ${load.startsWith('import') ? '' : load}
    const client = createClient({ issuer: 'https://id.example', clientId: 'app', redirectUri: 'https://app.example/', storage: 'session' });
    console.log(client.signedIn, Reflect.ownKeys(globalThis).length - before, typeof GatepassError);`, load);
  expect(result).toBe('false 0 function\n');
});

test('on a server the wasm runs, and what needs a page is refused with a code', () => {
  const result = runSource('b.mjs', `
    const json = { issuer: 'https://id.example', authorization_endpoint: 'https://id.example/a', token_endpoint: 'https://id.example/t' };
    const client = createClient({
      issuer: 'https://id.example', clientId: 'app', redirectUri: 'https://app.example/', fetch: async () => Response.json(json),
    });
    const code = (promise) => promise.then(() => 'ok', ({ name, code }) => name + ' ' + code);
    delete globalThis.sessionStorage;
    console.log(await client.user(), await code(client.login()), await code(client.refresh()));
    console.log(await code(client.handleCallback('https://app.example/?code=a&state=b')));
    console.log(await code(createClient({ issuer: 'http://id.example', clientId: 'app', redirectUri: '/' }).login()));`,
  `import { createClient } from 'gatepass';`);
  expect(result.split('\n')).toEqual([
    'null GatepassError storage_unavailable GatepassError signed_out',
    'GatepassError callback_foreign',
    'GatepassError invalid_options',
    '',
  ]);
});

const walk = `
    const kept = new Map();
    globalThis.sessionStorage = { getItem: (key) => kept.get(key), setItem: (key, text) => kept.set(key, text), removeItem: (key) => kept.delete(key) };
    const [issuer] = process.argv.slice(2);
    let next;
    const client = createClient({
      issuer, clientId: 'app', redirectUri: 'https://app.example/callback', scope: 'read', apis: [issuer], navigate: (url) => { next = url; }, ...more,
    });
    (async () => {
      await client.login({ returnTo: '/after' });
      const { headers } = await fetch(next, { redirect: 'manual' });
      const { returnTo } = await client.handleCallback(headers.get('location'));
      const { status } = await client.fetch(issuer + '/data');
      console.log(returnTo, status);
    })();`;

test.each([
  ['import', 'c.mjs', `import { createClient } from 'gatepass'; const more = {};`],
  ['require', 'c.cjs', `const { createClient } = require('gatepass'); const more = {};`],
  ['import, slim', 'd.mjs', `
    import { readFileSync } from 'node:fs'; import { createRequire } from 'node:module'; import { createClient, init } from 'gatepass/slim';
    init(readFileSync(createRequire(import.meta.url).resolve('gatepass/gatepass.wasm'))); const more = {};`],
  ['require, slim', 'd.cjs', `
    const { createClient, init } = require('gatepass/slim');
    init(require('node:fs').promises.readFile(require.resolve('gatepass/gatepass.wasm'))); const more = {};`],
  ['import, WebAssembly refused', 'e.mjs', `
    import { createClient } from 'gatepass'; WebAssembly.compile = () => { throw new Error('refused'); }; const more = {};`],
  ['require, WebAssembly refused', 'e.cjs', `
    const { createClient } = require('gatepass'); WebAssembly.compile = () => { throw new Error('refused'); }; const more = {};`],
  ['import, the fallback passed', 'f.mjs', `
    import { createClient } from 'gatepass'; WebAssembly.compile = () => { throw new Error('refused'); };
    const more = { fallback: () => import('gatepass/fallback') };`],
  ['require, the fallback passed', 'f.cjs', `
    const { createClient } = require('gatepass'); WebAssembly.compile = () => { throw new Error('refused'); };
    const more = { fallback: async () => require('gatepass/fallback') };`],
])('%s: a user signs in, calls and is refreshed', async (_, file, load) => {
  const provider = await startInstantProvider();
  try {
    writeFileSync(join(folder, file), load + walk);
    const { stdout } = await promisify(execFile)(process.execPath, [file, provider.issuer], { cwd: folder });
    expect(stdout).toBe('/after 200\n');
  } finally {
    await provider.stop();
  }
});

test('slim says that it was not told where the wasm is', () => {
  const result = runSource('g.mjs', `
    const client = createClient({ issuer: 'https://id.example', clientId: 'app', redirectUri: 'https://app.example/' });
    await client.fetch('https://id.example').catch(({ code, message }) => console.log(code, message));`, `import { createClient } from 'gatepass/slim';`);
  expect(result).toBe('invalid_options invalid options: call init first (gatepass/API.md#invalid_options)\n');
});

test('its types say what it does', () => {
  writeFileSync(join(folder, 'use.mts'), `
    import { createClient, GatepassError, type Client, type User } from 'gatepass';
    import { createClient as createSlim, init } from 'gatepass/slim';
    const client: Client = createClient({ issuer: 'https://id.example', clientId: 'app', redirectUri: '/', apis: ['https://a.example'] as const, fetch });
    const stop: () => void = client.on('signed_out', ({ reason }) => console.log(reason?.length));
    client.on('request', ({ status, kind }) => console.log(status.toFixed(), kind === 'token'));
    const user: User | null = await client.user();
    const { returnTo }: { returnTo: string } = await client.handleCallback(new URL(location.href));
    const response: Response = await client.fetch(new URL('https://a.example'), { method: 'POST' });
    try { await client.refresh(); } catch (error) { if (error instanceof GatepassError && error.code === 'network_error') stop(); }
    // @ts-expect-error: there is no such event
    client.on('signed_off', () => {});
    // @ts-expect-error: there is no such store
    createClient({ issuer: '', clientId: '', redirectUri: '', storage: 'cookie' });
    console.log(user?.sub, returnTo, response);
    init('/gatepass.wasm'); init(fetch('/gatepass.wasm')); init(new Uint8Array());
    // @ts-expect-error: without it, nothing can start
    init();
    const slim: Client = createSlim({ issuer: '', clientId: '', redirectUri: '', fallback: () => import('gatepass/fallback') });
    slim.signedIn;
  `);
  writeFileSync(join(folder, 'use.cts'), `
    import gatepass = require('gatepass');
    import slim = require('gatepass/slim');
    import panel = require('gatepass/panel');
    slim.init('/gatepass.wasm');
    const client: gatepass.Client = slim.createClient({ issuer: '', clientId: '', redirectUri: '' });
    console.log(client.explain().map(panel.describeEntry));
  `);
  for (const resolution of ['bundler', 'nodenext']) {
    run(`${top}node_modules/.bin/tsc`, [
      '--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,dom', '--types', '',
      '--module', resolution === 'bundler' ? 'esnext' : 'nodenext', '--moduleResolution', resolution,
      'use.mts', ...(resolution === 'nodenext' ? ['use.cts'] : []),
    ]);
  }
});

function manifest() {
  return JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
}

function runSource(file, source, load) {
  const code = file.endsWith('.mjs') ? `${load}\n${source}` : source;
  writeFileSync(join(folder, file), code);
  return run(process.execPath, [file]);
}

function run(program, args) {
  try {
    return execFileSync(program, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    throw new Error(`${program} ${args.join(' ')}:\n${error.stdout}${error.stderr}`);
  }
}
