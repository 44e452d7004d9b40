// The gateway in a real browser: a session whose tokens no script can read, from sign-in to sign-out.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { setAhead } from '../support/ahead.mjs';
import { launchChromium } from '../support/chromium.mjs';
import { startGatewayWorld } from '../support/gateway-world.mjs';
import { startStack } from '../support/stack.mjs';

let browser;
beforeAll(async () => { browser = await launchChromium(); });
afterAll(() => browser?.close());

/** A call as a page of the gateway makes it. */
const call = (page, path, init = {}) => page.evaluate(async ([url, options]) => {
  const response = await fetch(url, { ...options, headers: { 'X-Gatepass-CSRF': '1', ...options.headers } });
  const text = await response.text();
  return { status: response.status, text, headers: JSON.stringify([...response.headers]) };
}, [path, init]);

const calls = (page, path, count) => page.evaluate(async ([url, times]) => {
  const responses = await Promise.all(Array.from({ length: times }, () => fetch(url, { headers: { 'X-Gatepass-CSRF': '1' } })));
  return responses.map(({ status }) => status);
}, [path, count]);

const session = async (page) => JSON.parse((await call(page, '/api/session')).text);

/** All that a script could read, wherever it is kept. */
const readable = (page) => page.evaluate(async () => {
  const databases = await indexedDB.databases();
  const caches_ = 'caches' in globalThis ? await caches.keys() : [];
  return JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, databases, caches_, location.href, history.state, window.name]);
});

describe('with our provider and API', () => {
  let stack;
  beforeAll(async () => { stack = await startStack({ ahead: true }); });
  afterAll(() => stack?.stop());

  test('the whole walk, and no token anywhere', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const seen = [];
    page.on('response', async (response) => {
      if (!response.url().startsWith(stack.gateway)) return;
      const body = await response.body().catch(() => '');
      seen.push(`${response.url()} ${JSON.stringify(response.headers())} ${body}`);
    });
    await page.goto(`${stack.gateway}/login?return_to=/%3Fafter%3Dsign-in`);
    await page.fill('#username', 'demo');
    await page.fill('#password', 'demo-password');
    await page.click('#login-submit');
    await page.waitForURL(`${stack.gateway}/?after=sign-in`);

    expect(await session(page)).toMatchObject({ user: { sub: 'demo', name: 'Demo User' }, provider: 'gatepass', ended: null });
    const cookies = (await context.cookies(stack.gateway)).filter(({ name }) => name.startsWith('__Host-'));
    expect(cookies).toEqual([expect.objectContaining({ name: '__Host-gatepass_session', httpOnly: true, secure: true, sameSite: 'Strict', path: '/' })]);

    const answers = [await call(page, '/api/protected'), await call(page, '/api/data')];
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const update = await call(page, '/api/user/update', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"display_name":"Anna"}' });
    expect(update.status).toBe(200);

    // A hundred calls with an expired token: one token request.
    const requests = () => stack.logs().filter((line) => line.includes('"path":"/oauth/token"')).length;
    const before = requests();
    await setAhead(stack, 400);
    expect(await calls(page, '/api/protected', 100)).toEqual(Array(100).fill(200));
    await expect.poll(() => requests() - before).toBe(1);
    expect((await call(page, '/api/session/refresh', { method: 'POST' })).status).toBe(200);
    await setAhead(stack, 0);

    const all = [await readable(page), ...answers.map(({ text, headers }) => text + headers), ...seen].join('\n');
    expect(seen.length).toBeGreaterThan(5);
    expect(all).not.toMatch(/eyJ[\w-]+\.[\w-]+\.[\w-]+/);
    for (const { value } of cookies) expect(all).not.toContain(value);

    // Without the header, nothing is done: nor for a form on a page of the same origin.
    const bare = await page.evaluate(async () => (await fetch('/api/session')).status);
    expect(bare).toBe(403);

    // Another tab hears of the sign-out as soon as it asks.
    const other = await context.newPage();
    await other.goto(stack.gateway);
    expect((await session(other)).user.sub).toBe('demo');
    const { text } = await call(page, '/logout', { method: 'POST' });
    const { redirect } = JSON.parse(text);
    await page.goto(stack.gateway + redirect);
    await page.waitForURL(`${stack.gateway}/`);
    expect((await session(other)).user).toBeNull();
    expect((await call(other, '/api/protected')).status).toBe(401);
    expect((await context.cookies(stack.gateway)).filter(({ name }) => name.startsWith('__Host-'))).toEqual([]);
    // The provider has forgotten the browser, too.
    await page.goto(`${stack.gateway}/login`);
    await page.waitForSelector('#password');
    await context.close();
  });
});

test('with the tokens in cookies: a hundred calls at once, three times over, and no token that a script could read', async () => {
  const stack = await startStack({ ahead: true, gateway: { GATEPASS_SESSION: 'cookie' } });
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(`${stack.gateway}/login?return_to=/%3Fback`);
    await page.fill('#username', 'demo');
    await page.fill('#password', 'demo-password');
    await page.click('#login-submit');
    await page.waitForURL(`${stack.gateway}/?back`);
    const requests = () => stack.logs().filter((line) => line.includes('"path":"/oauth/token"')).length;
    for (const round of [1, 2, 3]) {
      const before = requests();
      await setAhead(stack, round * 400);
      expect(await calls(page, '/api/protected', 100)).toEqual(Array(100).fill(200));
      await expect.poll(() => requests() - before).toBe(1);
    }
    expect((await session(page)).user.sub).toBe('demo');
    const cookies = (await context.cookies(stack.gateway)).filter(({ name }) => name.startsWith('__Host-'));
    expect(cookies.length).toBeGreaterThan(0);
    for (const { name, value, ...attributes } of cookies) {
      expect(name).toMatch(/^__Host-gatepass_(tokens_[\w-]{8}_\d+_\d|signed_in)$/);
      expect(attributes).toMatchObject({ httpOnly: true, secure: true, sameSite: 'Strict' });
      expect(value).not.toContain('eyJ');
    }
    expect(await readable(page)).not.toMatch(/eyJ|gatepass_(tokens|signed_in)/);
    await call(page, '/logout', { method: 'POST' });
    expect((await context.cookies(stack.gateway)).filter(({ name }) => name.startsWith('__Host-gatepass_tokens'))).toEqual([]);
    expect((await session(page)).user).toBeNull();
  } finally {
    await context.close();
    await stack.stop();
  }
});

describe('with a provider on another site', () => {
  let stack;
  let provider;
  let api;
  let stop;
  beforeAll(async () => { ({ stack, provider, api, stop } = await startGatewayWorld()); });
  afterAll(() => stop?.());

  const signedIn = async (context) => {
    const page = await context.newPage();
    await page.goto(stack.gateway);
    await page.goto(`${stack.gateway}/login?return_to=/%3Fback`);
    await page.waitForURL(`${stack.gateway}/?back`);
    return page;
  };

  test('the way back sets a Strict cookie, and the page that it leads to comes with it', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    let sent;
    page.on('request', async (request) => {
      if (request.url() === `${stack.gateway}/?back`) sent = (await request.allHeaders()).cookie ?? '';
    });
    await page.goto(`http://127.0.0.1:${new URL(provider.origin).port}/nothing`).catch(() => {});
    await page.evaluate((url) => { location.href = url; }, `${stack.gateway}/login?return_to=/%3Fback`);
    await page.waitForURL(`${stack.gateway}/?back`);
    await expect.poll(() => sent).toMatch(/__Host-gatepass_session=/);
    expect((await session(page)).user.sub).toBe('anna');
    await context.close();
  });

  test('another site can neither call nor read, with a browser that is signed in', async () => {
    const context = await browser.newContext();
    const own = await signedIn(context);
    const seen = api.seen.length;
    const page = await context.newPage();
    await page.goto(`${provider.origin}/nothing`).catch(() => {});
    const tried = await page.evaluate(async (gateway) => {
      const attempt = (path, init) => fetch(gateway + path, { credentials: 'include', ...init }).then(({ status, type }) => `${type} ${status}`, () => 'blocked');
      return [
        await attempt('/api/x', {}),
        await attempt('/api/x', { headers: { 'X-Gatepass-CSRF': '1' } }),
        await attempt('/api/x', { method: 'POST', mode: 'no-cors', body: 'a=b' }),
        await attempt('/logout', { method: 'POST', mode: 'no-cors' }),
      ];
    }, stack.gateway);
    expect(tried).toEqual(['blocked', 'blocked', 'opaque 0', 'opaque 0']);
    expect(api.seen.length).toBe(seen);
    expect((await session(own)).user.sub).toBe('anna');
    await context.close();
  });

  test('a page hears events by an EventSource; another site’s reaches no API', async () => {
    api.answers['/api/events'] = (request, response) => { response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: hello\n\n'); };
    const context = await browser.newContext();
    const own = await signedIn(context);
    const other = await context.newPage();
    await other.goto(`${provider.origin}/nothing`).catch(() => {});
    const heard = (page) => page.evaluate((url) => new Promise((resolve) => {
      const source = new EventSource(url, { withCredentials: true });
      source.onmessage = ({ data }) => { source.close(); resolve(data); };
      source.onerror = () => { resolve(source.readyState === EventSource.CLOSED ? 'given up' : 'tried again'); source.close(); };
    }), `${stack.gateway}/api/events`);
    expect(await heard(own)).toBe('hello');
    const seen = api.seen.length;
    expect(await heard(other)).toBe('given up');
    // Nor after a sign-out.
    expect((await call(own, '/logout', { method: 'POST' })).status).toBe(200);
    expect(await heard(own)).toBe('given up');
    expect(api.seen.length).toBe(seen);
    await context.close();
  });

  test('a page that tells nobody where it is may call; a sandboxed frame may not', async () => {
    const context = await browser.newContext();
    const page = await signedIn(context);
    const quiet = { method: 'POST', mode: 'same-origin', referrerPolicy: 'no-referrer' };
    expect((await call(page, '/api/x', { ...quiet, body: 'of anna' })).status).toBe(200);
    expect(api.seen.at(-1)).toMatchObject({ url: '/api/x', body: 'of anna' });
    expect(api.seen.at(-1).headers.origin).toBeUndefined();
    expect((await call(page, '/api/x', { ...quiet, method: 'GET' })).status).toBe(200);
    expect((await call(page, '/api/session/refresh', quiet)).status).toBe(200);
    // Chromium names its origin all the same. The Fetch Standard wants `null`, as Firefox sends it.
    const [{ name, value }] = (await context.cookies(stack.gateway)).filter(({ name }) => name.startsWith('__Host-'));
    const headers = { cookie: `${name}=${value}`, origin: 'null', 'x-gatepass-csrf': '1' };
    const statuses = ['same-origin', 'cross-site', undefined].map(async (site) => {
      const response = await fetch(`${stack.gateway}/api/x`, { method: 'POST', headers: { ...headers, ...(site && { 'sec-fetch-site': site }) } });
      return response.status;
    });
    expect(await Promise.all(statuses)).toEqual([200, 403, 403]);
    // It is the header that counts, all the same.
    expect(await page.evaluate((init) => fetch('/api/x', init).then(({ status }) => status), quiet)).toBe(403);

    const seen = api.seen.length;
    // The gateway's own pages frame nothing.
    const serve = (path, body, headers) => page.route(stack.gateway + path, (route) => route.fulfill({ contentType: 'text/html', headers, body }));
    await serve('/host', '<script>addEventListener("message", ({ data }) => { window.tried = data; });</script><iframe src="/frame"></iframe>');
    await serve('/frame', `<script>
      const attempt = (init) => fetch('${stack.gateway}/api/x', { method: 'POST', credentials: 'include', ...init }).then(({ status, type }) => type + ' ' + status, () => 'blocked');
      Promise.all([attempt({ headers: { 'X-Gatepass-CSRF': '1' } }), attempt({ mode: 'no-cors' })]).then((all) => parent.postMessage([origin, ...all], '*'));
    </script>`, { 'content-security-policy': 'sandbox allow-scripts' });
    await page.goto(`${stack.gateway}/host`);
    const tried = page.waitForFunction(() => window.tried).then((found) => found.jsonValue());
    expect(await tried).toEqual(['null', 'blocked', expect.stringMatching(/^(blocked|opaque 0)$/)]);
    expect(api.seen.length).toBe(seen);
    expect((await call(page, '/logout', quiet)).status).toBe(200);
    expect((await session(page)).user).toBeNull();
    await context.close();
  });

  test.each([['an object', undefined], ['cookies', 'cookie']])('with sessions in %s, an answer that may be kept is kept for one user alone', async (_, mode) => {
    await stack.restart({ gateway: { GATEPASS_ISSUER: provider.origin, GATEPASS_SESSION: mode } });
    const context = await browser.newContext();
    // Nothing of the browser's cache is left out (`route` would).
    api.answers['/api/mine'] = (request, response) => response.writeHead(200, { 'cache-control': 'private, max-age=600', etag: '"the-same"' }).end(provider.user);
    const seen = () => api.seen.filter(({ url }) => url === '/api/mine').length;
    const mine = async (page, init) => {
      const { status, text } = await call(page, '/api/mine', init);
      return status === 200 ? text : status;
    };
    try {
      const page = await signedIn(context);
      const before = seen();
      expect([await mine(page), await mine(page), await mine(page)]).toEqual(['anna', 'anna', 'anna']);
      expect(seen() - before, 'kept').toBe(1);
      expect((await call(page, '/logout', { method: 'POST' })).status).toBe(200);
      for (const cache of ['default', 'force-cache']) expect(await mine(page, { cache }), cache).toBe(401);
      provider.user = 'berta';
      await context.clearCookies({ domain: '127.0.0.1' });
      const other = await signedIn(context);
      for (const cache of ['default', 'force-cache']) expect(await mine(other, { cache }), cache).toBe('berta');
      expect((await session(other)).user.sub).toBe('berta');
      expect(await mine(other), 'in another tab, too').toBe('berta');
      // Signed in over another who has not signed out.
      provider.user = 'anna';
      await context.clearCookies({ domain: '127.0.0.1' });
      const third = await signedIn(context);
      expect(await mine(third)).toBe('anna');
      expect(await mine(page, { cache: 'force-cache' })).toBe('anna');
    } finally {
      provider.user = 'anna';
      delete api.answers['/api/mine'];
      await context.close();
      await stack.restart();
    }
  });

  test('while it is away, calls go on and nobody is signed out; when it is back, so is renewing', async () => {
    const context = await browser.newContext();
    const page = await signedIn(context);
    expect(await calls(page, '/api/x', 10)).toEqual(Array(10).fill(200));
    // Two are under way when its process goes: a call that the API takes its time for, and a renewal beside another call.
    const waiting = [];
    api.answers['/api/slow'] = (request, response) => waiting.push(response);
    const slow = call(page, '/api/slow');
    await expect.poll(() => waiting.length).toBe(1);
    provider.hold('/token');
    await setAhead(stack, 270);
    expect(await calls(page, '/api/x', 20)).toEqual(Array(20).fill(200));
    await expect.poll(() => provider.held('/token')).toBe(1);
    await provider.stop();
    await expect(fetch(provider.origin)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    waiting.forEach((response) => response.end('late'));
    expect(await slow).toMatchObject({ status: 200, text: 'late' });
    for (const seconds of [275, 280, 290]) {
      await setAhead(stack, seconds);
      expect(await calls(page, '/api/x', 20)).toEqual(Array(20).fill(200));
    }
    await setAhead(stack, 320);
    expect(await calls(page, '/api/x', 20)).toEqual(Array(20).fill(503));
    expect((await session(page)).user.sub).toBe('anna');
    await expect(fetch(provider.origin)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    await provider.start();
    const before = provider.count('POST /token');
    await setAhead(stack, 400);
    expect(await calls(page, '/api/x', 100)).toEqual(Array(100).fill(200));
    expect(provider.count('POST /token') - before).toBe(1);
    await setAhead(stack, 0);
    await context.close();
  });
});
