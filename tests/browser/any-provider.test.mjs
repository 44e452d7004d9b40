// A provider that others wrote, by its discovery document and the standards alone.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { AppPage, serveApp } from '../support/app-page.mjs';
import { launchChromium } from '../support/chromium.mjs';
import { startOidcProvider } from '../support/oidc-provider.mjs';
import { freePorts } from '../support/ports.mjs';

let browser;
beforeAll(async () => { browser = await launchChromium(); });
afterAll(() => browser?.close());

const running = [];
afterEach(async () => { for (const each of running.splice(0).reverse()) await (each.stop?.() ?? each.close()); });

/** A provider, an API and an application in a browser. */
async function start(how) {
  const [origin, api, site] = (await freePorts(3)).map((port) => `http://localhost:${port}`);
  const provider = await startOidcProvider({ origin, api, site, ...how });
  running.push(provider, await serveApp(site, { issuer: origin, clientId: 'app', apis: [api], scope: provider.scope }));
  const app = await AppPage.open(browser, site);
  running.push(app);
  return { app, origin, api, provider };
}

/** It gives a refresh token only to whom the user has agreed anew (OpenID Connect Core §11). */
async function signIn({ app }, wishes = {}) {
  await app.run((wishes) => { client.login({ returnTo: '/orders', prompt: 'consent', ...wishes }); }, wishes);
  return app.called();
}

describe('oidc-provider', () => {
  test.each(['RS256', 'ES256', 'PS256', 'EdDSA'])('signs in, with ID tokens signed with %s', async (alg) => {
    const world = await start({ alg });
    expect(await signIn(world)).toBe('/orders');
    expect(await world.app.call(world.api)).toBe(200);
    expect(await world.app.run(() => client.user())).toEqual({ sub: 'anna', name: 'Anna' });
    expect(world.app.errors).toEqual([]);
  });

  test('is called, renews tokens in turn, and signs out', async () => {
    const world = await start();
    const { app, api, origin, provider } = world;
    const requests = [];
    app.page.on('request', (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
    await signIn(world);
    expect(requests).toContain('POST /request');
    expect(await app.call(api)).toBe(200);
    for (const round of [1, 2]) {
      provider.expire();
      const calls = await app.run((api) => Promise.all(Array.from({ length: 10 }, () => client.fetch(api).then(({ status }) => status))), api);
      expect(calls).toEqual(Array(10).fill(200));
      expect(app.tokenRequests).toHaveLength(1 + round);
    }
    const [first, second] = app.tokenRequests.slice(1).map((body) => new URLSearchParams(body).get('refresh_token'));
    expect(first).not.toBe(second);

    await app.run(() => { client.logout(); });
    await app.page.waitForURL(`${origin}/session/end**`);
    await app.page.click('button[value=yes]');
    await app.page.waitForURL(`${app.origin}/`);
    await app.isReady();
    expect(requests).toContain('POST /token/revocation');
    expect(await app.outcome('client.login({ via: gatepass.silent() })')).toBe('login_required');
  });

  test('that ends the grant is believed, and nothing else is', async () => {
    const world = await start();
    const { app, origin } = world;
    await signIn(world);
    await app.outcome('client.refresh()');
    await app.page.route(`${origin}/token`, (route) => route.fulfill({ status: 503, headers: { 'access-control-allow-origin': app.origin } }), { times: 1 });
    expect(await app.outcome('client.refresh()')).toBe('ok');
    // A replay, which it answers by ending the grant.
    const [, spent] = app.tokenRequests;
    await fetch(`${origin}/token`, { method: 'POST', body: new URLSearchParams(spent) });
    expect(await app.outcome('client.refresh()')).toBe('session_ended');
    expect(await app.events).toBe('signed_in, refreshed, refreshed, signed_out invalid_grant');
  });

  test('is signed in to through a popup, and silently', async () => {
    const { app, api } = await start();
    // Its answers are immediate.
    await app.page.click('#popup');
    expect(await app.run(() => done)).toBe('/there');
    expect(await app.call(api)).toBe(200);
    await app.reload();
    expect(await app.signedIn).toBe(false);
    expect(await app.outcome("client.login({ via: gatepass.silent(), returnTo: '/' })")).toBe('/');
    expect(await app.call(api)).toBe(200);
  });

  test('without iss, PAR, revocation and a sign-out of its own signs in and out all the same', async () => {
    const world = await start({ lacks: ['iss', 'par', 'revocation', 'end_session'] });
    const { app, api } = world;
    const answers = [];
    app.page.on('request', (request) => { if (request.url().includes('/callback?')) answers.push(request.url()); });
    expect(await signIn(world)).toBe('/orders');
    expect(answers).toHaveLength(1);
    expect(answers[0]).not.toContain('iss=');
    expect(await app.call(api)).toBe(200);
    expect(await app.outcome('client.refresh()')).toBe('ok');
    expect(await app.outcome('client.expireAccessToken()')).toBe('unsupported');
    expect(await app.outcome('client.logout()')).toBe('ok');
    expect(await app.signedIn).toBe(false);
    expect(await app.call(api)).toBe(401);
    expect(app.page.url()).toBe(`${app.origin}/callback`);
  });

  test('that gives no refresh token says so once, when the access token has expired', async () => {
    const world = await start();
    const { app, api } = world;
    await signIn(world, { prompt: undefined });
    expect(await app.call(api)).toBe(200);
    expect(await app.outcome('client.refresh()')).toBe('not_refreshable');
    await app.outcome('client.expireAccessToken()');
    expect(await app.call(api)).toBe(401);
  });
});
