// The whole path with our own provider and API: sign in, call, refresh, sign out; and nobody sees a token.

import { createServer, request as ask } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { look, setAhead } from '../support/ahead.mjs';
import { GatewayUser } from '../support/gateway-user.mjs';
import { freePorts } from '../support/ports.mjs';
import { startStack } from '../support/stack.mjs';

let stack;
beforeAll(async () => { stack = await startStack({ ahead: true }); });
afterAll(() => stack?.stop());

const tokenRequests = () => stack.logs().filter((line) => line.includes('"path":"/oauth/token"')).length;

describe('a sign-in', () => {
  test('ends where the user wanted to be, with a session that scripts cannot read, and tells who it is', async () => {
    const user = new GatewayUser(stack);
    const { response, onward } = await user.signIn({ return_to: '/orders?page=2#top' });
    expect(onward).toBe('/orders?page=2#top');
    const cookies = response.headers.getSetCookie();
    const session = cookies.find((line) => line.startsWith('__Host-gatepass_session='));
    expect(session).toMatch(/; Path=\/; Secure; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
    expect(cookies.find((line) => line.startsWith('__Host-gatepass_sign_in_'))).toMatch(/=; .*Max-Age=0$/);
    expect([...user.jar().keys()]).toEqual(['__Host-gatepass_session']);
    const told = await user.get('/api/session');
    expect(told).toEqual({
      user: expect.objectContaining({ sub: 'demo', name: 'Demo User' }),
      provider: 'gatepass', provider_label: 'Gatepass', ended: null,
      expires_at: expect.closeTo(Date.now() / 1000 + 14 * 86_400, -2),
    });
  });

  test('gives calls the token, and the browser none', async () => {
    const user = new GatewayUser(stack);
    await user.signIn();
    const response = await user.call('/api/protected');
    const text = await response.text();
    expect([response.status, JSON.parse(text)]).toEqual([200, expect.objectContaining({})]);
    const all = text + JSON.stringify([...response.headers]) + JSON.stringify([...user.jar()]);
    expect(all).not.toMatch(/eyJ[\w-]+\.[\w-]+\.[\w-]+/);
    const updated = await user.post('/api/user/update', { headers: { 'content-type': 'application/json' }, body: '{"display_name":"Åse"}' });
    expect(updated.status).toBe(200);
  });
});

test('what is kept of a session names no token, and of one that ended nothing is kept but why', async () => {
  const user = new GatewayUser(stack);
  await user.signIn();
  const cookie = user.session;
  const { stored: [row] } = await look(stack, cookie);
  expect(Object.keys(row)).toEqual(['id', 'record', 'tokens']);
  expect(row.record).not.toMatch(/eyJ|token/);
  // Encrypted, and not only encoded.
  expect(row.tokens).toMatch(/^[\w-]{500,}$/);
  expect(Buffer.from(row.tokens, 'base64url').toString('latin1')).not.toMatch(/eyJ|access/);
  await user.post('/logout');
  const { stored: [ended] } = await look(stack, cookie);
  expect(ended.tokens).toBe('');
});

test('a call costs one question to a Durable Object, and a made-up cookie none', async () => {
  const user = new GatewayUser(stack);
  await user.signIn();
  const before = (await look(stack)).asked;
  for (let i = 0; i < 5; i += 1) expect((await user.call('/api/protected')).status).toBe(200);
  expect((await look(stack)).asked - before).toBe(5);
  user.jar().set('__Host-gatepass_session', `${'A'.repeat(43)}.${'A'.repeat(43)}`);
  expect((await user.call('/api/protected')).status).toBe(401);
  expect((await look(stack)).asked - before).toBe(5);
});

describe('an expired token', () => {
  test('is renewed once for a hundred calls, and all of them succeed', async () => {
    const user = new GatewayUser(stack);
    await user.signIn();
    await setAhead(stack, 400);
    try {
      const before = tokenRequests();
      const statuses = await Promise.all(Array.from({ length: 100 }, async () => (await user.call('/api/protected')).status));
      expect(statuses).toEqual(Array(100).fill(200));
      await expect.poll(() => tokenRequests() - before).toBe(1);
    } finally {
      await setAhead(stack, 0);
    }
  });

  test('is renewed by the keep-alive endpoint, too, and not if it is still good', async () => {
    const user = new GatewayUser(stack);
    await user.signIn();
    const before = tokenRequests();
    expect((await user.post('/api/session/refresh')).status).toBe(200);
    expect(tokenRequests() - before).toBe(0);
    await setAhead(stack, 400);
    try {
      const response = await user.post('/api/session/refresh');
      expect([response.status, await response.json()]).toEqual([200, expect.objectContaining({ provider: 'gatepass', ended: null })]);
      await expect.poll(() => tokenRequests() - before).toBe(1);
    } finally {
      await setAhead(stack, 0);
    }
  });
});

describe('a sign-out', () => {
  test('ends the session and the grant, and leads through the provider back to the page', async () => {
    const user = new GatewayUser(stack);
    await user.signIn();
    const stolen = user.session;
    const response = await user.post('/logout');
    const text = await response.text();
    expect([response.status, text]).toEqual([200, '{"redirect":"/logout/provider"}']);
    expect(user.session).toBeUndefined();
    const { url } = await user.follow('/logout/provider');
    expect(url).toBe(`${stack.gateway}/`);
    // The provider has forgotten the browser: the next sign-in asks for the password.
    const login = await user.request('/login');
    const authorize = await user.request(login.headers.get('location'));
    expect(authorize.headers.get('location')).toMatch(/^\/login/);
    // The grant has ended, and the old cookie opens nothing.
    const db = await stack.database('provider');
    await expect.poll(async () => (await db.prepare("SELECT count(*) AS n FROM grants WHERE client_id = 'gatepass-gateway' AND ended_at IS NOT NULL").first()).n).toBeGreaterThan(0);
    const thief = new GatewayUser(stack);
    thief.jar().set('__Host-gatepass_session', stolen);
    const refused = await thief.call('/api/protected');
    expect([refused.status, await refused.json()]).toEqual([401, expect.objectContaining({ code: 'not_signed_in', ended: 'signed_out' })]);
    expect(await thief.get('/api/session')).toEqual({ user: null, provider: null, provider_label: null, expires_at: null, ended: 'signed_out' });
    expect((await thief.post('/api/session/refresh')).status).toBe(401);
  });
});

test('a grant that the provider has ended ends the session at the next renewal, and the page is told why', async () => {
  const user = new GatewayUser(stack);
  await user.signIn();
  const db = await stack.database('provider');
  await db.prepare("UPDATE grants SET status = 'ended', ended_at = 1, end_reason = 'revoked' WHERE client_id = 'gatepass-gateway' AND ended_at IS NULL").run();
  await setAhead(stack, 400);
  try {
    const response = await user.call('/api/protected');
    expect([response.status, (await response.json()).code]).toEqual([401, 'not_signed_in']);
  } finally {
    await setAhead(stack, 0);
  }
  const { user: nobody, ended } = await user.get('/api/session');
  expect(nobody).toBeNull();
  expect(ended).toMatch(/^\w+$/);
  expect(ended).not.toBe('signed_out');
});

test('without a session, calls are refused with a problem that names the sign-in', async () => {
  const user = new GatewayUser(stack);
  const response = await user.call('/api/protected');
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect([response.status, await response.json()]).toEqual([401, {
    title: 'Nobody is signed in here, or not any more', status: 401, code: 'not_signed_in', ended: null, login: '/login',
  }]);
});

test.each(['object', 'cookie'])('answers to renewals that are lost sign nobody out, however late the next one comes (%s)', async (storage) => {
  const [port] = await freePorts(1);
  const issuer = `http://localhost:${port}`;
  const own = await startStack({
    ahead: true, provider: { GATEPASS_ISSUER: issuer, GATEPASS_REFRESH_GRACE: '0' }, api: { GATEPASS_ISSUER: issuer }, gateway: { GATEPASS_ISSUER: issuer, GATEPASS_SESSION: storage },
  });
  let losing = 0;
  let lost = 0;
  // It stands before the provider, and loses what the provider has answered.
  const before = createServer((request, response) => {
    const { hostname, port: behind } = new URL(own.provider);
    request.pipe(ask({ hostname, port: behind, path: request.url, method: request.method, headers: request.headers }, (answer) => {
      if (losing > 0 && request.url === '/oauth/token' && answer.statusCode === 200) {
        losing -= 1;
        answer.resume().on('end', () => { lost += 1; request.socket.destroy(); });
      } else {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      }
    }));
  });
  await new Promise((resolve) => { before.listen(port, 'localhost', resolve); });
  try {
    const user = new GatewayUser(own);
    await user.signIn();
    for (let round = 1; round <= 3; round += 1) {
      await setAhead(own, round * 1_000);
      losing = 2;
      for (const seconds of [0, 100, 200]) {
        await setAhead(own, round * 1_000 + seconds);
        const { status } = await user.call('/api/protected');
        expect([round, seconds, status]).toEqual([round, seconds, seconds < 200 ? 503 : 200]);
      }
      expect(lost).toBe(round * 2);
    }
  } finally {
    await own.stop();
    before.closeAllConnections();
    await new Promise((resolve) => { before.close(resolve); });
  }
}, 60_000);
