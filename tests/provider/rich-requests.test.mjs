// What a client asks for in detail (RFC 9396): shown, agreed to, carried along, and never more afterwards.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { keyPair, signed } from '../support/jws.mjs';
import { Browser, DEMO, basic, claims, pkce, post, refusal, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';
import { answerConsent, openConsent, stranger } from '../support/strangers.mjs';

const TYPES = ['payment', 'https://api.example/account'];
const PAYMENT = { type: 'payment', actions: ['initiate', 'status'], amount: { currency: 'EUR', value: '12.50' }, creditor: '<b>Anna</b>' };
const ACCOUNT = { type: 'https://api.example/account', actions: ['read'], locations: ['https://api.example/'] };

let stack;
let app;
let browser;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'], provider: { GATEPASS_AUTHORIZATION_DETAILS_TYPES: TYPES.join(' ') } });
});
afterAll(() => stack?.stop());
beforeEach(async () => {
  app = await stranger(stack, { authorization_details_types: TYPES });
  browser = new Browser(stack);
  await browser.signIn();
});

const text = (details) => (typeof details === 'string' ? details : JSON.stringify(details));
const authorize = (details, parameters = {}) => browser.request('GET', browser.authorizeUrl({
  client_id: app.id, redirect_uri: app.redirectUri, scope: 'openid read', challenge: pkce().challenge,
  authorization_details: text(details), ...parameters,
}));
const at = (response) => new URL(response.headers.get('location'), stack.provider);
const back = (response) => Object.fromEntries(at(response).searchParams);
const details = (page) => [...page.html.matchAll(/data-testid="detail">([^<]*)</g)].map(([, shown]) => shown);

/** Agrees on the consent page and redeems the code. */
async function agree(asked, { redeem = {}, ...parameters } = {}) {
  const { verifier, challenge } = pkce();
  const page = await openConsent(browser, (await authorize(asked, { challenge, ...parameters })).headers.get('location'));
  const { code } = back(await answerConsent(browser, page, page.scopes));
  return browser.token({ grant_type: 'authorization_code', client_id: app.id, code, code_verifier: verifier, ...redeem });
}

const introspected = async (token) => (await browser.introspect(token)).json();
const asks = async (...request) => at(await authorize(...request)).pathname === '/consent';

describe('details', () => {
  test('are shown in words, agreed to, and carried into everything', async () => {
    const page = await openConsent(browser, (await authorize([PAYMENT, ACCOUNT])).headers.get('location'));
    expect(details(page)).toEqual([
      'payment\nactions: initiate, status\namount: {&quot;currency&quot;:&quot;EUR&quot;,&quot;value&quot;:&quot;12.50&quot;}\ncreditor: &lt;b&gt;Anna&lt;/b&gt;',
      'https://api.example/account\nactions: read\nlocations: https://api.example/',
    ]);
    const response = await agree([PAYMENT, ACCOUNT]);
    expect(response.status).toBe(200);
    expect(roundTrips(response)).toBe(2);
    const tokens = await response.json();
    expect(tokens.authorization_details).toEqual([PAYMENT, ACCOUNT]);
    expect(claims(tokens.access_token).authorization_details).toEqual([PAYMENT, ACCOUNT]);
    expect((await introspected(tokens.access_token)).authorization_details).toEqual([PAYMENT, ACCOUNT]);
    const refresh = await browser.refresh(tokens.refresh_token, { client_id: app.id });
    expect(roundTrips(refresh)).toBe(1);
    expect((await refresh.json()).authorization_details).toEqual([PAYMENT, ACCOUNT]);
  });

  test('alone open no scope', async () => {
    const tokens = await (await agree([ACCOUNT], { scope: '' })).json();
    expect(tokens).toMatchObject({ scope: '', authorization_details: [ACCOUNT] });
  });

  test('can be declined, all together', async () => {
    const page = await openConsent(browser, (await authorize([PAYMENT])).headers.get('location'));
    const declined = await answerConsent(browser, page, [], { decision: 'deny' });
    expect(back(declined)).toMatchObject({ error: 'access_denied', state: 'a-state' });
    expect(await asks([PAYMENT])).toBe(true);
  });

  test('are in a first-party client’s tokens without a question', async () => {
    const db = await stack.database('provider');
    await db.prepare('UPDATE clients SET settings = ? WHERE client_id = ?').bind(JSON.stringify({ authorization_details_types: ['payment'] }), DEMO.id).run();
    const { tokens } = await browser.signIn({ authorization_details: text([PAYMENT]) });
    await db.prepare("UPDATE clients SET settings = '{}' WHERE client_id = ?").bind(DEMO.id).run();
    expect(tokens.authorization_details).toEqual([PAYMENT]);
  });

  test('go through the sign-in page, a pushed request and a signed one', async () => {
    const asked = { client_id: app.id, redirect_uri: app.redirectUri, scope: 'openid', authorization_details: text([PAYMENT]) };
    const fresh = new Browser(stack);
    const { stateToken } = await fresh.openLogin(fresh.authorizeUrl({ challenge: pkce().challenge, ...asked }));
    const signedIn = await fresh.submitLogin(stateToken);
    const callback = await fresh.request('GET', signedIn.headers.get('location'));
    expect(details(await openConsent(fresh, callback.headers.get('location')))).toHaveLength(1);

    const query = (more) => ({ response_type: 'code', code_challenge: pkce().challenge, code_challenge_method: 'S256', ...asked, ...more });
    const pushed = await (await post(`${stack.provider}/oauth/par`, query({}))).json();
    const opened = await fresh.request('GET', `/oauth/authorize?${new URLSearchParams({ client_id: app.id, request_uri: pushed.request_uri })}`);
    expect(details(await openConsent(fresh, opened.headers.get('location')))).toHaveLength(1);

    const key = keyPair('ES256');
    const signs = await stranger(stack, { authorization_details_types: TYPES, jwks: { keys: [key.jwk] } });
    const exp = Math.floor(Date.now() / 1000) + 60;
    const request = signed(key, { ...query({ client_id: signs.id, authorization_details: [PAYMENT, ACCOUNT] }), iss: signs.id, aud: stack.provider, exp });
    const link = `/oauth/authorize?${new URLSearchParams({ client_id: signs.id, request, authorization_details: text([PAYMENT]) })}`;
    const page = await openConsent(fresh, (await fresh.request('GET', link)).headers.get('location'));
    expect(details(page)).toHaveLength(2);
  });
});

describe('a user who has agreed', () => {
  test('is asked about each new detail, and not again about the same or less', async () => {
    await agree([PAYMENT]);
    expect(await asks([PAYMENT])).toBe(false);
    expect(await asks([{ ...PAYMENT, actions: ['status'] }])).toBe(false);
    expect(await asks([{ ...PAYMENT, amount: { currency: 'EUR', value: '99.00' } }])).toBe(true);
    expect(await asks([{ ...PAYMENT, actions: ['initiate', 'cancel'] }])).toBe(true);
    expect(await asks([{ type: 'payment' }])).toBe(true);
    expect(await asks([PAYMENT, ACCOUNT])).toBe(true);
    expect(back(await authorize([ACCOUNT], { prompt: 'none' }))).toMatchObject({ error: 'consent_required' });
    // What counts is what was agreed to the last time: there is no end to payments.
    await agree([ACCOUNT]);
    expect(await asks([ACCOUNT])).toBe(false);
    expect(await asks([PAYMENT])).toBe(true);
    const db = await stack.database('provider');
    const { scopes } = await db.prepare('SELECT scopes FROM consents WHERE client_id = ?').bind(app.id).first();
    expect(scopes).not.toContain('payment');
  });
});

describe('a token request', () => {
  const LESS = { ...PAYMENT, actions: ['status'] };
  const wider = {
    'another action': [{ ...PAYMENT, actions: ['status', 'cancel'] }],
    'another amount': [{ ...PAYMENT, amount: { currency: 'EUR', value: '99.00' } }],
    'a limit left out': [{ type: 'payment', creditor: PAYMENT.creditor, amount: PAYMENT.amount }],
    'another type': [ACCOUNT],
    'one more': [PAYMENT, ACCOUNT],
    'no array': PAYMENT,
    'no JSON': 'x',
    'an empty array': [],
  };
  const refused = { status: 400, error: 'invalid_authorization_details' };

  test('may ask for less of a code, for one token', async () => {
    const tokens = await (await agree([PAYMENT, ACCOUNT], { redeem: { authorization_details: text([LESS]) } })).json();
    expect(tokens.authorization_details).toEqual([LESS]);
    expect(claims(tokens.access_token).authorization_details).toEqual([LESS]);
    const whole = await (await browser.refresh(tokens.refresh_token, { client_id: app.id })).json();
    expect(whole.authorization_details).toEqual([PAYMENT, ACCOUNT]);
  });

  test('may ask for less at a refresh, in one round trip more, and never for more, which costs nothing', async () => {
    const tokens = await (await agree([PAYMENT])).json();
    const refresh = (asked) => browser.refresh(tokens.refresh_token, { client_id: app.id, authorization_details: text(asked) });
    for (const [name, asked] of Object.entries(wider)) {
      expect(await refusal(await refresh(asked)), name).toMatchObject(refused);
    }
    const response = await refresh([LESS]);
    expect(roundTrips(response)).toBe(2);
    const less = await response.json();
    expect(less.authorization_details).toEqual([LESS]);
    expect((await introspected(less.access_token)).authorization_details).toEqual([LESS]);
    const widened = await browser.refresh(less.refresh_token, { client_id: app.id, authorization_details: text([PAYMENT]) });
    expect((await widened.json()).authorization_details).toEqual([PAYMENT]);
  });

  test.each(Object.entries(wider))('for a code never gets %s, and the code stays good', async (_, asked) => {
    const { verifier, challenge } = pkce();
    const page = await openConsent(browser, (await authorize([PAYMENT], { challenge })).headers.get('location'));
    const { code } = back(await answerConsent(browser, page, page.scopes));
    const redeem = (more) => browser.token({ grant_type: 'authorization_code', client_id: app.id, code, code_verifier: verifier, ...more });
    expect(await refusal(await redeem({ authorization_details: text(asked) }))).toMatchObject(refused);
    expect((await redeem({})).status).toBe(200);
  });

  test('of a client that acts for itself may ask for its own types', async () => {
    const db = await stack.database('provider');
    const settle = (settings) => db.prepare("UPDATE clients SET settings = ? WHERE client_id = 'gatepass-service'").bind(JSON.stringify(settings)).run();
    const headers = { authorization: basic('gatepass-service', stack.secrets.GATEPASS_SERVICE_SECRET) };
    const ask = () => browser.token({ grant_type: 'client_credentials', authorization_details: text([ACCOUNT]) }, headers);
    expect(await refusal(await ask())).toMatchObject(refused);
    await settle({ authorization_details_types: [ACCOUNT.type] });
    const tokens = await (await ask()).json();
    await settle({});
    expect(claims(tokens.access_token).authorization_details).toEqual([ACCOUNT]);
  });

  test.each(['urn:ietf:params:oauth:grant-type:device_code', 'urn:ietf:params:oauth:grant-type:token-exchange'])(
    'with %s is refused rather than given none', async (grant_type) => {
      const response = await browser.token({ grant_type, client_id: 'gatepass-cli', authorization_details: text([ACCOUNT]) });
      expect(await refusal(response)).toMatchObject(refused);
    });

  test('for a device’s codes is refused, too', async () => {
    const response = await post(`${stack.provider}/oauth/device_authorization`, { client_id: 'gatepass-cli', authorization_details: text([ACCOUNT]) });
    expect(await refusal(response)).toMatchObject(refused);
  });
});

describe('an authorization request', () => {
  const wrong = {
    'no JSON': 'x',
    'no array': PAYMENT,
    'an empty array': [],
    'no object': ['payment'],
    'no type': [{ actions: ['read'] }],
    'a type that nobody knows': [{ type: 'root' }],
    'a type in another case': [{ type: 'Payment' }],
    'actions that are no list': [{ type: 'payment', actions: 'read' }],
    'an identifier that is no text': [{ type: 'payment', identifier: 1 }],
    'seventeen': Array(17).fill({ type: 'payment' }),
    'more than 4096 bytes': [{ type: 'payment', note: 'x'.repeat(4096) }],
  };
  test.each(Object.entries(wrong))('with %s is refused, pushed too', async (_, asked) => {
    expect(back(await authorize(asked))).toMatchObject({ error: 'invalid_authorization_details', state: 'a-state' });
    const pushed = await post(`${stack.provider}/oauth/par`, {
      client_id: app.id, redirect_uri: app.redirectUri, response_type: 'code', code_challenge: pkce().challenge, code_challenge_method: 'S256',
      authorization_details: text(asked),
    });
    expect(await refusal(pushed)).toMatchObject({ status: 400, error: 'invalid_authorization_details' });
  });

  test('with a type that is not the client’s own is refused', async () => {
    app = await stranger(stack, { authorization_details_types: ['payment'] });
    expect(back(await authorize([ACCOUNT]))).toMatchObject({ error: 'invalid_authorization_details' });
    app = await stranger(stack);
    expect(back(await authorize([PAYMENT]))).toMatchObject({ error: 'invalid_authorization_details' });
  });
});

test('types are announced, and nobody registers for another', async () => {
  const document = await (await fetch(`${stack.provider}/.well-known/oauth-authorization-server`)).json();
  expect(document.authorization_details_types_supported.sort()).toEqual([...TYPES].sort());
  expect(app.authorization_details_types).toEqual(TYPES);
  await expect(stranger(stack, { authorization_details_types: ['root'] })).rejects.toThrow('invalid_client_metadata');
});
