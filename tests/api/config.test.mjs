// What the API is told from outside: it refuses what it cannot work with, and its name for itself
// follows from its audience.
import { afterEach, describe, expect, test } from 'vitest';
import { startStack } from '../support/stack.mjs';

let stack;
afterEach(() => stack?.stop());

const start = async (api, healthy = true) => { stack = await startStack({ only: ['api'], healthy, api }); };
const get = (path) => fetch(`${stack.api}${path}`);

describe('a configuration that will not do', () => {
  test.each([
    ['GATEPASS_ENV', 'staging', 'must be development or production'],
    ['GATEPASS_ISSUER', undefined, 'is not set'],
    ['GATEPASS_ISSUER', 'http://id.example.com', 'must be an address that begins with https://'],
    ['GATEPASS_ISSUER', 'https://id.example.com/one?of=two', 'must be an address that begins with https://'],
    ['GATEPASS_AUDIENCE', undefined, 'is not set'],
    ['GATEPASS_AUDIENCE', 'https://äpi.example.com', 'must be at most 1024 printable ASCII characters'],
    ['GATEPASS_VALIDATION', 'none', 'must be jwt, introspection or both'],
    ['GATEPASS_REVOCATION_BOUND', 'soon', 'must be a number of seconds, or never'],
    ['GATEPASS_REVOCATION_BOUND', 'never', 'must be a number of seconds for introspection'],
    ['GATEPASS_OUTAGE_TOLERANCE', 'x', 'must be a number of seconds, or never'],
    ['GATEPASS_DPOP', 'always', 'must be accept or require'],
    ['GATEPASS_DPOP_NONCE_KEY', 'short', 'must be 32 bytes as base64url, 43 characters'],
    ['GATEPASS_CACHE', 'a-text', 'must be a KV namespace'],
    ['GATEPASS_CLIENT_ID', undefined, 'is not set'],
    ['GATEPASS_API_SECRET', undefined, 'is not set'],
    ['GATEPASS_ALLOWED_ORIGINS', 'https://app.example.com/ *', 'must be origins'],
  ])('%s=%s serves nobody, is named in the log and not to strangers, and health still answers', async (name, value, problem) => {
    await start({ [name]: value }, false);
    for (const path of ['/api/data', '/.well-known/oauth-protected-resource', '/nowhere']) {
      const response = await get(path);
      expect(response.status).toBe(500);
      expect(await response.text()).not.toContain(name);
    }
    const health = await get('/health');
    expect(health.status).toBe(503);
    const answer = await health.json();
    expect(answer).toEqual({ status: 'degraded', version: expect.any(String), configuration: 'refused', d1: 'reachable' });
    expect((await fetch(`${stack.api}/health`, { method: 'POST' })).status).toBe(405);
    expect((await fetch(`${stack.api}/health`, { method: 'OPTIONS' })).headers.get('allow')).toBe('GET');
    const named = () => stack.logs().filter((line) => line.includes(`configuration: ${name} ${problem}`));
    await expect.poll(() => named().length).toBe(6);
  });
});

describe('an audience', () => {
  const challenge = async () => (await get('/api/protected')).headers.get('www-authenticate');

  test('with a path has its metadata where RFC 9728 §3.1 puts it', async () => {
    await start({ GATEPASS_AUDIENCE: 'https://api.example.com/v1' });
    const url = 'https://api.example.com/.well-known/oauth-protected-resource/v1';
    expect(await challenge()).toBe(`Bearer realm="https://api.example.com/v1", resource_metadata="${url}"`);
    const metadata = await get(new URL(url).pathname);
    expect(metadata.status).toBe(200);
    expect(await metadata.json()).toMatchObject({ resource: 'https://api.example.com/v1' });
    expect((await get('/.well-known/oauth-protected-resource')).status).toBe(404);
  });

  test('that is no address is named without one', async () => {
    await start({ GATEPASS_AUDIENCE: 'urn:example:api' });
    expect(await challenge()).toBe('Bearer realm="urn:example:api"');
    expect(await (await get('/.well-known/oauth-protected-resource')).json()).toMatchObject({ resource: 'urn:example:api' });
  });

  test('stays within the quotes of its challenge', async () => {
    await start({ GATEPASS_AUDIENCE: 'a "quoted\\" name' });
    expect(await challenge()).toBe(String.raw`Bearer realm="a \"quoted\\\" name"`);
  });
});
