// The ways to sign in, with the built package in a real browser, at the real provider.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AppPage, fillIn, serveApp } from '../support/app-page.mjs';
import { launchChromium } from '../support/chromium.mjs';
import { startStack } from '../support/stack.mjs';

let stack;
let browser;
let site;
let app;
beforeAll(async () => {
  [stack, browser] = await Promise.all([startStack({ only: ['provider', 'api'] }), launchChromium()]);
  const { provider: issuer, api } = stack;
  site = await serveApp(stack.gateway, { issuer, clientId: 'gatepass-demo', apis: [api], scope: 'openid profile offline_access read' });
});
afterAll(() => Promise.all([browser?.close(), stack?.stop(), site?.stop()]));
beforeEach(async () => { app = await AppPage.open(browser, stack.gateway); });
afterEach(async () => {
  expect(app.errors).toEqual([]);
  await app.close();
});

const works = async (page = app) => expect(await page.call(`${stack.api}/api/data`)).toBe(200);

describe('leaving the page', () => {
  test('the request is pushed, the ID token is verified, and the answer is used once', async () => {
    const requests = [];
    app.page.on('request', (request) => requests.push(new URL(request.url())));
    expect(await app.signIn({ returnTo: '/orders', maxAge: 60 })).toBe('/orders');
    await works();
    const paths = requests.filter(({ origin }) => origin === stack.provider).map(({ pathname }) => pathname);
    expect(paths).toEqual(expect.arrayContaining(['/oauth/par', '/.well-known/jwks.json', '/oauth/token']));
    const asked = requests.find(({ pathname }) => pathname === '/oauth/authorize');
    expect([...asked.searchParams.keys()]).toEqual(['client_id', 'request_uri']);

    const answer = requests.find(({ pathname }) => pathname === '/callback').href;
    expect(app.page.url()).toBe(`${stack.gateway}/callback`);
    await app.page.goto(answer);
    expect(await app.called()).toBe('callback_used');
    const other = await app.tab();
    await other.page.goto(answer);
    expect(await other.called()).toBe('callback_foreign');
  });

  test('a request that cannot be pushed goes in the address', async () => {
    await app.page.route(`${stack.provider}/oauth/par`, (route) => route.abort('connectionfailed'));
    expect(await app.signIn()).toBe('/');
    await works();
  });

  test('two tabs sign in at the same time', async () => {
    const other = await app.tab();
    for (const [index, tab] of [app, other].entries()) {
      await tab.run((returnTo) => { client.login({ returnTo }); }, `/tab-${index}`);
      await tab.page.waitForSelector('#username');
    }
    await fillIn(app.page);
    expect(await app.called()).toBe('/tab-0');
    await fillIn(other.page);
    expect(await other.called()).toBe('/tab-1');
    await Promise.all([works(app), works(other)]);
  });

  test('what is not wished for at the provider is said', async () => {
    await app.run(() => { client.login({ prompt: 'none' }); });
    expect(await app.called()).toBe('login_required');
  });
});

describe('a popup', () => {
  const openPopup = async () => {
    const popup = app.page.waitForEvent('popup');
    await app.page.click('#popup');
    return popup;
  };

  test('signs in while the page stays, though the provider cuts the link between the windows', async () => {
    // The tools say of every page that it has the focus; a user has one popup in front.
    await app.run(() => { document.hasFocus = () => false; });
    const popup = await openPopup();
    const closed = popup.waitForEvent('close');
    await fillIn(popup);
    expect(await app.run(() => done)).toBe('/there');
    await closed;
    expect(app.page.url()).toBe(`${stack.gateway}/`);
    expect(await app.events).toBe('signed_in');
    await works();
  });

  test('that the user closes says so', async () => {
    await app.context.route(`${stack.provider}/oauth/authorize**`, (route) => route.fulfill({ contentType: 'text/html', body: '<p>sign in' }));
    const popup = await openPopup();
    await popup.waitForSelector('p');
    await popup.close();
    expect(await app.run(() => done)).toBe('popup_closed');
    expect(await app.signedIn).toBe(false);
  });

  test('that is blocked says so', async () => {
    await app.run(() => { window.open = () => null; });
    await app.page.click('#popup');
    expect(await app.run(() => done)).toBe('popup_blocked');
  });

  test('is given up when the application says so', async () => {
    await app.run(() => { document.hasFocus = () => false; });
    const popup = app.page.waitForEvent('popup');
    await app.run(() => {
      window.abort = new AbortController();
      window.done = tell(client.login({ via: gatepass.popup({ signal: abort.signal }) }));
    });
    await (await popup).waitForSelector('#username');
    await app.run(() => abort.abort(new Error('changed my mind')));
    expect(await app.run(() => done)).toBe('Error: changed my mind');
  });
});

describe('a hidden frame', () => {
  test('signs in who is signed in at the provider, after a reload too, and nobody else', async () => {
    expect(await app.outcome('client.login({ via: gatepass.silent() })')).toBe('login_required');
    expect(await app.signedIn).toBe(false);
    await app.signIn();
    await app.go('/orders');
    expect(await app.signedIn).toBe(false);
    expect(await app.outcome("client.login({ via: gatepass.silent(), returnTo: '/orders' })")).toBe('/orders');
    await works();
    expect(app.page.url()).toBe(`${stack.gateway}/orders`);
    expect(await app.run(() => document.querySelectorAll('iframe').length)).toBe(0);
  });

  test('that is never answered is given up', async () => {
    await app.context.route(`${stack.provider}/oauth/authorize**`, (route) => route.fulfill({ contentType: 'text/html', body: '<p>a page' }));
    expect(await app.outcome('client.login({ via: gatepass.silent({ timeout: 300 }) })')).toBe('timeout');
    expect(await app.run(() => document.querySelectorAll('iframe').length)).toBe(0);
  });
});

describe('a password', () => {
  const login = (password, more = '') => app.outcome(`client.login({ via: gatepass.password('demo', '${password}')${more} })`);
  const settle = async (settings) => (await stack.database('provider'))
    .prepare("UPDATE clients SET settings = ? WHERE client_id = 'gatepass-demo'").bind(JSON.stringify(settings)).run();

  test('signs in on the page of a first-party application', async () => {
    await fetch(`${stack.provider}/.well-known/jwks.json`);
    await settle({ direct_sign_in: true });
    expect(await login('demo-password', ", returnTo: '/orders'")).toBe('/orders');
    await works();
    expect(await app.outcome('client.refresh()')).toBe('ok');
    await works();
    expect(await app.events).toBe('signed_in, refreshed');
    expect(await login('demo-password', ", returnTo: '//evil.example'")).toBe('invalid_return_to');
  });

  test('that is wrong, or that the application may not ask for, signs nobody in', async () => {
    await settle({ direct_sign_in: true });
    expect(await login('wrong')).toBe('access_denied');
    await settle({});
    expect(await login('demo-password')).toBe('request_refused');
    expect(await app.signedIn).toBe(false);
    expect(await app.events).toBe('');
  });
});
