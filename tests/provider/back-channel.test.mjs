// Clients hear of sign-outs (OIDC Back-Channel Logout 1.0).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { header, keySet, signerOf } from '../support/jws.mjs';
import { Browser, claims, pkce, roundTrips } from '../support/oauth.mjs';
import { startReceiver } from '../support/receiver.mjs';
import { startStack } from '../support/stack.mjs';
import { stranger } from '../support/strangers.mjs';

let stack;
let receiver;
let db;
beforeAll(async () => {
  [stack, receiver] = await Promise.all([startStack({ only: ['provider'] }), startReceiver()]);
  db = await stack.database('provider');
});
afterAll(() => Promise.all([stack?.stop(), receiver?.stop()]));

let apps = 0;

/** A client that users trust and that hears of sign-outs at a path of its own. */
async function listener(settings = {}) {
  apps += 1;
  const path = `/logout-${apps}`;
  const app = await stranger(stack, { backchannel_logout_uri: `${receiver.origin}${path}` });
  await db.prepare('UPDATE clients SET is_first_party = 1, settings = json_patch(settings, ?) WHERE client_id = ?')
    .bind(JSON.stringify(settings), app.id).run();
  return { ...app, path };
}

/** Signs in to a client with a browser that is signed in at the provider. */
async function signInTo(browser, app) {
  const { verifier, challenge } = pkce();
  const url = browser.authorizeUrl({ challenge, client_id: app.id, redirect_uri: app.redirectUri, scope: 'openid' });
  const back = new URL((await browser.request('GET', url)).headers.get('location'));
  return (await browser.redeem(back.searchParams.get('code'), verifier, { clientId: app.id, redirectUri: app.redirectUri })).json();
}

async function signedIn() {
  const browser = new Browser(stack);
  const { tokens } = await browser.signIn();
  return { browser, idToken: tokens.id_token };
}

const signOut = ({ browser, idToken }) => browser.request('GET', `/oauth/logout?${new URLSearchParams({ id_token_hint: idToken })}`);

/** How telling a client ended, as the log has it. */
async function outcome(app) {
  for (;;) {
    const line = stack.logs().find((text) => text.includes('backchannel_logout') && text.includes(app.id));
    if (line) return JSON.parse(line.slice(line.indexOf('{'))).reason;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}

describe('a sign-out', () => {
  test('is told to each client with a grant in that browser, and to no other', async () => {
    const [first, second, third] = [await listener(), await listener({ id_token_signed_response_alg: 'EdDSA' }), await listener()];
    const [here, elsewhere] = [await signedIn(), await signedIn()];
    const tokens = { [first.path]: await signInTo(here.browser, first), [second.path]: await signInTo(here.browser, second) };
    await signInTo(elsewhere.browser, third);
    const response = await signOut(here);
    expect([response.status, roundTrips(response)]).toEqual([200, 2]);
    const keys = await keySet(stack.provider);
    for (const app of [first, second]) {
      const [{ type, form }] = await receiver.times(1, app.path);
      expect(type).toBe('application/x-www-form-urlencoded');
      expect(Object.keys(form)).toEqual(['logout_token']);
      const token = form.logout_token;
      expect(signerOf(token, keys)).toBeTruthy();
      expect(header(token).alg).toBe(app === second ? 'EdDSA' : 'ES256');
      expect(header(token).typ).toBe('logout+jwt');
      const told = claims(token);
      expect(told).toEqual({
        iss: stack.provider, aud: app.id, sub: 'demo', sid: claims(tokens[app.path].id_token).sid, jti: expect.any(String),
        iat: told.iat, exp: told.iat + 120, events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
      });
      expect(await outcome(app)).toBe('delivered');
    }
    await signOut(elsewhere);
    await receiver.times(1, third.path);
    expect(receiver.heard.map(({ path }) => path).sort()).toEqual([first.path, second.path, third.path].sort());
  });

  test('is told of a grant that had ended otherwise, and not of one that an earlier sign-out ended', async () => {
    const app = await listener();
    const user = await signedIn();
    const tokens = await signInTo(user.browser, app);
    await user.browser.revoke(tokens.refresh_token, { client_id: app.id });
    await signOut(user);
    const [{ form: first }] = await receiver.times(1, app.path);
    expect(claims(first.logout_token).sid).toBe(claims(tokens.id_token).sid);
    const { tokens: again } = await user.browser.signIn();
    const next = await signInTo(user.browser, app);
    await signOut({ browser: user.browser, idToken: again.id_token });
    const [, { form: second }] = await receiver.times(2, app.path);
    expect(claims(second.logout_token).sid).toBe(claims(next.id_token).sid);
    expect(claims(next.id_token).sid).not.toBe(claims(tokens.id_token).sid);
  });

  test('waits for no client', async () => {
    const app = await listener();
    const user = await signedIn();
    await signInTo(user.browser, app);
    receiver.hold();
    expect((await signOut(user)).status).toBe(200);
    await receiver.times(1, app.path);
    expect(stack.logs().some((line) => line.includes('backchannel_logout') && line.includes(app.id))).toBe(false);
    receiver.release();
    expect(await outcome(app)).toBe('delivered');
  });

  test('is told again, with the same token, to a client that fails', async () => {
    const app = await listener();
    const user = await signedIn();
    await signInTo(user.browser, app);
    receiver.answers[app.path] = [{ status: 503 }];
    await signOut(user);
    const [first, second] = await receiver.times(2, app.path);
    expect(second.form).toEqual(first.form);
    expect(await outcome(app)).toBe('delivered');
  });

  test('is not told again to a client that refuses, and no redirect is followed', async () => {
    const [refuses, redirects] = [await listener(), await listener()];
    const user = await signedIn();
    await signInTo(user.browser, refuses);
    await signInTo(user.browser, redirects);
    receiver.answers[refuses.path] = [{ status: 400 }];
    receiver.answers[redirects.path] = [{ status: 307, location: `${receiver.origin}/elsewhere` }];
    await signOut(user);
    expect(await Promise.all([outcome(refuses), outcome(redirects)])).toEqual(['refused', 'refused']);
    for (const [path, count] of [[refuses.path, 1], [redirects.path, 1], ['/elsewhere', 0]]) {
      expect(receiver.heard.filter((heard) => heard.path === path)).toHaveLength(count);
    }
  });

  test('is done although nobody is there to hear of it', async () => {
    const app = await listener({ backchannel_logout_uri: 'http://127.0.0.1:1/logout' });
    const user = await signedIn();
    const tokens = await signInTo(user.browser, app);
    expect((await signOut(user)).status).toBe(200);
    const refreshed = await user.browser.refresh(tokens.refresh_token, { client_id: app.id });
    expect(await refreshed.json()).toMatchObject({ error: 'invalid_grant', gatepass_reason: 'signed_out' });
    expect(await outcome(app)).toBe('unreachable');
  }, 30_000);

  test.each(['http://192.168.0.1/logout', 'https://10.0.0.1/logout', 'https://metadata.google.internal/logout'])(
    'is not told to %s, wherever that address came from', async (uri) => {
      const app = await listener({ backchannel_logout_uri: uri });
      const user = await signedIn();
      await signInTo(user.browser, app);
      await signOut(user);
      expect(await outcome(app)).toBe('not_allowed');
    },
  );
});

describe('a client', () => {
  test('registers where it hears of sign-outs, and is told so', async () => {
    const metadata = { backchannel_logout_uri: 'https://app.example/logout', backchannel_logout_session_required: true };
    expect(await stranger(stack, metadata)).toMatchObject(metadata);
    const document = await (await fetch(`${stack.provider}/.well-known/openid-configuration`)).json();
    expect(document).toMatchObject({ backchannel_logout_supported: true, backchannel_logout_session_supported: true });
  });

  test.each(['http://app.example/logout', 'https://10.0.0.1/', 'https://localhost/', 'https://[::1]/', 'nonsense', 'https://app.example/#x'])(
    'does not hear of them at %s', async (uri) => {
      const refused = stranger(stack, { backchannel_logout_uri: uri });
      await expect(refused).rejects.toThrow('invalid_client_metadata');
      await expect(refused).rejects.toThrow('backchannel_logout_uri must be');
      const app = await stranger(stack);
      const replaced = await fetch(app.registration_client_uri, {
        method: 'PUT',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${app.registration_access_token}` },
        body: JSON.stringify({ redirect_uris: [app.redirectUri], backchannel_logout_uri: uri }),
      });
      expect([replaced.status, (await replaced.json()).error]).toEqual([400, 'invalid_client_metadata']);
    },
  );

  test('cannot pass a logout token off as an ID token', async () => {
    const app = await listener();
    const user = await signedIn();
    await signInTo(user.browser, app);
    await signOut(user);
    const [{ form }] = await receiver.times(1, app.path);
    const next = await signedIn();
    const url = next.browser.authorizeUrl({
      challenge: pkce().challenge, client_id: app.id, redirect_uri: app.redirectUri, scope: 'openid', id_token_hint: form.logout_token,
    });
    const back = new URL((await next.browser.request('GET', url)).headers.get('location'));
    expect(back.searchParams.get('error')).toBe('invalid_request');
  });
});
