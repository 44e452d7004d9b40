// The gateway serves the demo site, and lets it talk to its provider and API only.

import { afterAll, beforeAll, expect, test } from 'vitest';

import { startStack } from '../support/stack.mjs';

let stack;

beforeAll(async () => {
  stack = await startStack({ only: ['gateway'] });
});
afterAll(() => stack?.stop());

const get = (path, init) => fetch(stack.gateway + path, { redirect: 'manual', ...init });

test('it is healthy, and says which version it is', async () => {
  const response = await get('/health');
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ status: 'ok', version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
});

test('the page learns where its provider and API are', async () => {
  const response = await get('/config.json');
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(await response.json()).toEqual({ issuer: stack.provider, api: stack.api, clientId: 'gatepass-demo' });
});

test.each(['/', '/callback', '/callback?code=a&state=b'])('%s is the page', async (path) => {
  const response = await get(path);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^text\/html/);
  expect(await response.text()).toContain('<title>Gatepass demo</title>');
});

test('its script and style are there', async () => {
  expect((await get('/app.js')).headers.get('content-type')).toMatch(/javascript/);
  expect((await get('/style.css')).headers.get('content-type')).toMatch(/^text\/css/);
});

test.each(['/nope', '/callback/more', '/.dev.vars', '/../wrangler.toml'])('%s is nothing', async (path) => {
  const response = await get(path);
  expect(response.status).toBe(404);
  expect(await response.text()).toBe('There is no such page.');
});

test.each(['/', '/health', '/config.json', '/callback', '/nope'])('%s cannot be posted to', async (path) => {
  const response = await get(path, { method: 'POST' });
  expect(response.status).toBe(405);
  expect(response.headers.get('allow')).toBe('GET, HEAD');
});

test.each(['/', '/callback', '/app.js'])('%s may run its own script, and call its provider and API only', async (path) => {
  const policy = (await get(path)).headers.get('content-security-policy');
  expect(policy).toContain("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self';");
  expect(policy).toContain(`connect-src 'self' ${stack.provider} ${stack.api};`);
});

test.each(['/', '/callback', '/app.js', '/nope', '/health', '/config.json'])('%s carries the security headers', async (path) => {
  const { headers } = await get(path);
  expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; .*frame-ancestors 'none'/);
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('referrer-policy')).toBe('no-referrer');
  expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
});

test('without its provider it does not guess one', async () => {
  const lost = await startStack({ only: ['gateway'], healthy: false, gateway: { GATEPASS_ISSUER: undefined } });
  try {
    const response = await fetch(`${lost.gateway}/config.json`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('GATEPASS_ISSUER');
    expect(lost.logs().join('\n')).toContain('GATEPASS_ISSUER is not set');
  } finally {
    await lost.stop();
  }
});
