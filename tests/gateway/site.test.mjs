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

test.each([
  ['GATEPASS_ISSUER', undefined, 'is not set'],
  ['GATEPASS_API', 'https://api.example.com/', 'must be an origin'],
  ['GATEPASS_ENV', 'staging', 'must be development or production'],
  ['GATEPASS_ORIGIN', undefined, 'is not set'],
  // No browser would write its origin so, and every call would count as forged.
  ['GATEPASS_ORIGIN', 'https://App.example.com', 'must be an origin'],
  ['GATEPASS_ORIGIN', 'https://app.example.com:443', 'must be an origin'],
  ['GATEPASS_SESSION_KEY', undefined, 'is not set'],
  ['GATEPASS_SESSION_KEY', 'short', 'must be 32 bytes as base64url'],
  ['GATEPASS_GATEWAY_SECRET', undefined, 'is not set'],
  ['GATEPASS_PROVIDERS', '{}', 'must be a JSON list of objects'],
  ['GATEPASS_PROVIDERS', '[{"name":"a","issuer":"https://a.example","client_id":"a","secret":"NOT_THERE"}]', 'names a secret that is not set'],
  ['GATEPASS_UPSTREAMS', '/x/=https://api.example.com', 'must be pairs such as'],
  ['GATEPASS_SESSION_IDLE', 'soon', 'must be a number of seconds'],
  ['GATEPASS_SESSION_LIFETIME', 'never', 'must be between a second and 400 days'],
  ['GATEPASS_SESSION', 'redis', 'must be object or cookie'],
  ['GATEPASS_RELAY_TIMEOUT', '0', 'must be a number of 1 or more'],
])('with %s=%s it serves nobody, names it in the log and not to strangers, and health still answers', async (name, value, problem) => {
  const lost = await startStack({ only: ['gateway'], healthy: false, gateway: { [name]: value } });
  try {
    for (const path of ['/', '/config.json']) {
      const response = await fetch(lost.gateway + path);
      expect(response.status).toBe(500);
      expect(await response.text()).not.toContain(name);
    }
    const health = await fetch(`${lost.gateway}/health`);
    expect(health.status).toBe(503);
    expect(await health.json()).toEqual({ status: 'degraded', version: expect.any(String), configuration: 'refused' });
    const named = () => lost.logs().filter((line) => line.includes(`configuration: ${name} ${problem}`));
    await expect.poll(() => named().length).toBe(3);
  } finally {
    await lost.stop();
  }
});
