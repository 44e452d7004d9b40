// Clients that say who they are by themselves: a client_id that is the address of a document.
import http from 'node:http';
import { once } from 'node:events';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { keyPair, signed } from '../support/jws.mjs';
import { Browser, pkce, post, refusal, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';
import { answerConsent, openConsent } from '../support/strangers.mjs';

const REDIRECT = 'https://app.example/cb';

let stack;
let db;
let host;
let origin;
let served;
let asked;
let number = 0;
let id;

beforeAll(async () => {
  host = http.createServer((request, response) => {
    asked.push({ path: request.url, headers: request.headers });
    served(request, response);
  });
  host.listen(0, 'localhost');
  await once(host, 'listening');
  origin = `http://localhost:${host.address().port}`;
  stack = await startStack({ only: ['provider'] });
  db = await stack.database('provider');
  await new Browser(stack).signIn();
});
afterAll(async () => {
  host?.close();
  await stack?.stop();
});
// A client that nobody has seen.
beforeEach(() => {
  number += 1;
  asked = [];
  id = `${origin}/client-${number}.json`;
  serve({});
});

const document = (changes) => ({
  client_id: id, client_name: 'Notes', redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'], ...changes,
});
function serve(changes, { status = 200, headers = { 'content-type': 'application/json' }, body = JSON.stringify(document(changes)) } = {}) {
  served = (_, response) => { response.writeHead(status, headers).end(body); };
}
const parameters = (changes) => ({
  client_id: id, redirect_uri: REDIRECT, response_type: 'code', scope: 'openid read', state: 's',
  code_challenge: pkce().challenge, code_challenge_method: 'S256', ...changes,
});
const go = (browser, changes) => browser.request('GET', `/oauth/authorize?${new URLSearchParams(parameters(changes))}`);
const path = (response) => new URL(response.headers.get('location'), stack.provider).pathname;
const back = (response) => Object.fromEntries(new URL(response.headers.get('location')).searchParams);
const age = (seconds) => db.prepare("UPDATE clients SET settings = json_set(settings, '$.document_fetched_at', CAST(unixepoch() - ? AS INTEGER)) WHERE client_id = ?").bind(seconds, id).run();
const signedIn = async () => { const browser = new Browser(stack); await browser.signIn(); return browser; };

async function refusedHere(response) {
  expect(response.status).toBe(400);
  expect(response.headers.get('location')).toBeNull();
  expect(await response.text()).toContain('invalid_client_metadata');
}

describe('a client with a document', () => {
  test('is announced, asked about with its host, every time, and gets tokens', async () => {
    const discovery = await (await fetch(`${stack.provider}/.well-known/oauth-authorization-server`)).json();
    expect(discovery.client_id_metadata_document_supported).toBe(true);
    const browser = await signedIn();
    for (const time of [1, 2]) {
      const { verifier, challenge } = pkce();
      const first = await go(browser, { code_challenge: challenge });
      expect(path(first), `time ${time}`).toBe('/consent');
      const page = await openConsent(browser, first.headers.get('location'));
      expect(page.html).toContain('Notes');
      expect(page.html).toContain(`data-testid="client-host">${new URL(origin).host}<`);
      const { code } = back(await answerConsent(browser, page, page.scopes));
      const tokens = await (await browser.token({ grant_type: 'authorization_code', client_id: id, code, code_verifier: verifier })).json();
      expect(tokens.scope).toBe('openid read');
      expect((await browser.refresh(tokens.refresh_token, { client_id: id })).status).toBe(200);
    }
    // Nobody is silent about it.
    expect(back(await go(browser, { prompt: 'none' }))).toMatchObject({ error: 'consent_required' });
    expect(asked).toHaveLength(1);
    expect(asked[0].headers.accept).toBe('application/json');
    expect(asked[0].headers.cookie).toBeUndefined();
  });

  test('costs two round trips more the first time, and none after', async () => {
    const browser = await signedIn();
    expect(roundTrips(await go(browser))).toBe(3);
    expect(roundTrips(await go(browser))).toBe(1);
  });

  test('may push, and prove itself with a key', async () => {
    const key = keyPair('ES256');
    serve({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key.jwk] } });
    const now = Math.floor(Date.now() / 1000);
    const assertion = () => signed(key, { iss: id, sub: id, aud: stack.provider, jti: crypto.randomUUID(), iat: now, exp: now + 60 });
    const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    const push = (proof) => post(`${stack.provider}/oauth/par`, parameters(proof));
    expect((await push({ client_assertion_type: type, client_assertion: assertion() })).status).toBe(201);
    expect(await refusal(await push({}))).toMatchObject({ status: 401, error: 'invalid_client' });
    const other = signed(keyPair('ES256'), { iss: id, sub: id, aud: stack.provider, jti: 'x', iat: now, exp: now + 60 });
    expect(await refusal(await push({ client_assertion_type: type, client_assertion: other }))).toMatchObject({ status: 401 });
  });

  test('is looked at again after ten minutes, and held to what it says then', async () => {
    const browser = await signedIn();
    await go(browser);
    await age(601);
    serve({ redirect_uris: ['https://app.example/other'] });
    await refusedOf(await go(browser), 'invalid_request');
    expect(asked).toHaveLength(2);
    expect(path(await go(browser, { redirect_uri: 'https://app.example/other' }))).toBe('/consent');
    expect(asked).toHaveLength(2);
  });

  test('goes on for a day while its host fails, and not for longer', async () => {
    const browser = await signedIn();
    await go(browser);
    serve({}, { status: 500 });
    await age(86_000);
    expect(path(await go(browser))).toBe('/consent');
    await age(86_500);
    await refusedHere(await go(browser));
  });

  test('that an administrator has ended stays ended', async () => {
    const browser = await signedIn();
    await go(browser);
    await db.prepare('UPDATE clients SET ended_at = 1 WHERE client_id = ?').bind(id).run();
    await refusedOf(await go(browser), 'invalid_request');
  });

  test('is a stranger whatever it says of itself', async () => {
    serve({ is_first_party: true, may_introspect: true, direct_sign_in: true, settings: { direct_sign_in: true } });
    await go(await signedIn());
    const row = await db.prepare('SELECT is_first_party, may_introspect, settings FROM clients WHERE client_id = ?').bind(id).first();
    expect(row).toMatchObject({ is_first_party: 0, may_introspect: 0 });
    expect(JSON.parse(row.settings).direct_sign_in).toBeUndefined();
  });
});

async function refusedOf(response, code) {
  expect(response.status).toBe(400);
  expect(await response.text()).toContain(code);
}

describe('a document is refused', () => {
  const wrong = {
    'about another client': { client_id: 'https://app.example/other.json' },
    'about nobody': { client_id: undefined },
    'with a secret': { client_secret: 'x' },
    'of a client with a shared secret': { token_endpoint_auth_method: 'client_secret_basic' },
    'with a redirect URI that nobody may register': { redirect_uris: ['http://app.example/cb'] },
    'without redirect URIs': { redirect_uris: [] },
    'with a grant type that nobody may register': { grant_types: ['authorization_code', 'password'] },
    'with a private key': { jwks: { keys: [{ kty: 'EC', kid: 'a', alg: 'ES256', d: 'x' }] } },
  };
  test.each(Object.entries(wrong))('%s', async (_, changes) => {
    serve(changes);
    await refusedHere(await go(new Browser(stack)));
    expect(await refusal(await post(`${stack.provider}/oauth/par`, parameters()))).toMatchObject({ status: 400, error: 'invalid_client_metadata' });
    expect(await db.prepare('SELECT 1 FROM clients WHERE client_id = ?').bind(id).first()).toBeNull();
  });

  const unread = {
    'that is not there': { status: 404 },
    'that is elsewhere: no redirect is followed': { status: 302, headers: { location: 'https://app.example/' } },
    'that is a page': { headers: { 'content-type': 'text/html' } },
    'that is no JSON': { body: 'x' },
    'that is no object': { body: '[]' },
    'that is too large': { body: JSON.stringify({ x: 'x'.repeat(17_000) }) },
    'that is not UTF-8': { body: Buffer.from([0x7b, 0xff, 0x7d]) },
  };
  test.each(Object.entries(unread))('%s', async (_, answer) => {
    serve({}, answer);
    await refusedHere(await go(new Browser(stack)));
  });

  test('that never ends, without waiting for the end', async () => {
    served = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = setInterval(() => response.write('x'.repeat(4_096)), 5);
      response.on('close', () => clearInterval(more));
    };
    await refusedHere(await go(new Browser(stack)));
  });
});

describe('nothing is fetched', () => {
  test.each([
    'https://localhost/client.json', 'https://127.0.0.1/client.json', 'https://10.0.0.1/client.json', 'https://[::1]/client.json',
    'https://169.254.169.254/latest/meta-data', 'https://metadata.google.internal/x', 'https://intranet/client.json', 'https://printer.local/x',
    'http://app.example/client.json', 'https://user:pass@app.example/client.json', 'https://app.example/', 'https://app.example/a/../b', 'https://app.example/a?b=c',
  ])('from %s', async (address) => {
    await refusedHere(await go(new Browser(stack), { client_id: address }));
  });

  test('of a client that an administrator has registered under an address', async () => {
    await db.prepare("INSERT INTO clients (client_id, name, auth_method, redirect_uris, post_logout_redirect_uris, origins, scope, grant_types, is_first_party, may_introspect, created_at) VALUES (?, 'Own', 'none', ?, '', '', 'openid read', 'authorization_code', 0, 0, 1)").bind(id, REDIRECT).run();
    expect(path(await go(await signedIn()))).toBe('/consent');
    expect(asked).toEqual([]);
  });

  test('where the provider has no such clients', async () => {
    await stack.restart({ provider: { GATEPASS_CLIENT_ID_DOCUMENTS: 'false' } });
    await refusedOf(await go(new Browser(stack)), 'invalid_request');
    expect(asked).toEqual([]);
    const discovery = await (await fetch(`${stack.provider}/.well-known/oauth-authorization-server`)).json();
    expect(discovery.client_id_metadata_document_supported).toBe(false);
  });
});
