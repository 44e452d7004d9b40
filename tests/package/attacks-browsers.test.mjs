// The built package in browsers and at providers as they are, with what they leave out or say in a way of their own.
// What each of them does is put in its place here, in Node.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import { startInstantProvider } from '../support/instant-provider.mjs';

const { createClient } = await import('../../sdk/dist/index.js');

const kept = new Map();
const unhandled = [];
let provider;
beforeAll(() => {
  globalThis.sessionStorage = {
    getItem: (key) => kept.get(key) ?? null, setItem: (key, text) => kept.set(key, text), removeItem: (key) => kept.delete(key),
  };
  process.on('unhandledRejection', note);
});
afterAll(() => {
  delete globalThis.sessionStorage;
  process.off('unhandledRejection', note);
});
beforeEach(async () => { provider = await startInstantProvider(); });
afterEach(async () => {
  kept.clear();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  await provider.stop();
  expect(unhandled.splice(0)).toEqual([]);
});

function note(error) {
  unhandled.push(error);
}

function client(options) {
  const { issuer, api } = provider;
  const events = [];
  const at = { events, client: createClient({
    issuer, clientId: 'app', redirectUri: 'https://app.example/callback', scope: 'read', apis: [api], navigate: (url) => { at.next = url; }, ...options,
  }) };
  for (const type of ['signed_in', 'signed_out', 'refresh_failed']) at.client.on(type, ({ reason, code }) => events.push([type, reason ?? code].filter(Boolean).join(' ')));
  return at;
}

async function signedIn(options) {
  const at = client(options);
  await at.client.login();
  await at.client.handleCallback((await fetch(at.next, { redirect: 'manual' })).headers.get('location'));
  return at;
}

const sent = (path) => provider.requests.filter((request) => request.path === path);

/** The API takes any call, once the token is a renewed one. */
function anyCall(path) {
  provider.instead.set(path, (response) => {
    const { authorization } = provider.requests.at(-1);
    response.writeHead(authorization === sent(path)[0].authorization ? 401 : 200).end();
  });
}

describe('in Firefox, whose requests do not say whether they have a body', () => {
  beforeEach(() => { vi.spyOn(Request.prototype, 'body', 'get').mockReturnValue(undefined); });

  test.each([
    ['a text', (url) => [url, { method: 'POST', body: 'of the call' }]],
    ['a form', (url) => [url, { method: 'PUT', body: new URLSearchParams({ of: 'the call' }) }]],
    ['bytes', (url) => [url, { method: 'PATCH', body: new TextEncoder().encode('of the call') }]],
    ['a request that has it already', (url) => [new Request(url, { method: 'POST', body: 'of the call' })]],
    ['a request, and another body', (url) => [new Request(url, { method: 'POST', body: 'x' }), { body: 'of the call' }]],
    ['none', (url) => [url, { method: 'DELETE' }]],
    ['none, as it is a GET', (url) => [url, { replay: 'never' }]],
  ])('a call that meets a dead token is repeated with its body: %s', async (_, call) => {
    const at = await signedIn();
    anyCall('/things');
    const { status } = await at.client.fetch(...call(`${provider.api}/things`));
    expect(status).toBe(200);
    const [first, second] = sent('/things');
    expect(second.body).toBe(first.body);
  });
});

describe('a page', () => {
  test('that goes elsewhere meanwhile does not take a call with it', async () => {
    const base = { href: `${provider.api}/a/page` };
    // Node knows no page: addresses are relative to this one.
    const Plain = Request;
    vi.stubGlobal('Request', class extends Plain {
      constructor(input, init) {
        super(typeof input === 'string' ? new URL(input, base.href) : input, init);
      }
    });
    const at = await signedIn();
    provider.instead.set('/token', (response) => {
      base.href = `${provider.api}/b/page`;
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ access_token: 'new', token_type: 'Bearer' }));
    });
    anyCall('/a/things');
    const { status } = await at.client.fetch('things', { method: 'POST', body: 'x' });
    expect(status).toBe(200);
    expect([sent('/a/things').length, sent('/b/things').length]).toEqual([2, 0]);
  });

  test('in a browser that refuses channels, as Firefox does without cookies, has a client all the same', async () => {
    vi.stubGlobal('addEventListener', () => {});
    vi.stubGlobal('BroadcastChannel', class {
      constructor() {
        throw new DOMException('The operation is insecure.', 'SecurityError');
      }
    });
    const at = await signedIn();
    expect((await at.client.fetch(`${provider.api}/data`)).status).toBe(200);
  });

  test('whose client cannot be configured hears no more of it when the network is back', async () => {
    const listeners = {};
    vi.stubGlobal('addEventListener', (type, listener) => { listeners[type] = listener; });
    const at = client({ clientId: '' });
    await expect(at.client.ready()).rejects.toMatchObject({ code: 'invalid_options' });
    listeners.online();
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  });
});

describe('a provider', () => {
  const tokens = (more) => [200, { access_token: 'theirs', token_type: 'bearer', refresh_token: 'r', ...more }];

  test.each([
    ['zero', 0], ['less', -1], ['a text', '3600'], ['no number', 'soon'], ['a fraction', 3599.5], ['more than a clock has', 1e300], ['null', null], ['nothing', undefined],
  ])('that says of its tokens’ lifetime: %s', async (_, lifetime) => {
    const at = await signedIn();
    provider.instead.set('/token', tokens({ expires_in: lifetime }));
    provider.instead.set('/data', [200, {}]);
    await at.client.refresh();
    for (let i = 0; i < 5; i++) expect((await at.client.fetch(`${provider.api}/data`)).status).toBe(200);
    // Nothing is renewed for it with every call.
    expect(sent('/token').length).toBe(2);
    expect(at.client.signedIn).toBe(true);
  });

  test.each([
    ['nothing is', [404, 'Not Found'], 'invalid_response'],
    // No secret follows a redirect.
    ['a sign says where they are', [308, '', { location: '/moved' }], 'network_error'],
  ])('whose endpoints have moved is asked where they are, if in their place %s', async (_, reply, code) => {
    const at = await signedIn();
    const document = await (await fetch(`${provider.issuer}/.well-known/openid-configuration`)).json();
    for (const path of ['oauth-authorization-server', 'openid-configuration']) {
      provider.instead.set(`/.well-known/${path}`, [200, { ...document, token_endpoint: `${provider.issuer}/moved` }]);
    }
    provider.instead.set('/token', reply);
    provider.instead.set('/moved', tokens());
    await expect(at.client.refresh()).rejects.toMatchObject({ code });
    await expect.poll(() => at.client.refresh().then(() => 'ok', ({ code }) => code), { timeout: 5_000 }).toBe('ok');
    expect(at.events).toEqual(['signed_in', `refresh_failed ${code}`]);
  });
});

describe('a provider in trouble that names a date', () => {
  test.each([
    ['by its own clock, which is a year behind', -365 * 86_400_000, 2_000, 1_900],
    ['in the past', 0, -60_000, 0],
    ['that is none', 0, NaN, 0],
  ])('is believed: %s', async (_, clock, ahead, wait) => {
    const at = await signedIn();
    const date = Date.now() + clock;
    const after = new Date(date + ahead);
    provider.instead.set('/token', [503, {}, { date: new Date(date).toUTCString(), 'retry-after': Number.isNaN(ahead) ? 'Mon, 99:99' : after.toUTCString() }]);
    const begun = Date.now();
    setTimeout(() => provider.instead.clear(), 50);
    await at.client.refresh();
    expect(Date.now() - begun).toBeGreaterThanOrEqual(wait);
    expect(Date.now() - begun).toBeLessThan(wait + 1_500);
  });
});

describe('a storage', () => {
  /** One whose answers can be held back; what it has is `text`. */
  function slow() {
    const held = [];
    const storage = { shared: true, text: undefined, isHeld: false, read: () => later(() => storage.text) };
    const later = (act) => (storage.isHeld ? new Promise((resolve) => { held.push(() => resolve(act())); }) : Promise.resolve(act()));
    storage.write = (_, text) => later(() => { storage.text = text; });
    storage.remove = () => later(() => { storage.text = undefined; });
    storage.release = () => { for (const act of held.splice(0)) act(); };
    return storage;
  }

  test('that answers late has the newest tokens in the end, in whatever order it writes', async () => {
    const storage = slow();
    const at = await signedIn({ storage });
    storage.isHeld = true;
    await at.client.refresh();
    const before = storage.text;
    storage.isHeld = false;
    await at.client.refresh();
    const newest = storage.text;
    expect(newest).not.toBe(before);
    // By now it is of yesterday.
    storage.release();
    await expect.poll(() => storage.text).toBe(newest);
    // What it holds is what another page goes on with.
    const other = client({ storage });
    expect((await other.client.fetch(`${provider.api}/data`)).status).toBe(200);
  }, 20_000);

  test('that was silent gets what was renewed meanwhile, so that no other page goes on with a token that is spent', async () => {
    const storage = slow();
    const at = await signedIn({ storage });
    storage.isHeld = true;
    await at.client.refresh();
    await at.client.refresh();
    storage.isHeld = false;
    storage.release();
    const other = client({ storage });
    provider.expire();
    expect((await other.client.fetch(`${provider.api}/data`)).status).toBe(200);
    expect(other.events).toEqual([]);
  }, 20_000);

  test('that refuses late takes nothing newer with it', async () => {
    const storage = slow();
    const { write } = storage;
    const at = await signedIn({ storage });
    let refuse;
    storage.write = () => new Promise((_, reject) => { refuse ??= reject; });
    await at.client.refresh();
    storage.write = write;
    await at.client.refresh();
    const newest = storage.text;
    refuse(new Error('full'));
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    expect(storage.text).toBe(newest);
  }, 20_000);
});
