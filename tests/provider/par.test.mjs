// Pushed authorization requests (RFC 9126): the client sends its request itself, the browser a reference.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, DEMO, SCOPE, basic, pkce, post, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

const PREFIX = 'urn:ietf:params:oauth:request_uri:';

let stack;
let db;
let demo;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'] });
  db = await stack.database('provider');
  demo = { client_id: DEMO.id, redirect_uri: `${stack.gateway}${DEMO.redirectPath}` };
  // The first request also makes the development data.
  await fetch(`${stack.provider}/login`);
});
afterAll(() => stack?.stop());

const parameters = (changes = {}) => ({
  ...demo, response_type: 'code', scope: SCOPE, state: 'a-state', code_challenge: pkce().challenge, code_challenge_method: 'S256', ...changes,
});
const pushRaw = (form, headers) => post(`${stack.provider}/oauth/par`, form, headers);
const push = async (changes, headers) => (await (await pushRaw(parameters(changes), headers)).json()).request_uri;
const url = (requestUri, changes = {}) => `/oauth/authorize?${new URLSearchParams({ client_id: DEMO.id, request_uri: requestUri, ...changes })}`;
const pathOf = (response) => new URL(response.headers.get('location'), stack.provider).pathname;
const expire = async (requestUri) => db
  .prepare('UPDATE pushed_requests SET expires_at = 1 WHERE reference_hash = ?').bind(await hash(requestUri)).run();
const settle = (settings) => db.prepare('UPDATE clients SET settings = ? WHERE client_id = ?').bind(JSON.stringify(settings), DEMO.id).run();

function hash(requestUri) {
  const reference = requestUri.slice(PREFIX.length);
  return crypto.subtle.digest('SHA-256', new TextEncoder().encode(reference)).then((bytes) => Buffer.from(bytes).toString('base64url'));
}

/** Comes with a reference, and with the cookie if the provider gives one first. */
async function open(user, location) {
  const response = await user.request('GET', location);
  if (response.status !== 303 || pathOf(response) !== '/oauth/authorize') return response;
  return user.request('GET', response.headers.get('location'));
}

/** From the sign-in page on, with the right password. */
async function signIn(user, response) {
  expect(pathOf(response)).toBe('/login');
  const html = await (await user.request('GET', response.headers.get('location'))).text();
  const signedIn = await user.submitLogin(/name="state_token" value="([^"]+)"/.exec(html)[1]);
  return user.request('GET', signedIn.headers.get('location'));
}

const sentBack = (response) => Object.fromEntries(new URL(response.headers.get('location')).searchParams);

async function shown(response, code) {
  expect(response.status).toBe(400);
  expect(response.headers.get('location')).toBeNull();
  expect(await response.text()).toContain(code);
}

describe('the endpoint', () => {
  test('keeps a whole request under an unguessable reference, in two round trips, and is announced', async () => {
    const response = await pushRaw(parameters());
    expect(response.status).toBe(201);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(roundTrips(response)).toBe(2);
    const { request_uri: requestUri, expires_in: lifetime } = await response.json();
    expect(requestUri).toMatch(/^urn:ietf:params:oauth:request_uri:[\w-]{43}$/);
    expect(lifetime).toBe(90);
    const { results } = await db.prepare('SELECT * FROM pushed_requests').all();
    expect(JSON.stringify(results)).not.toContain(requestUri.slice(PREFIX.length));
    const discovery = await (await fetch(`${stack.provider}/.well-known/oauth-authorization-server`)).json();
    expect(discovery.pushed_authorization_request_endpoint).toBe(`${stack.provider}/oauth/par`);
    expect(discovery.require_pushed_authorization_requests).toBe(false);
  });

  const wrong = {
    'another response type': [{ response_type: 'id_token' }, 'unsupported_response_type'],
    'a token in the place of a code': [{ response_type: 'token' }, 'unauthorized_client'],
    'a redirect URI that is not registered': [{ redirect_uri: 'https://evil.example/' }, 'invalid_request'],
    'no challenge': [{ code_challenge: '' }, 'invalid_request'],
    'more scope than allowed': [{ scope: 'admin' }, 'invalid_scope'],
    'an unknown resource': [{ resource: 'https://evil.example' }, 'invalid_target'],
    'a reference inside': [{ request_uri: `${PREFIX}x` }, 'invalid_request'],
    'no client_id': [{ client_id: '' }, 'invalid_request'],
    'an unknown client': [{ client_id: 'nobody' }, 'invalid_client', 401],
  };
  test.each(Object.entries(wrong))('refuses %s', async (_, [changes, error, status = 400]) => {
    const response = await pushRaw(parameters(changes));
    expect({ status: response.status, error: (await response.json()).error }).toEqual({ status, error });
  });

  test('has a confidential client prove itself, and another not speak for it', async () => {
    const gateway = { client_id: 'gatepass-gateway', redirect_uri: `${stack.gateway}/login/oauth2/code/gatepass` };
    const secret = stack.secrets.GATEPASS_GATEWAY_SECRET;
    const proven = await pushRaw(parameters(gateway), { authorization: basic('gatepass-gateway', secret) });
    expect(proven.status).toBe(201);
    const { results: [row] } = await db.prepare("SELECT * FROM pushed_requests WHERE client_id = 'gatepass-gateway'").all();
    expect(row.parameters).not.toContain('client_secret');
    for (const headers of [{}, { authorization: basic('gatepass-gateway', 'wrong') }]) {
      const response = await pushRaw(parameters(gateway), headers);
      expect({ status: response.status, error: (await response.json()).error }).toEqual({ status: 401, error: 'invalid_client' });
    }
    const other = await pushRaw(parameters(), { authorization: basic('gatepass-gateway', secret) });
    expect(other.status).toBeGreaterThanOrEqual(400);
  });

  test('takes POST only, a form, each parameter once, and pages of registered origins may read it', async () => {
    expect((await fetch(`${stack.provider}/oauth/par`)).status).toBe(405);
    const body = JSON.stringify(parameters());
    const json = await fetch(`${stack.provider}/oauth/par`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    expect(json.status).toBe(415);
    const twice = `${new URLSearchParams(parameters())}&state=b`;
    const repeated = await fetch(`${stack.provider}/oauth/par`, {
      method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: twice,
    });
    expect({ status: repeated.status, error: (await repeated.json()).error }).toEqual({ status: 400, error: 'invalid_request' });
    const reads = async (origin) => (await pushRaw(parameters(), { origin })).headers.get('access-control-allow-origin');
    expect(await reads(stack.gateway)).toBe(stack.gateway);
    expect(await reads('https://evil.example')).toBeNull();
  });
});

describe('a reference', () => {
  test('leads through the sign-in to a code for what was pushed, whatever else the address says', async () => {
    const { verifier, challenge } = pkce();
    const requestUri = await push({ code_challenge: challenge, scope: 'openid read' });
    const user = new Browser(stack);
    const opened = await open(user, url(requestUri, { scope: 'write', state: 'other', redirect_uri: 'https://evil.example/' }));
    expect(roundTrips(opened)).toBe(1);
    // However long that takes: what goes on is the state token.
    await expire(requestUri);
    const answer = sentBack(await signIn(user, opened));
    expect(answer).toMatchObject({ state: 'a-state', iss: stack.provider });
    const tokens = await (await user.redeem(answer.code, verifier)).json();
    expect(tokens.scope).toBe('openid read');
  });

  test('costs no round trip more than a request by browser, and a signed-in browser may reload it', async () => {
    const user = new Browser(stack);
    await signIn(user, await open(user, url(await push())));
    const requestUri = await push();
    for (const time of [1, 2]) {
      const response = await user.request('GET', url(requestUri));
      expect(sentBack(response).code, `time ${time}`).toBeTruthy();
      expect(roundTrips(response)).toBe(2);
    }
  });

  test('may be reloaded before the sign-in, also if the answer that gave the cookie was lost', async () => {
    const requestUri = await push();
    // Lost: this browser never sees its cookie.
    expect(pathOf(await new Browser(stack).request('GET', url(requestUri)))).toBe('/oauth/authorize');
    const user = new Browser(stack);
    expect(pathOf(await open(user, url(requestUri)))).toBe('/login');
    const again = await open(user, url(requestUri));
    expect(sentBack(await signIn(user, again)).code).toBeTruthy();
  });

  test('is worth nothing in another browser', async () => {
    const requestUri = await push();
    const [user, thief] = [new Browser(stack), new Browser(stack)];
    expect(pathOf(await open(user, url(requestUri)))).toBe('/login');
    await shown(await open(thief, url(requestUri)), 'invalid_request_uri');
    await shown(await new Browser(stack).request('GET', url(requestUri, { cookie_given: '1' })), 'invalid_request_uri');
    expect(pathOf(await open(user, url(requestUri)))).toBe('/login');
  });

  test('is one browser’s, however many come at once', async () => {
    const requestUri = await push();
    const browsers = await Promise.all(Array.from({ length: 10 }, async () => {
      const browser = new Browser(stack);
      await browser.request('GET', url(await push()));
      return browser;
    }));
    const answers = await Promise.all(browsers.map((browser) => browser.request('GET', url(requestUri))));
    expect(answers.map(({ status }) => status).sort()).toEqual([303, ...Array(9).fill(400)]);
  });

  test('in a browser that keeps no cookie ends at the sign-in page, and does not go round', async () => {
    const requestUri = await push({ prompt: 'none' });
    const bare = () => new Browser(stack);
    const first = await bare().request('GET', url(requestUri));
    const second = await bare().request('GET', first.headers.get('location'));
    expect(sentBack(second)).toMatchObject({ error: 'login_required', state: 'a-state' });
  });

  test('that is unknown, too old or another client’s is refused here', async () => {
    const user = new Browser(stack);
    await open(user, url(await push()));
    await shown(await user.request('GET', url(`${PREFIX}${'x'.repeat(43)}`)), 'invalid_request_uri');
    const old = await push();
    await expire(old);
    await shown(await user.request('GET', url(old)), 'invalid_request_uri');
    const theirs = await push();
    await shown(await user.request('GET', url(theirs, { client_id: 'gatepass-gateway' })), 'invalid_request_uri');
    expect(pathOf(await user.request('GET', url(theirs)))).toBe('/login');
  });

  test('stands for a request that is checked again', async () => {
    const user = new Browser(stack);
    await open(user, url(await push()));
    const requestUri = await push({ scope: 'openid write' });
    const { scope } = await db.prepare('SELECT scope FROM clients WHERE client_id = ?').bind(DEMO.id).first();
    await db.prepare("UPDATE clients SET scope = 'openid' WHERE client_id = ?").bind(DEMO.id).run();
    const response = await user.request('GET', url(requestUri));
    await db.prepare('UPDATE clients SET scope = ? WHERE client_id = ?').bind(scope, DEMO.id).run();
    expect(sentBack(response)).toMatchObject({ error: 'invalid_scope', state: 'a-state' });
  });
});

describe('a client that must push', () => {
  const byBrowser = () => `/oauth/authorize?${new URLSearchParams(parameters())}`;
  beforeAll(() => settle({ require_pushed_authorization_requests: true }));
  afterAll(() => settle({}));

  test('cannot ask by browser', async () => {
    const response = await new Browser(stack).request('GET', byBrowser());
    expect(sentBack(response)).toMatchObject({ error: 'invalid_request', state: 'a-state', iss: stack.provider });
  });

  test('pushes, and two sign-ins begun at once both come to their end', async () => {
    const user = new Browser(stack);
    const first = await open(user, url(await push()));
    // Another tab has been given another cookie meanwhile: the first begins again by itself.
    const other = new Browser(stack);
    const login = await open(other, url(await push()));
    const page = await user.request('GET', login.headers.get('location'));
    expect(pathOf(page)).toBe('/oauth/authorize');
    const begun = await user.request('GET', page.headers.get('location'));
    expect(sentBack(await signIn(user, begun)).code).toBeTruthy();
    expect(pathOf(first)).toBe('/login');
    // Only a state token of this provider does that.
    const forged = await user.request('GET', `${byBrowser()}&begun=a.b.c`);
    expect(sentBack(forged)).toMatchObject({ error: 'invalid_request' });
  });
});

describe('a client that registers', () => {
  test('may say that it will push, and is held to it', async () => {
    const metadata = { redirect_uris: ['https://app.example/cb'], token_endpoint_auth_method: 'none', require_pushed_authorization_requests: true };
    const registered = await (await fetch(`${stack.provider}/oauth/register`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(metadata),
    })).json();
    expect(registered.require_pushed_authorization_requests).toBe(true);
    const changes = { client_id: registered.client_id, redirect_uri: 'https://app.example/cb', scope: '' };
    const response = await new Browser(stack).request('GET', `/oauth/authorize?${new URLSearchParams(parameters(changes))}`);
    expect(sentBack(response)).toMatchObject({ error: 'invalid_request' });
    expect((await pushRaw(parameters(changes))).status).toBe(201);
  });
});

test('with GATEPASS_REQUIRE_PAR everybody must push, and discovery says so', async () => {
  await stack.restart({ provider: { GATEPASS_REQUIRE_PAR: 'true' } });
  const response = await new Browser(stack).request('GET', `/oauth/authorize?${new URLSearchParams(parameters())}`);
  expect(sentBack(response)).toMatchObject({ error: 'invalid_request', state: 'a-state' });
  expect(pathOf(await open(new Browser(stack), url(await push())))).toBe('/login');
  const discovery = await (await fetch(`${stack.provider}/.well-known/openid-configuration`)).json();
  expect(discovery.require_pushed_authorization_requests).toBe(true);
  await stack.restart({});
});
