// Discovery (RFC 8414), keys (RFC 7517), health, CORS, and what every answer has in common.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { post, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

let stack;
beforeAll(async () => { stack = await startStack({ only: ['provider'] }); });
afterAll(() => stack?.stop());

const get = (path, headers = {}) => fetch(`${stack.provider}${path}`, { headers });

describe('documents', () => {
  test('discovery is the same at both addresses, names what is there, and asks no database', async () => {
    await get('/.well-known/jwks.json');
    const [oauth, oidc] = await Promise.all([
      get('/.well-known/oauth-authorization-server'), get('/.well-known/openid-configuration'),
    ]);
    expect(roundTrips(oauth)).toBe(0);
    const document = await oauth.json();
    expect(await oidc.json()).toEqual(document);
    expect(document).toMatchObject({
      issuer: stack.provider,
      token_endpoint: `${stack.provider}/oauth/token`,
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    });
    for (const endpoint of Object.keys(document).filter((name) => name.endsWith('_endpoint'))) {
      const response = await fetch(document[endpoint], { method: 'OPTIONS' });
      expect([endpoint, response.status]).toEqual([endpoint, 204]);
    }
  });

  test('keys are public halves only: one that signs and one that will, however many ask at once', async () => {
    const sets = await Promise.all(Array.from({ length: 20 }, async () => (await get('/.well-known/jwks.json')).json()));
    expect(new Set(sets.map((set) => JSON.stringify(set))).size).toBe(1);
    expect(new Set(sets[0].keys.map(({ kid }) => kid)).size).toBe(2);
    for (const key of sets[0].keys) expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    const again = await get('/.well-known/jwks.json');
    expect(roundTrips(again)).toBe(0);
    expect(again.headers.get('cache-control')).toBe('public, max-age=600');
  });

  test('health says whether D1 answers and was migrated', async () => {
    expect(await (await get('/health')).json()).toMatchObject({ status: 'ok', d1: 'reachable' });
    const db = await stack.database('provider');
    await db.prepare('ALTER TABLE clean_up_windows RENAME TO gone').run();
    const degraded = await get('/health');
    expect({ status: degraded.status, body: await degraded.json() }).toMatchObject({ status: 503, body: { status: 'degraded' } });
    await db.prepare('ALTER TABLE gone RENAME TO clean_up_windows').run();
  });
});

describe('pages of other origins', () => {
  const preflight = (path, origin) => fetch(`${stack.provider}${path}`, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
  });

  test.each(['/oauth/token', '/oauth/revoke', '/oauth/userinfo'])('may call %s if a client has registered them', async (path) => {
    const allowed = await preflight(path, stack.gateway);
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-origin')).toBe(stack.gateway);
    expect(allowed.headers.get('access-control-allow-headers')).toContain('Authorization');
    const refused = await preflight(path, 'https://evil.example');
    expect(refused.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('a thousand invented origins do not hide a registered one', async () => {
    const ask = async (origin) => (await preflight('/oauth/token', origin)).headers.get('access-control-allow-origin');
    for (let i = 0; i < 1_050; i += 50) {
      const invented = Array.from({ length: 50 }, (_, j) => `https://${i + j}.evil.example`);
      expect(new Set(await Promise.all(invented.map(ask)))).toEqual(new Set([null]));
    }
    expect(await ask(`https://${'a'.repeat(400)}.example`)).toBeNull();
    expect(await ask(stack.gateway)).toBe(stack.gateway);
  });

  test('may read errors too, without credentials', async () => {
    const response = await post(`${stack.provider}/oauth/token`, {}, { origin: stack.gateway });
    expect(response.status).toBe(400);
    expect(response.headers.get('access-control-allow-origin')).toBe(stack.gateway);
    expect(response.headers.get('access-control-allow-credentials')).toBeNull();
    expect(response.headers.get('vary')).toContain('Origin');
  });

  test('may not call the sign-in page or introspection', async () => {
    for (const path of ['/login', '/oauth/introspect', '/oauth/logout']) {
      const response = await preflight(path, stack.gateway);
      expect(response.headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  test('may read the documents, whoever they are', async () => {
    const response = await get('/.well-known/openid-configuration', { origin: 'https://anyone.example' });
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
  });
});

describe('every answer', () => {
  test('has an id and the headers of a careful server', async () => {
    for (const path of ['/health', '/nowhere', '/login', '/oauth/token', '/.well-known/jwks.json', '/assets/style.css']) {
      const { headers } = await get(path);
      expect(headers.get('x-request-id')).toMatch(/^[\w-]{12}$/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    }
  });

  test('shows the error page with its request id where there is nothing', async () => {
    const response = await get('/nowhere');
    expect(response.status).toBe(404);
    expect(await response.text()).toContain(response.headers.get('x-request-id'));
  });

  test.each(['/oauth/authorize', '/oauth/callback', '/oauth/logout'])('%s, where GET does something, has no HEAD', async (path) => {
    const response = await fetch(`${stack.provider}${path}`, { method: 'HEAD' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toContain('GET');
  });

  test('tells HEAD what GET would', async () => {
    const response = await fetch(`${stack.provider}/.well-known/jwks.json`, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  });

  test('of the stylesheet is one', async () => {
    expect((await get('/assets/style.css')).headers.get('content-type')).toBe('text/css; charset=utf-8');
  });
});

describe('a provider without its secrets', () => {
  test('does not start to serve, and does not tell strangers why', async () => {
    const starting = startStack({ only: ['provider'], provider: { GATEPASS_TOKEN_KEY: 'short' } });
    const told = await starting.then(() => 'started', (error) => error.message);
    expect(told).toMatch(/answers 500: .*server_error/);
    expect(told).not.toContain('GATEPASS_TOKEN_KEY');
  });
});
