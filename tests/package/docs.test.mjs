// The documentation that the package brings: complete, and its examples work.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { read, undescribed } from '../../scripts/sdk/api.mjs';
import { launchChromium } from '../support/chromium.mjs';
import { startInstantProvider } from '../support/instant-provider.mjs';
import { servePages } from '../support/pages.mjs';
import { esbuild, top } from './bundle.mjs';
import { installPackage, run } from './consumers.mjs';

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
  const headings = new Set([...api.matchAll(/^#+ (.*)$/gm)].map(([, text]) => text.toLowerCase().replaceAll('`', '').replaceAll('/', '')));
  const links = [...api.matchAll(/\]\(#([^)]+)\)/g)].map(([, target]) => target);
  expect(links.filter((target) => !headings.has(target))).toEqual([]);
});

const examples = [
  ...types.map((file) => [file.slice(`${top}sdk/`.length), readFileSync(file, 'utf8').replace(/^ \* ?/gm, '')]),
  ['README.md', readFileSync(join(top, 'sdk', 'README.md'), 'utf8')],
].flatMap(([name, text]) => [...text.matchAll(/^```(tsx?|jsx?)\n([^]*?)^```$/gm)].map(([, language, source], at) => ({
  name: `${name} ${at + 1}`, file: `example-${name.replace(/\W/g, '-')}-${at + 1}.${language}`, source,
})));

describe('the examples', () => {
  let work;
  beforeAll(async () => { ({ folder: work } = await installPackage('docs')); });

  test('are read with their types', async () => {
    expect(examples.length).toBeGreaterThan(4);
    // What an example that goes on from another leaves out.
    const exported = ['createClient', ...readFileSync(join(top, 'sdk', 'js', 'exports.js'), 'utf8').matchAll(/^export \{ ([\w, ]+) \}/gm).flatMap(([, names]) => names.split(', '))];
    const header = (source) => [
      'declare const show: (text: string) => void;',
      'declare const button: HTMLElement;',
      /\bclient\b/.test(source) && !/const client =/.test(source) ? `declare const client: import('gatepass').Client;` : '',
      /from 'gatepass/.test(source) ? '' : `import { ${exported.filter((name) => new RegExp(`\\b${name}\\(`).test(source)).join(', ')} } from 'gatepass';`,
    ].join('\n');
    for (const { file, source } of examples) writeFileSync(join(work, file.replace(/\.jsx?$/, '.tsx')), `${header(source)}\n${source}\nexport {};\n`);
    writeFileSync(join(work, 'vite.d.ts'), `declare module '*?url' { const address: string; export default address; }`);
    await run('tsc', [
      '--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--lib', 'es2022,dom', '--types', '', '--jsx', 'react-jsx',
      '--module', 'esnext', '--moduleResolution', 'bundler', 'vite.d.ts', ...examples.map(({ file }) => file.replace(/\.jsx?$/, '.tsx')),
    ], work);
  });

  const whole = examples.filter(({ source }) => /redirectUri/.test(source) && !/gatepass\/slim/.test(source));
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
});

/** Renders the component of an example that leaves this to the application. */
function start(source) {
  if (!source.includes('export function App')) return source;
  return `import { createRoot } from 'react-dom/client';\n${source}\ncreateRoot(document.querySelector('#app')!).render(<App />);`;
}
