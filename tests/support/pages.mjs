// Serves pages under a content security policy: a folder's, as a server of a single-page application does, or
// those of another server.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';

const types = {
  '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm', '.css': 'text/css',
};

/**
 * @param {string} from a folder, or the origin of another server
 * @param {{ policy?: string, provider?: { issuer: string, api: string } }} [options] `policy` is the content
 *   security policy; `provider` is told to the pages in a `<meta>`
 */
export async function servePages(from, { policy, provider } = {}) {
  const served = [];
  const find = from.startsWith('http:') ? fetched : found;
  const server = createServer(async (request, response) => {
    const page = await find(from, request.url, provider);
    if (page.status === 200) served.push(request.url);
    response.writeHead(page.status, { 'content-type': page.type, ...(policy && { 'content-security-policy': policy }) });
    response.end(page.body);
  });
  await new Promise((resolve) => { server.listen(0, 'localhost', resolve); });
  return {
    origin: `http://localhost:${server.address().port}`,
    /** What was served, in its order. */
    served,
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => { server.close(resolve); });
    },
  };
}

function found(folder, url, provider) {
  const { pathname } = new URL(url, 'http://localhost');
  const asked = join(folder, pathname);
  const file = existsSync(asked) && statSync(asked).isFile() ? asked : join(folder, 'index.html');
  if (file !== asked && extname(pathname)) return { status: 404, type: 'text/plain', body: '' };
  const type = types[extname(file)] ?? 'application/octet-stream';
  return { status: 200, type, body: type === 'text/html' ? told(readFileSync(file, 'utf8'), provider) : readFileSync(file) };
}

async function fetched(origin, url, provider) {
  const response = await fetch(origin + url);
  const type = response.headers.get('content-type') ?? 'text/plain';
  const body = type.startsWith('text/html') ? told(await response.text(), provider) : Buffer.from(await response.arrayBuffer());
  return { status: response.status, type, body };
}

function told(page, provider) {
  const json = provider && JSON.stringify({ issuer: provider.issuer, api: provider.api }).replaceAll('"', '&quot;');
  return page.replace(/(<meta name="provider" content=")(")/, `$1${json ?? ''}$2`);
}
