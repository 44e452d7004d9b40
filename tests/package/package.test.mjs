// The package as npm packs it, in the hands of Node: nothing happens on import, on a server either.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { dist, top } from './bundle.mjs';

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
    'LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'index.cjs', 'index.d.cts', 'index.d.ts', 'index.js', 'package.json',
  ]);
  const { name, dependencies, scripts, sideEffects } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  expect({ name, dependencies, scripts, sideEffects }).toEqual({ name: 'gatepass', sideEffects: false });
});

test('it has no word of the machine that built it', () => {
  const script = readFileSync(join(installed, 'index.js'), 'utf8');
  const compressed = /["'`]([A-Za-z0-9+/=]{5000,})["'`]/.exec(script)[1];
  const wasm = inflateRawSync(Buffer.from(compressed, 'base64')).toString('latin1');
  for (const trace of [top, folder, '.cargo', '/home/', '/root/', '/Users/', 'node_modules']) {
    expect(script + wasm).not.toContain(trace);
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

test('its types say what it does', () => {
  writeFileSync(join(folder, 'use.mts'), `
    import { createClient, GatepassError, type Client, type User } from 'gatepass';
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
  `);
  for (const resolution of ['bundler', 'nodenext']) {
    run(`${top}node_modules/.bin/tsc`, [
      '--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,dom', '--types', '',
      '--module', resolution === 'bundler' ? 'esnext' : 'nodenext', '--moduleResolution', resolution, 'use.mts',
    ]);
  }
});

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
