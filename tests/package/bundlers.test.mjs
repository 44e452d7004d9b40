// The packed package in the hands of every bundler, none of which is told anything about it, and its pages in
// a real Chromium under the strictest content security policy: one with WebAssembly and one without.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { launchChromium } from '../support/chromium.mjs';
import { startInstantProvider } from '../support/instant-provider.mjs';
import { servePages } from '../support/pages.mjs';
import { copyFallback, installPackage, makePages, startNext, startVite } from './consumers.mjs';

let provider;
let browser;
let work;
beforeAll(async () => {
  [provider, browser, { folder: work }] = await Promise.all([startInstantProvider(), launchChromium(), installPackage('bundlers')]);
});
afterAll(() => Promise.all([provider?.stop(), browser?.close()]));

const policy = (wasm) => `default-src 'none'; script-src 'self'${wasm ? " 'wasm-unsafe-eval'" : ''}; connect-src 'self' ${provider.issuer}`;

// Those that do not find the fallback by themselves are told where it is.
const apps = [
  ['vite', 'default'], ['webpack', 'default'], ['esbuild', 'passed'], ['rollup', 'passed'], ['plain', 'default'],
  ['vite', 'passed'], ['webpack', 'passed'], ['script', 'passed'],
  ['vite', 'slim-vite'], ['plain', 'slim-plain'],
  ['vite', 'vault-vite'], ['webpack', 'vault-webpack'],
];

// One file, and the fallback served beside it or where its address says.
const copied = [
  ['esbuild-file', 'default', 'fallback.js'], ['rollup-file', 'default', 'fallback.js'], ['rollup-script', 'default', 'fallback.js'],
  ['script', 'addressed', 'assets/fallback.js'],
];

describe.each([...apps, ...copied])('%s, %s', (consumer, app, fallback) => {
  let folder;
  beforeAll(async () => {
    folder = await makePages(consumer, app, work);
    if (fallback) copyFallback(folder, fallback);
  });

  test('works under the strictest policy that allows WebAssembly', async () => {
    const { result, scripts } = await walk(folder, policy(true));
    expect(result).toEqual(signedIn);
    // The fallback is not loaded where it is not needed: what is loaded is the page's own.
    expect(scripts.filter((path) => /fallback/.test(path))).toEqual([]);
  });

  test('works without WebAssembly', async () => {
    const { result } = await walk(folder, policy(false));
    expect(result).toEqual(signedIn);
  });
});

test.each(['esbuild', 'rollup', 'script', 'esbuild-file', 'rollup-file', 'rollup-script'])('%s alone does not take the fallback along, and the error says what to do', async (consumer) => {
  const pages = await makePages(consumer, 'default', work, 'alone');
  expect(readdirSync(pages).filter((name) => name.endsWith('.js'))).toEqual(['main.js']);
  const { result } = await walk(pages, policy(false));
  expect(result.error).toMatch(/^unsupported .*WebAssembly.*gatepass\/fallback/);
});

describe("Vite's server for developers", () => {
  let vite;
  beforeAll(async () => { vite = await startVite('default', work); });
  afterAll(() => vite?.stop());

  test.each([['with', true], ['without', false]])('works %s WebAssembly', async (_, wasm) => {
    const { result } = await walk(vite.origin, policy(wasm).replace("connect-src 'self'", "connect-src 'self' ws:"));
    expect(result).toEqual(signedIn);
  });
});

test.each(['vite', 'webpack', 'esbuild', 'rollup'])('%s leaves out what is not imported', async (consumer) => {
  const out = await makePages(consumer, 'error-only', work);
  // Vite copies the fallback whatever is used of the rest; it is a file of its own, which nobody loads.
  const scripts = readdirSync(out, { recursive: true }).filter((path) => /\.m?js$/.test(path) && !/fallback-/.test(path));
  const bytes = scripts.map((path) => readFileSync(join(out, path)).length);
  expect(Math.max(...bytes), scripts.join(' ')).toBeLessThan(2500);
});

describe.each(['turbopack', 'webpack'])('Next.js with %s', (bundler) => {
  let next;
  beforeAll(async () => { next = await startNext(bundler, provider, work); }, 170_000);
  afterAll(() => next?.stop());

  test('renders a page with a client in it on the server', async () => {
    const page = await (await fetch(next.origin)).text();
    expect(page).toContain('<p id="status">loading</p>');
  });

  // Next.js writes scripts into its pages.
  const inline = (wasm) => policy(wasm).replace("'self'", "'self' 'unsafe-inline'");

  test.each([['with', true], ['without', false]])('works %s WebAssembly', async (_, wasm) => {
    const { result } = await walk(next.origin, inline(wasm));
    expect(result).toEqual(signedIn);
  });

  test('serves the worker of the vault', async () => {
    const { result, scripts } = await walk(next.origin, inline(true), '/?vault');
    expect(result).toEqual(signedIn);
    expect(scripts.join()).toMatch(/vault-worker/);
  });
});

const signedIn = { returnTo: '/after', statuses: [200, 200, 200], name: 'Demo User', address: '/callback' };

/** Opens the page, and waits for what it shows in the end. */
async function walk(folder, policy, path = '/') {
  const pages = await servePages(folder, { policy, provider });
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const errors = [];
    page.on('pageerror', (error) => errors.push(error.message));
    const before = provider.asked('/token');
    await page.goto(pages.origin + path);
    const result = await page.waitForSelector('[data-result]', { state: 'attached', timeout: 15_000 }).catch((error) => { throw new Error(`${error.message}\n${errors.join('\n')}`); });
    const found = JSON.parse(await result.getAttribute('data-result'));
    expect(errors).toEqual([]);
    if (!found.error) expect(provider.asked('/token') - before, 'token requests: the code, and one refresh').toBe(2);
    return { result: found, scripts: pages.served };
  } finally {
    await context.close();
    await pages.stop();
  }
}
