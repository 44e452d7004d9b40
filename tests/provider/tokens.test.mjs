// Introspection (RFC 7662), revocation (RFC 7009), userinfo (OIDC Core §5.3).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, basic, claims, post, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

let stack;
let user;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'] });
  user = new Browser(stack);
  await user.signIn();
});
afterAll(() => stack?.stop());

const bearer = (token) => ({ authorization: `Bearer ${token}` });
const userinfo = (headers, path = '/oauth/userinfo') => fetch(`${stack.provider}${path}`, { headers });

describe('introspection', () => {
  test('tells a resource server about an access token, in one round trip', async () => {
    const { tokens } = await user.signIn();
    const response = await user.introspect(tokens.access_token);
    expect(roundTrips(response)).toBe(1);
    expect(await response.json()).toMatchObject({
      active: true, iss: stack.provider, sub: 'demo', client_id: 'gatepass-demo', token_type: 'Bearer', username: 'demo',
    });
  });

  test('tells it about a refresh token until that is used', async () => {
    const { tokens } = await user.signIn();
    expect(await (await user.introspect(tokens.refresh_token)).json()).toMatchObject({ active: true, sub: 'demo' });
    await user.refresh(tokens.refresh_token);
    expect(await (await user.introspect(tokens.refresh_token)).json()).toEqual({ active: false });
  });

  test('says only that garbage is not active', async () => {
    const { tokens } = await user.signIn();
    for (const token of ['x', 'a.b.c', `${tokens.access_token}x`, tokens.id_token, tokens.access_token.slice(0, -4)]) {
      const response = await user.introspect(token);
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual({ active: false });
    }
  });

  test('is only for clients that can prove who they are', async () => {
    const { tokens } = await user.signIn();
    const ask = (form, headers) => post(`${stack.provider}/oauth/introspect`, { token: tokens.access_token, ...form }, headers);
    const refused = [
      [await ask({}), 401, 'invalid_client'],
      [await ask({ client_id: 'gatepass-demo' }), 400, 'unauthorized_client'],
      [await ask({}, { authorization: basic('gatepass-api', 'wrong') }), 401, 'invalid_client'],
      [await ask({}, { authorization: basic('nobody', 'wrong') }), 401, 'invalid_client'],
      [await ask({}, { authorization: 'Bearer x' }), 401, 'invalid_client'],
    ];
    for (const [response, status, error] of refused) {
      expect({ status: response.status, error: (await response.json()).error }).toEqual({ status, error });
    }
  });

  test('does not tell one client about the tokens of another', async () => {
    const { tokens } = await user.signIn();
    const headers = { authorization: basic('gatepass-gateway', stack.secrets.GATEPASS_GATEWAY_SECRET) };
    const response = await post(`${stack.provider}/oauth/introspect`, { token: tokens.access_token }, headers);
    expect(await response.json()).toEqual({ active: false });
  });
});

describe('revocation', () => {
  test('of a refresh token ends its grant and all that came of it', async () => {
    const { tokens } = await user.signIn();
    const other = await user.signIn();
    expect((await user.revoke(tokens.refresh_token)).status).toBe(200);
    const refused = await user.refresh(tokens.refresh_token);
    expect(await refused.json()).toMatchObject({ error: 'invalid_grant', gatepass_reason: 'revoked' });
    expect(await (await user.introspect(tokens.access_token)).json()).toEqual({ active: false });
    expect((await userinfo(bearer(tokens.access_token))).status).toBe(401);
    expect((await user.refresh(other.tokens.refresh_token)).status).toBe(200);
  });

  test('of a spent refresh token ends the grant too: signing out must work from an old copy', async () => {
    const { tokens } = await user.signIn();
    const next = await (await user.refresh(tokens.refresh_token)).json();
    expect((await user.revoke(tokens.refresh_token)).status).toBe(200);
    expect((await user.refresh(next.refresh_token)).status).toBe(400);
  });

  test('of an access token ends that token alone', async () => {
    const { tokens } = await user.signIn();
    expect((await user.revoke(tokens.access_token)).status).toBe(200);
    expect(await (await user.introspect(tokens.access_token)).json()).toEqual({ active: false });
    const refreshed = await user.refresh(tokens.refresh_token);
    expect(refreshed.status).toBe(200);
    const { access_token: next } = await refreshed.json();
    expect(await (await user.introspect(next)).json()).toMatchObject({ active: true });
  });

  test('of nothing, or twice, is as good as done (RFC 7009 §2.2)', async () => {
    const { tokens } = await user.signIn();
    for (const token of ['x', 'a.b.c', tokens.refresh_token, tokens.refresh_token]) {
      expect((await user.revoke(token)).status).toBe(200);
    }
  });

  test('is not for another client', async () => {
    const { tokens } = await user.signIn();
    for (const token of [tokens.refresh_token, tokens.access_token]) {
      const response = await user.revoke(token, { client_id: 'gatepass-cli' });
      expect({ status: response.status, ...(await response.json()) }).toMatchObject({ status: 400, error: 'invalid_grant' });
    }
    expect((await user.refresh(tokens.refresh_token)).status).toBe(200);
  });
});

describe('userinfo', () => {
  test('tells what the scope allows, at both addresses', async () => {
    const all = await user.signIn();
    for (const path of ['/oauth/userinfo', '/introspect']) {
      const response = await userinfo(bearer(all.tokens.access_token), path);
      expect(roundTrips(response)).toBe(1);
      expect(await response.json()).toEqual({
        sub: 'demo', name: 'Demo User', preferred_username: 'demo', email: 'demo@example.com', email_verified: true,
      });
    }
    const some = await user.signIn({ scope: 'openid read' });
    expect(await (await userinfo(bearer(some.tokens.access_token))).json()).toEqual({ sub: 'demo' });
  });

  test('challenges as RFC 6750 §3 has it', async () => {
    const { tokens } = await user.signIn({ scope: 'read' });
    const refused = [
      [{}, 401, /^Bearer realm="[^"]+"$/],
      [{ authorization: 'Basic x' }, 401, /^Bearer realm="[^"]+"$/],
      [{ authorization: 'Bearer a b' }, 400, /error="invalid_request"/],
      [bearer('x'), 401, /error="invalid_token"/],
      [bearer(tokens.access_token), 403, /error="insufficient_scope".*scope="openid"/],
    ];
    for (const [headers, status, challenge] of refused) {
      const response = await userinfo(headers);
      expect(response.status).toBe(status);
      expect(response.headers.get('www-authenticate')).toMatch(challenge);
    }
  });
});

describe('a client with lifetimes of its own', () => {
  test('gets tokens and grants that live as long, also after a refresh', async () => {
    const own = await startStack({ only: ['provider'] });
    try {
      const user = new Browser(own);
      // The first request makes the development data.
      await user.signIn();
      const settings = { access_token_lifetime: 7, refresh_token_lifetime: 60, grant_lifetime: 90 };
      const db = await own.database('provider');
      await db.prepare('UPDATE clients SET settings = ?').bind(JSON.stringify(settings)).run();
      const lifetimes = ({ access_token: access, refresh_token: refresh }) =>
        [access, refresh].map((token) => claims(token).exp - claims(token).iat);
      const { tokens } = await user.signIn();
      expect(tokens.expires_in).toBe(7);
      expect(lifetimes(tokens)).toEqual([7, 60]);
      const { grant_id: grant } = claims(tokens.access_token);
      const row = await db.prepare('SELECT expires_at - created_at AS lives FROM grants WHERE grant_id = ?').bind(grant).first();
      expect(row.lives).toBe(90);
      const refreshed = await (await user.refresh(tokens.refresh_token)).json();
      expect(lifetimes(refreshed)).toEqual([7, 60]);
    } finally {
      await own.stop();
    }
  });
});
