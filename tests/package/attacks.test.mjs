// The built package attacked, in Node: by a provider or page that means harm, by an application with a mistake in it, and
// by bad luck. What wants a real page is in tests/browser/attacks.test.mjs.

import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { startInstantProvider } from '../support/instant-provider.mjs';
import { dist } from './bundle.mjs';

const gatepass = await import('../../sdk/dist/index.js');
const { createClient, password } = gatepass;

const kept = new Map();
const storage = () => {
  const texts = new Map();
  return { texts, shared: true, read: (key) => texts.get(key), write: (key, text) => texts.set(key, text), remove: (key) => texts.delete(key) };
};
let provider;
beforeAll(() => {
  globalThis.sessionStorage = {
    getItem: (key) => kept.get(key) ?? null, setItem: (key, text) => kept.set(key, text), removeItem: (key) => kept.delete(key),
  };
  globalThis.location = { origin: 'https://app.example', href: 'https://app.example/' };
});
afterAll(() => {
  delete globalThis.sessionStorage;
  delete globalThis.location;
});
beforeEach(async () => { provider = await startInstantProvider(); });
afterEach(async () => {
  kept.clear();
  await provider.stop();
});

/** A client of the provider, and where it sent the user last. */
function app(options = {}, { issuer, api } = provider) {
  const at = {};
  const client = createClient({
    issuer, clientId: 'app', redirectUri: 'https://app.example/callback', scope: 'read', apis: [api], navigate: (url) => { at.url = url; }, ...options,
  });
  at.events = [];
  for (const type of ['signed_in', 'signed_out']) client.on(type, () => at.events.push(type));
  return Object.assign(at, { client });
}

/** The address that the provider sends the user back to. */
const answer = async ({ url }) => (await fetch(url, { redirect: 'manual' })).headers.get('location');

async function signIn(at) {
  await at.client.login();
  return at.client.handleCallback(await answer(at));
}

describe('a thief', () => {
  test('the answer of one provider goes to no other that the page also uses, and is still good for its own', async () => {
    const other = await startInstantProvider();
    try {
      const [ours, theirs] = [app(), app({}, other)];
      await ours.client.login();
      const back = new URL(await answer(ours));
      // A provider that does not say who it is: nothing else tells the two apart.
      other.instead.set('/.well-known/openid-configuration', [200, {
        issuer: other.issuer, authorization_endpoint: `${other.issuer}/authorize`, token_endpoint: `${other.issuer}/token`,
      }]);
      back.searchParams.delete('iss');
      await expect(theirs.client.handleCallback(back)).rejects.toMatchObject({ code: 'callback_foreign' });
      expect(other.asked('/token'), 'neither code nor verifier').toBe(0);
      back.searchParams.set('iss', provider.issuer);
      expect(await ours.client.handleCallback(back)).toEqual({ returnTo: '/' });
    } finally {
      await other.stop();
    }
  });

  test.each(['/.//evil.example', '//evil.example', '/\\evil.example', '/\t/evil.example', 'https://evil.example/', 'javascript:alert(1)'])(
    'a password sign-in leads to no other origin: %j', async (returnTo) => {
      provider.instead.set('/auth/login', [200, { access_token: 'a', token_type: 'Bearer' }]);
      const done = await app().client.login({ returnTo, via: password('anna', 'secret') }).catch(({ code }) => code);
      if (done !== 'invalid_return_to') expect(new URL(done.returnTo, 'https://app.example').origin).toBe('https://app.example');
    },
  );

  test.each([
    'https://evil.example/data', 'https://API.EVIL.example/', '//evil.example/data', 'http://localhost:1/data', 'blob:https://evil.example/x',
  ])('the token does not go to %s', async (url) => {
    const sent = [];
    const at = app({ fetch: async (request) => { sent.push(request); return new URL(request.url).origin === provider.issuer ? fetch(request) : new Response(); } });
    await signIn(at);
    globalThis.location.href = 'https://app.example/';
    const target = url.startsWith('//') ? new URL(url, 'https://app.example/').href : url;
    await at.client.fetch(target);
    await at.client.fetch(new Request(target));
    expect(sent.slice(-2).map(({ headers }) => headers.get('authorization'))).toEqual([null, null]);
  });

  test('what one user has begun is not repeated as another, who signed in meanwhile', async () => {
    const shared = storage();
    const [tab, other] = [app({ storage: shared }), app({ storage: shared })];
    await signIn(tab);
    await other.client.ready();
    let answered = 0;
    provider.instead.set('/transfer', async (response) => {
      answered += 1;
      // Before the answer is there, somebody else has signed in, and this tab has heard of it.
      if (answered === 1) {
        await signIn(other);
        await tab.client.handleCallback('https://app.example/callback?code=x&state=y').catch(() => {});
        await tab.client.refresh();
      }
      response.writeHead(401).end();
    });
    const { status } = await tab.client.fetch(`${provider.api}/transfer`, { method: 'POST', body: 'all of it' });
    expect({ status, answered }).toEqual({ status: 401, answered: 1 });
  });
});

describe('a provider that means harm, or is broken', () => {
  const base = ({ issuer }) => ({ issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/keys` });
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const tokens = { access_token: 'a', token_type: 'Bearer', expires_in: 300, refresh_token: 'r' };

  test.each([
    ['no signature', { alg: 'none' }], ['the prototype of all objects', { alg: '__proto__' }], ['a key of its own', { alg: 'ES256', jwk: {} }],
    ['a key of nobody', { alg: 'ES256', kid: '../a' }],
  ])('signs nobody in with an ID token: %s', async (_, header) => {
    const at = app({ scope: 'openid' });
    await at.client.login();
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: provider.issuer, sub: 'demo', aud: 'app', nonce: new URL(at.url).searchParams.get('nonce'), iat: now, exp: now + 300 };
    provider.instead.set('/token', [200, { ...tokens, id_token: `${part(header)}.${part(claims)}.${header.alg === 'none' ? '' : part('x')}` }]);
    await expect(at.client.handleCallback(await answer(at))).rejects.toMatchObject({ code: 'invalid_id_token' });
    expect(at.client.signedIn).toBe(false);
  });

  test.each(['a', 'a.b', '..', 'a.b.c.d.e', { a: 1 }, 7, true, ['a']])('signs nobody in with %j for an ID token', async (id_token) => {
    const at = app({ scope: 'openid' });
    await at.client.login();
    provider.instead.set('/token', [200, { ...tokens, id_token }]);
    await expect(at.client.handleCallback(await answer(at))).rejects.toMatchObject({ code: 'invalid_id_token' });
  });

  test('changes no object of the page by what it calls its members', async () => {
    const poison = `"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":"x","json.issuer":"https://evil.example","a\\u0000b":"c"`;
    const text = (json) => `{${poison},${JSON.stringify(json).slice(1)}`;
    provider.instead.set('/.well-known/openid-configuration', [200, text({ ...base(provider), userinfo_endpoint: `${provider.issuer}/userinfo` })]);
    provider.instead.set('/token', [200, text(tokens)]);
    provider.instead.set('/userinfo', [200, text({ sub: 'demo' })]);
    const at = app();
    expect(await signIn(at)).toEqual({ returnTo: '/' });
    expect(await at.client.user()).toMatchObject({ sub: 'demo' });
    await at.client.refresh();
    expect({}.polluted).toBe(undefined);
    expect(at.client.signedIn).toBe(true);
  });

  test('is borne with answers of megabytes', async () => {
    const at = app();
    await signIn(at);
    for (const json of [{ ...tokens, more: 'x'.repeat(20_000_000) }, { ...tokens, access_token: 'x'.repeat(3_000_000) }]) {
      provider.instead.set('/token', [200, json]);
      expect(await at.client.refresh().then(() => 'ok', ({ code }) => code)).toBe('ok');
    }
    expect(at.client.explain().filter(({ event }) => event === 'restarted')).toEqual([]);
  });

  test.each([
    // What it says of success is asked for again at once, which takes its time.
    ['null', [200, 'null']], ['half of it', [200, '{"access_token":']], ['a token that is an object', [200, { access_token: {}, token_type: 'Bearer' }]],
    ['401', [401, { error: 'invalid_client' }]], ['400 with no word', [400, {}]], ['400 with another shape', [400, { error: { code: 'invalid_grant' } }]],
    ['404', [404, 'invalid_grant']], ['a token that is no header', [200, { access_token: 'a\r\nb', token_type: 'Bearer' }]],
  ])('signs nobody out with %s for new tokens, and is asked again', async (_, reply) => {
    const at = app();
    await signIn(at);
    provider.instead.set('/token', reply);
    const { code } = await at.client.refresh().catch((error) => error);
    expect(['server_error', 'invalid_response', 'request_refused']).toContain(code);
    expect(at.client.signedIn).toBe(true);
    expect(at.events).toEqual(['signed_in']);
  }, 15_000);
});

test('a password sign-in is bound to a key as any other', async () => {
  const json = await (await fetch(`${provider.issuer}/.well-known/openid-configuration`)).json();
  provider.instead.set('/.well-known/openid-configuration', [200, { ...json, dpop_signing_alg_values_supported: ['ES256'] }]);
  provider.instead.set('/auth/login', [200, { access_token: 'a', token_type: 'DPoP' }]);
  await app({ dpop: gatepass.dpop() }).client.login({ via: password('anna', 'secret') });
  expect(provider.requests.at(-1)).toMatchObject({ path: '/auth/login', headers: { dpop: expect.stringMatching(/^eyJ/) } });
});

describe('bad luck', () => {
  test('a storage that fails at once is no unhandled rejection: on a server that would be its end', () => {
    for (const storage of ['indexedDbStorage()', "vault('/vault-worker.js')", '{ read: async () => { throw new Error("no"); } }']) {
      const source = `
        import { createClient, indexedDbStorage, vault } from '${dist}/index.js';
        const client = createClient({ issuer: 'https://id.example', clientId: 'app', redirectUri: '/callback', storage: ${storage} });
        await client.ready();
        console.log(client.signedIn);`;
      expect(execFileSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8', stdio: 'pipe' })).toBe('false\n');
    }
  });

  test('a storage that never answers keeps nobody waiting for ever', async () => {
    const never = () => new Promise(() => {});
    const at = app({ storage: { read: never, write: never, remove: never } });
    await at.client.ready();
    await signIn(at);
    expect((await at.client.fetch(`${provider.api}/data`)).status).toBe(200);
    expect(at.client.signedIn).toBe(true);
  }, 15_000);

  test('a record with an ID token that is none says so when it matters', async () => {
    const shared = storage();
    await signIn(app({ storage: shared, scope: 'openid' }));
    const [[key, text]] = shared.texts;
    shared.texts.set(key, JSON.stringify({ ...JSON.parse(text), id_token: 'x.y' }));
    const { client } = app({ storage: shared, scope: 'openid' });
    await client.refresh();
    await expect(client.user()).rejects.toMatchObject({ code: 'invalid_response' });
    await client.logout({ provider: false });
  });

  test('a body that a function gives anew has a content type of its own', async () => {
    const at = app();
    await signIn(at);
    const form = () => {
      const made = new FormData();
      made.set('a', 'b');
      return made;
    };
    const { status } = await at.client.fetch(`${provider.api}/data`, { method: 'POST', body: form(), replay: form });
    expect(status).toBe(200);
    const [, second] = provider.requests.filter(({ path }) => path === '/data');
    const [, boundary] = /boundary=(.*)/.exec(second.headers['content-type']);
    expect(second.body).toContain(boundary);
  });
});

describe('renewed tokens', () => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const refreshed = (claims) => provider.instead.set('/token', [200, {
    access_token: 'theirs', token_type: 'Bearer', expires_in: 300, refresh_token: 'r', id_token: claims && `e30.${part(claims)}.x`,
  }]);
  let at;
  beforeEach(async () => {
    at = app({ scope: 'openid' });
    await signIn(at);
  });

  test('of the same user come with another ID token', async () => {
    refreshed({ iss: provider.issuer, sub: 'demo', aud: 'app' });
    await at.client.refresh();
    provider.instead.set('/userinfo', [200, { sub: 'demo' }]);
    expect(await at.client.user()).toEqual({ sub: 'demo' });
  });

  test.each([['somebody else', { sub: 'eve' }], ['the same name elsewhere', { iss: 'https://evil.example', sub: 'demo' }]])('of %s are no answer, and end nothing', async (_, claims) => {
    refreshed({ iss: provider.issuer, aud: 'app', ...claims });
    await expect(at.client.refresh()).rejects.toMatchObject({ code: 'invalid_response', status: 200 });
    expect(at.events).toEqual(['signed_in']);
    const sent = [];
    provider.instead.set('/data', (response) => { sent.push(provider.requests.at(-1).authorization); response.end(); });
    await at.client.fetch(`${provider.api}/data`);
    expect(sent).not.toContain('Bearer theirs');
  }, 15_000);
});

describe('a developer', () => {
  test('may write the redirectUri as a path', async () => {
    const at = app({ redirectUri: '/callback' });
    expect(await signIn(at)).toEqual({ returnTo: '/' });
    expect(new URL(at.url).searchParams.get('redirect_uri')).toBe('https://app.example/callback');
  });

  const codeOf = (promise) => promise.then(() => 'ok', ({ code, message }) => `${code} ${message}`);

  test.each([
    ['nothing at all', undefined, /issuer/],
    ['apis that are null', { apis: null }, undefined],
    ['one API as a text', { apis: 'https://api.example' }, /apis/],
    ['an API with a path', { apis: ['https://api.example/v1'] }, /apis/],
    ['no redirectUri', { redirectUri: undefined }, /redirectUri/],
    ['a scope that is undefined', { scope: undefined }, undefined],
    ['an empty clientId', { clientId: '' }, /clientId/],
    ['an issuer that is not https', { issuer: 'http://id.example' }, /issuer/],
    ['an issuer that only looks like this machine', { issuer: 'http://localhost:80@evil.example' }, /issuer/],
    ['a redirectUri without a scheme', { redirectUri: 'callback' }, /redirectUri/],
    ['a storage that there is not', { storage: 'localStorage' }, /storage/],
    ['the storage memory by its name', { storage: 'memory' }, undefined],
  ])('%s', async (_, options, wrong) => {
    const whole = { issuer: 'https://id.example', clientId: 'app', redirectUri: 'https://app.example/callback', ...options };
    const client = createClient(options && whole);
    const outcome = await codeOf(client.ready());
    if (wrong) expect(outcome).toMatch(/^invalid_options /);
    expect(outcome).toMatch(wrong ?? /^ok$/);
  });

  test('a vault that a bundler has made a data: address of', () => {
    expect(() => gatepass.vault('data:text/javascript,')).toThrow(/vault: .* not data:.*#invalid_options/);
    expect(() => gatepass.vault(new URL('data:text/javascript,'))).toThrow(/vault/);
  });

  test.each(['popup', 'silent', 'password'])('a way to sign in that was not called: %s', async (name) => {
    expect(await codeOf(app().client.login({ via: gatepass[name] }))).toMatch(new RegExp(`^invalid_options .*via: ${name}\\(`));
  });
});
