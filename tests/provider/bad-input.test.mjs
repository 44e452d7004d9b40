// Bad input gets a clear error with its own code, and nothing breaks: no 500, no panic.
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, basic, pkce, post, refusal } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

let stack;
let user;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'] });
  user = new Browser(stack);
  await user.signIn();
});
afterAll(() => stack?.stop());

const token = (body, headers = { 'content-type': 'application/x-www-form-urlencoded' }) =>
  fetch(`${stack.provider}/oauth/token`, { method: 'POST', body, headers });

describe('the token endpoint', () => {
  const cases = {
    'nothing': ['', 400, 'invalid_request', 'the parameter grant_type is required'],
    'an unknown grant type': ['grant_type=saml', 400, 'unsupported_grant_type', 'grant_type must be'],
    'no client': ['grant_type=refresh_token&refresh_token=x', 401, 'invalid_client', 'client_id'],
    'a repeated parameter': ['grant_type=refresh_token&client_id=a&client_id=a', 400, 'invalid_request', 'client_id must not be repeated'],
    'bytes that are not UTF-8': ['grant_type=%ff', 400, 'invalid_request', 'UTF-8'],
    'no code': ['grant_type=authorization_code&client_id=gatepass-demo', 400, 'invalid_request', 'the parameter code is required'],
    'a client that is none': ['grant_type=authorization_code&client_id=nobody&code=x&code_verifier=x', 401, 'invalid_client', 'unknown client'],
  };
  test.each(Object.entries(cases))('%s', async (_, [body, status, error, description]) => {
    const answer = await refusal(await token(body));
    expect(answer).toMatchObject({ status, error });
    expect(answer.error_description).toContain(description);
  });

  test('another content type, or none', async () => {
    for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x']) {
      expect(await refusal(await token('{}', { 'content-type': type }))).toMatchObject({ status: 415, error: 'invalid_request' });
    }
    expect((await fetch(`${stack.provider}/oauth/token`, { method: 'POST' })).status).toBe(415);
  });

  test('a body over 64 kB, with and without its length', async () => {
    const body = `grant_type=refresh_token&refresh_token=${'x'.repeat(65_536)}`;
    expect(await refusal(await token(body))).toMatchObject({ status: 413, error: 'invalid_request' });
    const stream = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 9; i++) controller.enqueue(new TextEncoder().encode('x'.repeat(8192)));
        controller.close();
      },
    });
    const streamed = await fetch(`${stack.provider}/oauth/token`, {
      method: 'POST', body: stream, duplex: 'half', headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(streamed.status).toBe(413);
  });

  test('a body in sixty thousand pieces of a byte each is read as any other', async () => {
    const text = `grant_type=saml&x=${'x'.repeat(60_000)}`;
    const socket = connect(Number(new URL(stack.provider).port), 'localhost');
    socket.write('POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n');
    socket.end(`${[...text].map((byte) => `1\r\n${byte}\r\n`).join('')}0\r\n\r\n`);
    const answer = (await Array.fromAsync(socket)).join('');
    expect(answer).toMatch(/^HTTP\/1.1 400 [^]*"unsupported_grant_type"/);
  });

  test('another method', async () => {
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
      const response = await fetch(`${stack.provider}/oauth/token`, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toBe('POST');
    }
  });

  test('credentials in two places (RFC 6749 §2.3)', async () => {
    const headers = { authorization: basic('gatepass-gateway', 'x') };
    const form = { grant_type: 'refresh_token', refresh_token: 'x', client_secret: 'x' };
    expect(await refusal(await post(`${stack.provider}/oauth/token`, form, headers))).toMatchObject({ status: 400, error: 'invalid_request' });
  });
});

describe('the pages', () => {
  test('answer with a page, whatever they are sent', async () => {
    for (const path of ['/login', '/consent', '/oauth/authorize', '/oauth/logout', '/device']) {
      const sent = [
        [{ method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }, 415],
        [{ method: 'POST', body: `x=${'x'.repeat(65_536)}`, headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 413],
        [{ method: 'DELETE' }, 405],
      ];
      for (const [options, status] of sent) {
        const response = await fetch(`${stack.provider}${path}`, options);
        expect(response.status).toBe(status);
        expect(response.headers.get('content-type')).toContain('text/html');
        expect(await response.text()).toContain(response.headers.get('x-request-id'));
      }
    }
  });
});

describe('garbage in every field', () => {
  const garbage = [
    'x', '\u0000', '"\'><script>', 'ü'.repeat(100), '%', '../..', 'a'.repeat(5000), '-1', '{}', '[]', 'null', 'a b',
    "' OR 1=1 --", 'eyJhbGciOiJub25lIn0.e30.', 'a.b.c', '....', '=&=', '😀',
  ];
  const clientError = (status) => status >= 200 && status < 500;

  test('of a token request', async () => {
    const { verifier } = pkce();
    const complete = [
      { grant_type: 'authorization_code', client_id: 'gatepass-demo', code: 'x', redirect_uri: 'x', code_verifier: verifier },
      { grant_type: 'refresh_token', client_id: 'gatepass-demo', refresh_token: 'x', scope: 'read' },
      { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', client_id: 'gatepass-cli', device_code: 'x' },
      { grant_type: 'client_credentials', client_id: 'gatepass-service', client_secret: 'x', scope: 'read', resource: 'x' },
    ];
    for (const form of complete) {
      for (const field of Object.keys(form)) {
        for (const value of garbage) {
          const response = await user.token({ ...form, [field]: value });
          expect([400, 401], `${field}=${value}`).toContain(response.status);
          expect(await response.json()).toHaveProperty('error');
        }
      }
    }
  });

  test('of an authorization request', async () => {
    const { challenge } = pkce();
    const fields = [
      'response_type', 'client_id', 'redirect_uri', 'scope', 'state', 'code_challenge', 'code_challenge_method', 'nonce', 'prompt', 'resource',
    ];
    for (const field of fields) {
      for (const value of garbage) {
        const response = await user.request('GET', user.authorizeUrl({ challenge, [field]: value }));
        expect(clientError(response.status), `${field}=${value} → ${response.status}`).toBe(true);
        const location = response.headers.get('location');
        if (location) expect(new URL(location, stack.provider).origin).toBe(stack.gateway);
      }
    }
  });

  test('of every other endpoint', async () => {
    const paths = ['/oauth/introspect', '/oauth/revoke', '/oauth/userinfo', '/oauth/logout', '/login', '/consent', '/oauth/callback', '/refresh', '/device', '/oauth/device_authorization',
      '/oauth/register', '/oauth/register/x', '/auth/login', '/auth/refresh', '/auth/logout'];
    for (const path of paths) {
      for (const value of garbage) {
        const form = {
          token: value, client_id: value, client_secret: value, refresh_token: value, state_token: value, username: value,
          password: value, id_token_hint: value, post_logout_redirect_uri: value, state: value, token_type_hint: value,
          user_code: value, confirmation: value, decision: value, scope: value, resource: value,
        };
        const posted = await post(`${stack.provider}${path}`, form);
        expect(clientError(posted.status), `POST ${path} ${value} → ${posted.status}`).toBe(true);
        const got = await fetch(`${stack.provider}${path}?${new URLSearchParams(form)}`, { redirect: 'manual' });
        expect(clientError(got.status), `GET ${path} ${value} → ${got.status}`).toBe(true);
      }
    }
  });

  test('of the headers', async () => {
    const values = ['Bearer', 'Bearer  ', 'Bearer a b', 'Basic', 'Basic !', 'Basic Og==', 'DPoP x', 'x'.repeat(8000), 'Bearer eyJ.eyJ.eyJ'];
    for (const authorization of values) {
      for (const path of ['/oauth/token', '/oauth/introspect', '/oauth/revoke', '/oauth/userinfo']) {
        const response = await post(`${stack.provider}${path}`, { grant_type: 'refresh_token', token: 'x', refresh_token: 'x' }, { authorization });
        expect([400, 401], `${path} ${authorization}`).toContain(response.status);
      }
    }
    for (const cookie of ['gatepass_sign_in=', 'gatepass_sign_in=x; gatepass_binding=\u00ff', ';;;===', 'gatepass_sign_in=a=b']) {
      const response = await fetch(new URL(user.authorizeUrl({ challenge: pkce().challenge }), stack.provider), { headers: { cookie }, redirect: 'manual' });
      expect(response.status).toBe(303);
    }
  });
});
