// The request log: one line of JSON for each request, or only for those that are refused.
import { afterEach, expect, test } from 'vitest';
import { startStack } from '../support/stack.mjs';

let stack;
afterEach(() => stack?.stop());

const start = (provider) => startStack({ only: ['provider'], healthy: false, provider });
const paths = () => stack.logs().filter((line) => line.includes('"path"')).map((line) => {
  const { request_id: id, path, status } = JSON.parse(line.slice(line.indexOf('{')));
  expect(id).toMatch(/^[\w-]{12}$/);
  return `${status} ${path}`;
});

test('has every request, without what stands behind the question mark', async () => {
  stack = await start({});
  await fetch(`${stack.provider}/.well-known/jwks.json?secret=s`);
  await fetch(`${stack.provider}/nowhere`);
  await expect.poll(paths).toEqual(['200 /.well-known/jwks.json', '404 /nowhere']);
});

test('has only what was refused, if that is wanted', async () => {
  stack = await start({ GATEPASS_REQUEST_LOG: 'refused' });
  await fetch(`${stack.provider}/.well-known/jwks.json`);
  await fetch(`${stack.provider}/oauth/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'refresh_token' }) });
  await fetch(`${stack.provider}/nowhere`);
  await expect.poll(paths).toEqual(['401 /oauth/token', '404 /nowhere']);
});

test('is not configured by a word that it does not know', async () => {
  stack = await start({ GATEPASS_REQUEST_LOG: 'none' });
  expect((await fetch(`${stack.provider}/.well-known/jwks.json`)).status).toBe(500);
  await expect.poll(() => stack.logs().join()).toContain('GATEPASS_REQUEST_LOG must be all or refused');
});
