// `/openapi.json`: it describes what there is, and nothing else. That every answer is as it says, each test
// of the provider shows (`support/described.mjs`).
import http from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describe as hold } from '../support/described.mjs';
import { contradiction, document, operation, resolve } from '../support/openapi.mjs';
import { startStack } from '../support/stack.mjs';

let stack;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'], provider: { GATEPASS_ADMIN_TOKEN: 'an-operators-token-of-many-characters' } });
});
afterAll(() => stack?.stop());

describe('the document', () => {
  test('is served to everybody, and may be kept', async () => {
    const response = await fetch(`${stack.provider}/openapi.json`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('cache-control')).toBe('public, max-age=3600');
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(await response.json()).toEqual(document);
  });

  test('is OpenAPI 3.1, and each operation has its own name', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    const operations = Object.values(document.paths).map(resolve).flatMap((item) => Object.values(item).filter((value) => value.operationId));
    const names = new Set(operations.map(({ operationId }) => operationId));
    // Short paths are their long ones by reference.
    const short = Object.values(document.paths).filter((item) => item.$ref).length;
    expect(names.size).toBe(operations.length - short);
  });

  test('describes every endpoint of the metadata that answers in JSON', async () => {
    const metadata = await (await fetch(`${stack.provider}/.well-known/openid-configuration`)).json();
    const pages = new Set(['authorization_endpoint', 'end_session_endpoint']);
    const endpoints = Object.entries(metadata).filter(([name]) => /_(endpoint|uri)$/.test(name) && !pages.has(name));
    expect(endpoints.length).toBeGreaterThan(7);
    for (const [name, address] of endpoints) {
      const { pathname } = new URL(address);
      expect(operation('POST', pathname) ?? operation('GET', pathname), name).toBeDefined();
    }
  });

  test('names no path and no method that is not there', async () => {
    for (const [template, reference] of Object.entries(document.paths)) {
      const path = template.replace('{client_id}', 'nobody').replace('{number}', '0');
      for (const method of ['get', 'post', 'put', 'delete']) {
        const response = await fetch(`${stack.provider}${path}`, { method });
        const described = resolve(reference)[method] !== undefined;
        expect([response.status === 405 || response.status === 404, method, path]).toEqual([!described, method, path]);
      }
    }
  });
});

describe('an answer that is not as described', () => {
  const answer = (body, status = 200, type = 'application/json') =>
    new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers: { 'content-type': type } });

  test('is found out', async () => {
    const tokens = { access_token: 'a', token_type: 'Bearer', expires_in: 300, scope: 'read' };
    expect(await contradiction('POST', '/oauth/token', answer(tokens))).toBeUndefined();
    for (const wrong of [
      answer({ ...tokens, expires_in: '300' }), answer({ ...tokens, secret: 's' }), answer({ access_token: 'a' }),
      answer(tokens, 201), answer('tokens', 200, 'text/plain'), answer({ error: 'no_such_code', error_description: '' }, 400),
    ]) {
      expect(await contradiction('POST', '/oauth/token', wrong)).toEqual(expect.any(String));
    }
  });

  test('fails the test that asked for it', async () => {
    const other = http.createServer((_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
    const { promise, resolve: listening } = Promise.withResolvers();
    other.listen(0, 'localhost', listening);
    await promise;
    const origin = `http://localhost:${other.address().port}`;
    hold(origin);
    await expect(fetch(`${origin}/oauth/token`, { method: 'POST' })).rejects.toThrow("must have required property 'access_token'");
    other.close();
  });
});
