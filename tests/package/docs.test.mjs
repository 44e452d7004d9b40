// The documentation that the package brings: complete, and its examples work.

import { cpSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { read, undescribed } from '../../scripts/sdk/api.mjs';
import { launchChromium } from '../support/chromium.mjs';
import { startInstantProvider } from '../support/instant-provider.mjs';
import { servePages } from '../support/pages.mjs';
import { esbuild, top } from './bundle.mjs';
import { installPackage, run } from './consumers.mjs';
import { headingsOf } from './markdown.mjs';

const types = ['js', 'bindings'].flatMap((folder) =>
  readdirSync(join(top, 'sdk', folder)).filter((name) => name.endsWith('.d.ts')).map((name) => join(top, 'sdk', folder, name)));

test.each(types.map((file) => [file.slice(top.length), file]))('%s: everything has a description', (_, file) => {
  expect(undescribed(file)).toEqual([]);
});

test('every error code has the section that the message of its error names', () => {
  const api = readFileSync(join(top, 'sdk', 'dist', 'API.md'), 'utf8');
  const { members } = read(join(top, 'sdk', 'js', 'index.d.ts')).declared.find(({ name }) => name === 'GatepassErrorCode');
  expect(members.length).toBeGreaterThan(20);
  for (const { name } of members) expect(api.split('\n')).toContain(`#### ${name}`);
});

test('nothing in it is meant for the tools that read types', () => {
  const text = readFileSync(join(top, 'sdk', 'dist', 'API.md'), 'utf8').replace(/^```[^]*?^```$/gm, '');
  expect(text.match(/\{@|@\w+ |@internal/g)).toBeNull();
});

test('every code that the client and the core can refuse with is documented', () => {
  const { members } = read(join(top, 'sdk', 'js', 'index.d.ts')).declared.find(({ name }) => name === 'GatepassErrorCode');
  const known = members.map(({ name }) => name);
  const sources = readdirSync(join(top, 'sdk', 'js')).filter((name) => name.endsWith('.js')).map((name) => readFileSync(join(top, 'sdk', 'js', name), 'utf8'));
  const thrown = sources.flatMap((source) => [...source.matchAll(/new GatepassError\('(\w+)'/g)].map(([, code]) => code));
  expect(thrown.length).toBeGreaterThan(5);
  expect(thrown.filter((code) => !known.includes(code))).toEqual([]);
});

test('what its contents and descriptions link to is there', () => {
  const api = readFileSync(join(top, 'sdk', 'dist', 'API.md'), 'utf8');
  const headings = headingsOf(api);
  const links = [...api.matchAll(/\]\(#([^)]+)\)/g)].map(([, target]) => target);
  expect(links.filter((target) => !headings.includes(target))).toEqual([]);
  // Each thing has a link of its own in the contents, also where two entries have one of the same name.
  const contents = api.split('\n').filter((line) => line.startsWith('- `gatepass')).join().match(/\(#[^)]+\)/g);
  expect(new Set(contents).size).toBe(contents.length);
  expect(contents.length).toBeGreaterThan(40);
});

const examples = [
  ...types.map((file) => [file.slice(`${top}sdk/`.length), readFileSync(file, 'utf8').replace(/^ \* ?/gm, '')]),
  ['README.md', readFileSync(join(top, 'sdk', 'README.md'), 'utf8')],
  ['README.md of the repository', readFileSync(join(top, 'README.md'), 'utf8')],
].flatMap(([name, text]) => [...text.matchAll(/^```(tsx?|jsx?)\n([^]*?)^```$/gm)].map(([, language, source], at) => ({
  name: `${name} ${at + 1}`, file: `example-${name.replace(/\W/g, '-')}-${at + 1}.${language}`, source,
})));

/** What `gatepass` exports. */
const exported = () => ['createClient', ...readFileSync(join(top, 'sdk', 'js', 'exports.js'), 'utf8').matchAll(/^export \{ ([\w, ]+) \}/gm).flatMap(([, names]) => names.split(', '))];

describe('the examples', () => {
  let work;
  beforeAll(async () => {
    ({ folder: work } = await installPackage('docs'));
    // Where the examples say that they are served.
    for (const path of ['assets/gatepass.wasm', 'assets/vault-worker.js', 'vault-worker.js']) cpSync(join(work, 'node_modules', 'gatepass', basename(path)), join(work, path));
  });

  test('are read with their types', async () => {
    expect(examples.length).toBeGreaterThan(4);
    // What an example that goes on from another leaves out.
    const header = (source) => [
      'declare const show: (text: string) => void;',
      'declare const button: HTMLElement;',
      /\bclient\b/.test(source) && !/const client =/.test(source) ? `declare const client: import('gatepass').Client;` : '',
      /from 'gatepass/.test(source) ? '' : `import { ${exported().filter((name) => new RegExp(`\\b${name}\\(`).test(source)).join(', ')} } from 'gatepass';`,
    ].join('\n');
    for (const { file, source } of examples) writeFileSync(join(work, file.replace(/\.jsx?$/, '.tsx')), `${header(source)}\n${source}\nexport {};\n`);
    writeFileSync(join(work, 'vite.d.ts'), `declare module '*?url' { const address: string; export default address; }`);
    await run('tsc', [
      '--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--lib', 'es2022,dom', '--types', '', '--jsx', 'react-jsx',
      '--module', 'esnext', '--moduleResolution', 'bundler', 'vite.d.ts', ...examples.map(({ file }) => file.replace(/\.jsx?$/, '.tsx')),
    ], work);
  });

  const makesClient = ({ source }) => /redirectUri/.test(source);
  const isSlim = ({ source }) => /gatepass\/slim/.test(source);
  const isForGateway = ({ source }) => /createGatewayClient/.test(source);
  const whole = examples.filter((example) => makesClient(example) && !isSlim(example));
  const others = examples.filter((example) => !whole.includes(example));
  let browser;
  beforeAll(async () => { browser = await launchChromium(); });
  afterAll(() => browser?.close());

  test.each(whole.map((example) => [example.name, example]))('%s: signs in', async (_, { file, source }) => {
    const provider = await startInstantProvider();
    const pages = await servePages(work, { provider });
    const context = await browser.newContext();
    try {
      const main = file.replace(/\.\w+$/, '.tsx');
      writeFileSync(join(work, main), start(source
        .replaceAll('https://id.example.com', provider.issuer).replaceAll('http://localhost:4000', provider.issuer)
        .replaceAll('https://api.example.com', provider.api).replaceAll('http://localhost:5000', provider.api)
        .replaceAll('https://app.example.com', pages.origin)));
      await run(esbuild, [
        main, '--bundle', '--format=esm', '--outfile=main.js', '--jsx=automatic', '--alias:vue=vue/dist/vue.esm-bundler.js',
        '--define:__VUE_OPTIONS_API__=true', '--define:__VUE_PROD_DEVTOOLS__=false', '--define:__VUE_PROD_HYDRATION_MISMATCH_DETAILS__=false',
      ], work);
      writeFileSync(join(work, 'index.html'), '<!doctype html><title>An example</title><div id="app"></div><script type="module" src="/main.js"></script>');
      const page = await context.newPage();
      const errors = [];
      page.on('pageerror', (error) => errors.push(error.message));
      await page.goto(pages.origin);
      // What has a button waits for the user.
      await Promise.race([page.click('button').catch(() => {}), expect.poll(() => provider.asked('/token')).toBeGreaterThan(0)]);
      await expect.poll(() => provider.asked('/token')).toBeGreaterThan(0);
      await expect.poll(() => new URL(page.url()).pathname).toBe('/');
      expect(errors).toEqual([]);
    } finally {
      await context.close();
      await Promise.all([pages.stop(), provider.stop()]);
    }
  });

  /** Bundles a page, and serves it with what its examples name. */
  async function serve(main, provider) {
    writeFileSync(join(work, 'other.tsx'), main);
    await run(esbuild, ['other.tsx', '--bundle', '--format=esm', '--outfile=main.js', '--jsx=automatic', '--loader:.wasm=file', '--asset-names=[name]', '--alias:gatepass/gatepass.wasm?url=gatepass/gatepass.wasm'], work);
    writeFileSync(join(work, 'index.html'), '<!doctype html><title>An example</title><button>Sign in</button><div id="app"></div><script type="module" src="/main.js"></script>');
    const pages = await servePages(work, { provider });
    const context = await browser.newContext();
    const page = await context.newPage();
    const errors = [];
    page.on('pageerror', (error) => errors.push(error.message));
    return { page, context, pages, errors };
  }

  // What an example that goes on from another leaves out: a client, of which somebody is signed in.
  const before = ({ issuer, api }, source) => `
    import { ${exported().filter((name) => !new RegExp(`import [^;]*\\b${name}\\b[^;]*;`).test(source)).join(', ')} } from 'gatepass';
    const theirs = { issuer: '${issuer}', clientId: 'app', redirectUri: location.origin + '/callback', scope: 'read', apis: ['${api}'] };
    const button = document.querySelector('button');
    const show = (text) => { document.querySelector('#app').textContent = text; };
    ${/const client =/.test(source) ? '' : `
    const client = window.client = createClient({ ...theirs, storage: 'session' });
    if (location.pathname === '/callback') {
      const { returnTo } = await client.handleCallback();
      history.replaceState(null, '', returnTo);
    }`}`;
  const after = `
    ;Object.assign(window, { theirs, createClient, given: typeof options === 'object' ? options : undefined, done: true });`;

  test.each(others.filter((example) => !isForGateway(example) && !isSlim(example)).map((example) => [example.name, example]))('%s: runs', async (_, { source }) => {
    const provider = await startInstantProvider();
    // Gatepass takes passwords of its own applications. This provider asks for none.
    provider.instead.set('/auth/login', [200, { access_token: 'a', token_type: 'Bearer', expires_in: 300 }]);
    const { page, context, pages, errors } = await serve(`${before(provider, source)}\n${source}${after}`, provider);
    try {
      await page.goto(pages.origin);
      await page.waitForFunction(() => window.done).catch((error) => { throw new Error(`${error.message}\n${errors.join('\n')}`); });
      // What it makes works: a popup signs in, an option makes a client that signs in.
      if (/onclick|popup\(/.test(source)) {
        const tokens = provider.asked('/token');
        await page.click('button');
        await expect.poll(() => provider.asked('/token') - tokens).toBe(1);
        await expect.poll(() => page.evaluate(() => window.client.signedIn)).toBe(true);
      }
      if (/const options/.test(source)) {
        const tokens = provider.asked('/token');
        const code = await page.evaluate(async () => {
          let next;
          const client = window.createClient({ ...window.theirs, ...window.given, navigate: (url) => { next = url; } });
          await client.login();
          return next;
        });
        const answer = (await fetch(code, { redirect: 'manual' })).headers.get('location');
        const signedIn = await page.evaluate(async (answer) => {
          const client = window.createClient({ ...window.theirs, ...window.given });
          await client.handleCallback(answer);
          return client.signedIn;
        }, answer);
        expect([signedIn, provider.asked('/token') - tokens]).toEqual([true, 1]);
      }
      expect(errors).toEqual([]);
    } finally {
      await context.close();
      await Promise.all([pages.stop(), provider.stop()]);
    }
  });

  test.each(others.filter(isSlim).map((example) => [example.name, example]))('%s: has its WebAssembly where it says', async (_, { source }) => {
    const provider = await startInstantProvider();
    const rest = /const client =/.test(source) ? '' : `const client = createClient({ issuer: '${provider.issuer}', clientId: 'app', redirectUri: location.origin + '/callback' });`;
    const { page, context, pages, errors } = await serve(`${source.replaceAll('https://id.example.com', provider.issuer)}\n${rest}\nif (location.pathname !== '/callback') await client.login();\nelse window.client = client.handleCallback().then(() => client);`, provider);
    try {
      await page.goto(pages.origin);
      await page.waitForFunction(() => window.client).catch((error) => { throw new Error(`${error.message}\n${errors.join('\n')}`); });
      expect(await page.evaluate(async () => (await window.client).explain().find(({ event }) => event === 'started').core)).toBe('webassembly');
      expect(await page.evaluate(async () => (await window.client).signedIn)).toBe(true);
    } finally {
      await context.close();
      await Promise.all([pages.stop(), provider.stop()]);
    }
  });

  test.each(others.filter(isForGateway).map((example) => [example.name, example]))('%s: signs in and calls', async (_, { source }) => {
    const { page, context, pages, errors } = await serve(`const show = (text: string) => { document.title = text; };\n${source}\nwindow.done = true;`);
    const asked = [];
    let user = null;
    await context.route(/\/(api|login)\b/, (route) => {
      const { pathname } = new URL(route.request().url());
      asked.push(pathname);
      if (pathname === '/login') {
        user = { sub: 'demo', name: 'Demo User' };
        return route.fulfill({ status: 303, headers: { location: '/' } });
      }
      return route.fulfill({ json: pathname === '/api/session' ? { user, provider: user && 'gatepass', provider_label: user && 'Gatepass', expires_at: user && Math.floor(Date.now() / 1000) + 3600, ended: null } : {} });
    });
    try {
      await page.goto(pages.origin);
      await expect.poll(() => asked).toEqual(['/api/session', '/login', '/api/session', expect.stringMatching(/^\/api\/(orders|data)$/)]);
      await page.waitForFunction(() => window.done);
      expect(errors).toEqual([]);
    } finally {
      await context.close();
      await pages.stop();
    }
  });
});

/** Renders the component of an example that leaves this to the application. */
function start(source) {
  if (!source.includes('export function App')) return source;
  return `import { createRoot } from 'react-dom/client';\n${source}\ncreateRoot(document.querySelector('#app')!).render(<App />);`;
}
