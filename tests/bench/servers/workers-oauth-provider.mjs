// @cloudflare/workers-oauth-provider: workerd, KV.

import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { buildSync } from 'esbuild';
import { Miniflare, convertV4MiniflareOptions } from 'miniflare';

import { top } from '../../../scripts/lib/paths.mjs';
import { REDIRECT_URI } from '../user.mjs';

const COMPATIBILITY_DATE = '2026-11-01';

export const profile = {
  name: 'workers-oauth-provider',
  package: '@cloudflare/workers-oauth-provider',
  storage: 'workerd, KV',
  paths: { discovery: '/.well-known/oauth-authorization-server', authorize: '/authorize', token: '/token' },
  scope: 'read',
};

const bundle = join(top, 'target', 'bench', 'workers-oauth-provider.js');

/** What an isolate loads. */
export const modules = [{ type: 'esModule', name: 'index.js', path: pathToFileURL(bundle) }];

/** Text bindings for a workerd without databases. */
export const coldBindings = (origin) => ({ ORIGIN: origin, REDIRECT_URI });

/** Makes what `modules` names. */
export function prepare() {
  buildSync({
    entryPoints: [fileURLToPath(new URL('../workers/workers-oauth-provider.js', import.meta.url))],
    outfile: bundle,
    bundle: true,
    minify: true,
    format: 'esm',
    external: ['cloudflare:*', 'node:*'],
    logLevel: 'error',
  });
}

/** @param {{ port: number, origin: string }} where */
export async function start({ port, origin }) {
  const runtime = new Miniflare(convertV4MiniflareOptions({
    cf: false,
    host: '127.0.0.1',
    port: 0,
    workers: [{
      name: 'provider',
      compatibilityDate: COMPATIBILITY_DATE,
      modulesRoot: dirname(bundle),
      modules: [{ type: 'ESModule', path: bundle }],
      bindings: { ORIGIN: origin, REDIRECT_URI },
      kvNamespaces: ['OAUTH_KV'],
      unsafeDirectSockets: [{ host: '127.0.0.1', port }],
    }],
  }));
  await runtime.ready;
  const created = await fetch(`${origin}/client`);
  const { clientId } = await created.json();
  // It has no introspection: the API behind it is how a token is validated, by reading KV.
  return { info: { client: clientId, api: `${origin}/api/user` }, stop: () => runtime.dispose() };
}
