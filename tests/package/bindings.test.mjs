// The bindings, rendered for real: an app in React and the same in Vue, in Chromium.

import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { launchChromium } from '../support/chromium.mjs';
import { startInstantProvider } from '../support/instant-provider.mjs';
import { servePages } from '../support/pages.mjs';
import { installPackage, makePages, run } from './consumers.mjs';

let browser;
let installed;
beforeAll(async () => { [browser, installed] = await Promise.all([launchChromium(), installPackage('bindings')]); });
afterAll(() => browser?.close());

describe.each(['react', 'vue'])('gatepass/%s', (framework) => {
  let out;
  beforeAll(async () => { out = await makePages('vite', framework, installed.folder); });

  let provider;
  let pages;
  let page;
  let errors;
  beforeEach(async () => {
    provider = await startInstantProvider();
    pages = await servePages(out, { provider });
    page = await (await browser.newContext()).newPage();
    errors = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => { if (message.type() === 'error' && !/status of 4/.test(message.text())) errors.push(message.text()); });
  });
  afterEach(async () => {
    await page.context().close();
    await Promise.all([pages.stop(), provider.stop()]);
    expect(errors).toEqual([]);
  });

  const status = (expected) => page.waitForSelector(`main[data-status=${expected}]`, { timeout: 15_000 });
  const names = () => page.locator('.name').allTextContents();

  test('signs in, says who the user is, signs out', async () => {
    await page.goto(pages.origin);
    await status('signed_out');
    expect(await names()).toEqual(['nobody', 'nobody']);
    await page.click('#sign-in');
    await status('signed_in');
    expect(page.url()).toBe(`${pages.origin}/after?page=2`);
    await expect.poll(names).toEqual(['Demo User', 'Demo User']);
    // The code once, and once the refresh that the first answer of this provider asks for.
    expect(provider.asked('/token')).toBe(2);
    expect(provider.asked('/userinfo'), 'one 401, one answer').toBe(2);

    await page.reload();
    await expect.poll(names).toEqual(['Demo User', 'Demo User']);

    await page.click('#sign-out');
    await status('signed_out');
    expect(await names()).toEqual(['nobody', 'nobody']);
  });

  test('shows why a sign-in failed', async () => {
    await page.goto(`${pages.origin}/callback?code=c&state=of-nobody&iss=${provider.issuer}`);
    await status('signed_out');
    expect(await page.textContent('#error')).toBe('callback_foreign');
    await page.click('#sign-in');
    await status('signed_in');
    expect(await page.textContent('#error')).toBe('');
  });

  test('a reload of the callback harms nobody who is signed in', async () => {
    await page.goto(pages.origin);
    await page.click('#sign-in');
    await status('signed_in');
    await page.goto(`${pages.origin}/callback?code=c&state=of-nobody&iss=${provider.issuer}`);
    await status('signed_in');
    expect(page.url()).toBe(`${pages.origin}/`);
    expect(await page.textContent('#error')).toBe('');
  });

  test('shows why the provider ended the session', async () => {
    await page.goto(pages.origin);
    await page.click('#sign-in');
    await status('signed_in');
    await expect.poll(names).toEqual(['Demo User', 'Demo User']);
    provider.endGrants();
    await page.evaluate(() => window.client.refresh().catch(() => {}));
    await status('signed_out');
    expect(await page.textContent('#reason')).toBe('invalid_grant');
  });

  test('shows who is signed in at the gateway, and why no more', async () => {
    let session = { user: { sub: 'demo', name: 'Demo User' }, provider: 'gatepass', expires_at: Date.now(), ended: null };
    let release;
    const held = new Promise((resolve) => { release = resolve; });
    await page.route(`${pages.origin}/api/session`, async (route) => {
      await held;
      await route.fulfill({ json: session });
    });
    await page.route(`${pages.origin}/api/session/refresh`, (route) => route.fulfill({ status: 401, json: { code: 'not_signed_in' } }));
    await page.goto(`${pages.origin}/?gateway`);
    await status('loading');
    release();
    await status('signed_in');
    await expect.poll(names).toEqual(['Demo User', 'Demo User']);

    session = { user: null, ended: 'idle' };
    expect(await page.evaluate(() => window.client.refresh().catch(({ code, reason }) => `${code} ${reason}`))).toBe('session_ended idle');
    await status('signed_out');
    expect(await page.textContent('#reason')).toBe('idle');
    await page.reload();
    await status('signed_out');
    expect(await page.textContent('#reason')).toBe('idle');
    const leaves = page.waitForRequest((request) => new URL(request.url()).pathname === '/login');
    await page.click('#sign-in');
    expect(new URL((await leaves).url()).searchParams.get('return_to')).toBe('/after?page=2');
  });
});

test('their types fit those of React and Vue', async () => {
  writeFileSync(`${installed.folder}/use.mts`, `
    import { createClient, createGatewayClient, type GatewayClient, type User } from 'gatepass';
    import { GatepassProvider, useGatepass, useSession, useUser } from 'gatepass/react';
    import * as vue from 'gatepass/vue';
    import { createElement } from 'react';
    import { createApp, type ComputedRef } from 'vue';
    const client = createClient({ issuer: '', clientId: '', redirectUri: '' });
    createElement(GatepassProvider, { client, callbackPath: '/callback', onReturn: (path: string) => console.log(path) });
    createElement(GatepassProvider, { client: createGatewayClient() });
    createApp({}).use(vue.gatepass(createGatewayClient()));
    export const provider = () => useGatepass<GatewayClient>().login({ provider: 'example' });
    // @ts-expect-error: without a client there is nothing to provide
    createElement(GatepassProvider, {});
    export function Use() { const user: User | null = useUser().user; useGatepass().login(); return useSession().status === 'loading' ? null : user?.name; }
    createApp({}).use(vue.gatepass(client, { callbackPath: '/callback' }));
    export const session: () => ComputedRef<vue.SessionState> = vue.useSession;
  `);
  await run('tsc', ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--lib', 'es2022,dom', '--types', '', '--module', 'esnext', '--moduleResolution', 'bundler', 'use.mts'], installed.folder);
});
