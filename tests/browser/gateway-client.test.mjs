// The client for the gateway in a real browser: `createGatewayClient`.

import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from 'vitest';

import { setAhead } from '../support/ahead.mjs';
import { launchChromium } from '../support/chromium.mjs';
import { GatewayPage } from '../support/gateway-page.mjs';
import { startGatewayWorld } from '../support/gateway-world.mjs';
import { startStack } from '../support/stack.mjs';

const REFRESH = 'POST /api/session/refresh';

let browser;
beforeAll(async () => { browser = await launchChromium(); });
afterAll(() => browser?.close());

let context;
let open;
beforeEach(async () => { context = await browser.newContext(); });
afterEach(() => context.close());

describe('with our provider and API', () => {
  let stack;
  beforeAll(async () => {
    stack = await startStack({ ahead: true });
    open = () => GatewayPage.open(context, stack.gateway);
  });
  afterAll(() => stack?.stop());
  afterEach(() => setAhead(stack, 0));

  const tokenRequests = () => stack.logs().filter((line) => line.includes('"path":"/oauth/token"')).length;

  test('signs in, says who the user is, calls, signs out; the other tabs hear of it, and not who', async () => {
    const [app, other] = [await open(), await open()];
    expect(await app.signedIn).toBeUndefined();
    expect(await app.outcome('ready()')).toBe('ok');
    expect(await app.signedIn).toBe(false);
    expect(await app.run(() => client.user())).toBeNull();
    expect(await app.outcome('fetch("/api/protected")')).toBe(401);
    expect(app.asked, 'nobody is signed in: that is known').toEqual(['GET /api/session']);
    expect(await app.told).toBe('');

    await other.outcome('ready()');
    await other.run(() => {
      window.heard = [];
      new BroadcastChannel('gatepass.gateway').onmessage = ({ data }) => heard.push(JSON.stringify(data));
    });
    await app.signIn();
    expect(await app.run(() => client.user())).toMatchObject({ sub: 'demo', name: 'Demo User' });
    expect(await app.told).toBe('signed_in');
    await expect.poll(() => other.told).toBe('signed_in');

    expect(await app.outcome('fetch("/api/protected")')).toBe(200);
    expect(await app.outcome('fetch("/api/user/update", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" })')).not.toBe(403);
    expect(await app.run(() => client.fetch('/favicon.svg').then(({ ok }) => ok)), 'what is not under /api/').toBe(true);

    const leaves = app.page.waitForURL(`${stack.gateway}/`);
    await app.run(() => { client.logout(); });
    await leaves;
    await expect.poll(() => other.told).toBe('signed_in, signed_out');
    expect(await other.signedIn).toBe(false);
    expect(await other.outcome('fetch("/api/protected")')).toBe(401);
    expect(await other.run(() => heard.join())).toBe('{"what":"in"},{"what":"out"}');
    // The provider has forgotten the browser, too.
    await app.page.goto(`${stack.gateway}/login`);
    await app.page.waitForSelector('#password');
    expect([...app.errors, ...other.errors]).toEqual([]);
  });

  test('a hundred calls at once with an expired token make one token request', async () => {
    const app = await open();
    await app.signIn();
    const before = tokenRequests();
    await setAhead(stack, 400);
    expect(await app.outcomes('fetch("/api/protected")', 100)).toEqual(Array(100).fill(200));
    await expect.poll(() => tokenRequests() - before).toBe(1);
    expect(await app.outcomes('refresh()', 20)).toEqual(Array(20).fill('ok'));
    expect(app.count(REFRESH)).toBe(1);
    expect(tokenRequests() - before).toBe(1);
  });

  test('a session that is over is told with its reason, in every tab, and after a reload', async () => {
    const [app, other] = [await open(), await open()];
    await app.signIn();
    await other.outcome('ready()');
    await setAhead(stack, 15 * 86_400);
    expect(await app.outcomes('fetch("/api/protected")', 10)).toEqual(Array(10).fill(401));
    expect(await app.told).toBe('signed_in, signed_out idle');
    expect(app.count(REFRESH)).toBe(1);
    await expect.poll(() => other.told).toBe('signed_in, signed_out idle');
    expect(await other.outcome('refresh()')).toBe('session_ended');
    await app.go();
    await app.outcome('ready()');
    expect(await app.told).toBe('signed_out idle');
  });

  test('a path elsewhere is not where a sign-in leads', async () => {
    const app = await open();
    for (const path of ['//evil.example/', '/\\\\evil.example/', 'https://evil.example/', 'app', '/\\t/evil.example/']) {
      expect(await app.outcome(`login({ returnTo: "${path}" })`), path).toBe('invalid_return_to');
    }
  });
});

describe('with an API and a provider that the test speaks for', () => {
  let stack;
  let provider;
  let api;
  let stop;
  beforeAll(async () => {
    ({ stack, provider, api, stop } = await startGatewayWorld());
    open = () => GatewayPage.open(context, stack.gateway);
  });
  afterAll(() => stop?.());
  afterEach(() => setAhead(stack, 0));

  const signedIn = async () => {
    const app = await open();
    await app.signIn(false);
    return app;
  };
  /** Whatever a tab asks of this path fails, as `how` says: a status, or nothing. */
  const failing = (app, path, how) => app.page.route(stack.gateway + path, (route) => (how ? route.fulfill(how) : route.abort()));

  test('calls that meet a 401 of the gateway, in two tabs, are renewed once each and repeated with their bodies', async () => {
    const app = await signedIn();
    const other = await open();
    await other.outcome('ready()');
    // The first answer of each call is a 401, as from a gateway whose token was refused and whose body was not held.
    for (const each of [app, other]) {
      const refused = new Set();
      await each.page.route(`${stack.gateway}/api/x*`, async (route) => {
        const url = route.request().url();
        if (refused.has(url)) return route.continue();
        refused.add(url);
        return route.fulfill({ status: 401 });
      });
    }
    const call = () => Promise.all(Array.from({ length: 100 }, async (_, at) => {
      const response = await client.fetch(`/api/x?${at}`, { method: 'POST', body: `body ${at}` });
      return response.status === 200 && (await response.json()).body === `body ${at}`;
    }));
    const results = await Promise.all([app.run(call), other.run(call)]);
    expect(results.flat()).toEqual(Array(200).fill(true));
    expect(app.count(REFRESH)).toBeLessThanOrEqual(1);
    expect(other.count(REFRESH)).toBeLessThanOrEqual(1);
    expect(app.count(REFRESH) + other.count(REFRESH)).toBeGreaterThan(0);
    expect(api.seen.filter(({ url }) => url.startsWith('/api/x')).length).toBe(200);
  });

  test('a body that is a stream is not sent twice, and a 401 for want of scope renews nothing', async () => {
    const app = await signedIn();
    await failing(app, '/api/once', { status: 401 });
    expect(await app.outcome('fetch("/api/once", { method: "POST", body: "b", replay: "never" })')).toBe('not_replayable');
    expect(app.count(REFRESH)).toBe(1);
    await failing(app, '/api/scope', { status: 401, headers: { 'www-authenticate': 'Bearer error="insufficient_scope"' } });
    expect(await app.outcome('fetch("/api/scope")')).toBe(401);
    expect(app.count(REFRESH)).toBe(1);
    await failing(app, '/api/always', { status: 401 });
    expect(await app.outcome('fetch("/api/always")'), 'once, and no more').toBe(401);
    expect(app.count(REFRESH)).toBe(2);
    expect(await app.told).toBe('signed_in, refreshed, refreshed');
  });

  test.each([
    ['no network', undefined, 'network_error'],
    ['503', { status: 503, headers: { 'retry-after': '1' } }, 'server_error'],
    ['429', { status: 429 }, 'server_error'],
    ['401 of something in between', { status: 401, body: 'who are you?' }, 'request_refused'],
    ['a page', { status: 200, contentType: 'text/html', body: '<p>' }, 'invalid_response'],
  ])('%s: nobody is signed out', async (_, how, code) => {
    const app = await signedIn();
    await failing(app, '/api/session/refresh', how);
    await failing(app, '/api/session', how);
    await failing(app, '/api/x', { status: 401 });
    expect(await app.outcomes('fetch("/api/x")', 20)).toEqual(Array(20).fill(code));
    expect(await app.outcome('fetch("/api/x")'), 'the gateway is left alone for a while').toBe(code);
    expect(app.count(REFRESH)).toBe(1);
    expect(await app.told).toBe(`signed_in, refresh_failed ${code}`);
    expect(await app.signedIn).toBe(true);

    // A page that cannot ask does not know, and says so.
    const other = new GatewayPage(await context.newPage(), stack.gateway);
    await other.prepare();
    await failing(other, '/api/session', how);
    await other.go();
    expect(await other.outcome('ready()')).toBe(code);
    expect(await other.signedIn).toBeUndefined();

    for (const path of ['/api/session/refresh', '/api/session', '/api/x']) await app.page.unroute(stack.gateway + path);
    await app.run(() => { dispatchEvent(new Event('online')); });
    expect(await app.outcome('refresh()')).toBe('ok');
    await other.page.unroute(`${stack.gateway}/api/session`);
    await other.run(() => { dispatchEvent(new Event('online')); });
    await expect.poll(() => other.signedIn).toBe(true);
    expect(await other.told).toBe('signed_in');
  });

  test.each([
    ['invalid_grant', { error: 'invalid_grant' }],
    ['replayed', { error: 'invalid_grant', gatepass_reason: 'replayed' }],
  ])('the provider has ended the session, and whoever calls is told: %s', async (reason, body) => {
    const app = await signedIn();
    const refuse = (request, response) => response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    provider.failing['/token'] = refuse;
    await setAhead(stack, 400);
    try {
      expect(await app.outcomes('fetch("/api/y")', 10)).toEqual(Array(10).fill(401));
      expect(await app.told).toBe(`signed_in, signed_out ${reason}`);
      expect(app.count(REFRESH)).toBe(1);
      expect(await app.outcome('refresh()')).toBe('session_ended');
    } finally {
      delete provider.failing['/token'];
    }
  });

  test('a renewal that is answered after the sign-out signs nobody in again', async () => {
    const app = await signedIn();
    let answer;
    const held = new Promise((resolve) => { answer = resolve; });
    await app.page.route(`${stack.gateway}/api/session/refresh`, async (route) => {
      const response = await route.fetch();
      await held;
      await route.fulfill({ response });
    });
    const renewed = app.outcome('refresh()');
    await expect.poll(() => app.count(REFRESH)).toBe(1);
    expect(await app.outcome('logout({ provider: false })')).toBe('ok');
    answer();
    expect(await renewed).toBe('signed_out');
    expect(await app.told).toBe('signed_in, signed_out');
  });

  test('a sign-out that does not reach the gateway signs nobody out', async () => {
    const app = await signedIn();
    await failing(app, '/logout');
    expect(await app.outcome('logout()')).toBe('network_error');
    expect(await app.signedIn).toBe(true);
    expect(await app.outcome('fetch("/api/z")')).toBe(200);
  });

  test('what one user has begun is not done as another', async () => {
    const app = await signedIn();
    const seen = api.seen.length;
    await failing(app, '/api/x', { status: 401 });
    provider.user = 'berta';
    try {
      const other = await open();
      // As on the way to the provider: no word of it in the channel yet.
      await other.run(() => { window.BroadcastChannel.prototype.postMessage = () => {}; });
      await context.clearCookies({ domain: '127.0.0.1' });
      await other.page.goto(`${stack.gateway}/login?return_to=/app`);
      await other.page.waitForURL(`${stack.gateway}/app`);
      expect(await app.outcome('fetch("/api/x", { method: "POST", body: "of anna" })')).toBe(401);
      expect(api.seen.length).toBe(seen);
      expect(await app.told).toBe('signed_in, signed_out replaced, signed_in, refreshed');
      expect(await app.run(async () => (await client.user()).sub)).toBe('berta');
    } finally {
      provider.user = 'anna';
    }
  });

  test('a session that ends soon is kept alive by whoever works at the page, once', async () => {
    const app = await signedIn();
    await app.page.keyboard.press('a');
    expect(app.count(REFRESH), 'far from its end').toBe(0);
    // Thirteen days and more later, by the clock of the page alone.
    await app.run((ahead) => {
      const { now } = Date;
      Date.now = () => now() + ahead;
    }, (14 * 86_400 - 60) * 1_000);
    await app.page.keyboard.press('a');
    await app.page.keyboard.press('b');
    await expect.poll(() => app.told).toBe('signed_in, refreshed');
    expect(app.count(REFRESH)).toBe(1);
  });
});
