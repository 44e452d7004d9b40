// Tabs with a client of the built package, signed in at the instant provider.

import { launchChromium } from './chromium.mjs';
import { startInstantProvider } from './instant-provider.mjs';
import { servePages } from './pages.mjs';
import { dist } from '../package/bundle.mjs';

export const serveInstantApp = () => servePages(dist);

/** The provider, the pages and a browser for them. @param {import('playwright-core').LaunchOptions} [launch] */
export async function startInstantApp(launch) {
  const [provider, pages, browser] = await Promise.all([startInstantProvider(), serveInstantApp(), launchChromium(launch)]);
  return { provider, pages, browser, stop: () => Promise.all([browser.close(), pages.stop(), provider.stop()]) };
}

/**
 * A tab with `window.client`, which counts its events in `window.events`.
 *
 * @param {import('playwright-core').BrowserContext} context
 * @param {{ origin: string }} pages
 * @param {{ issuer: string, api: string }} provider
 * @param {object} [options] of the client; `dpop: true`, `vault` with the address of its worker, and `indexedDb: true` are made in the page
 */
export async function openInstantTab(context, pages, provider, options = {}) {
  const tab = await context.newPage();
  await tab.goto(`${pages.origin}/index.js`);
  await makeClient(tab, provider, options);
  return tab;
}

/** Gives a page its client. */
export async function makeClient(tab, provider, options) {
  await tab.addScriptTag({ type: 'module', content: "import * as gatepass from '/index.js'; window.gatepass = gatepass;" });
  await tab.waitForFunction(() => window.gatepass);
  await tab.evaluate(({ issuer, api, options }) => {
    const navigate = (url) => { window.next = url; };
    const redirectUri = `${location.origin}/callback`;
    if (options.dpop) options.dpop = window.gatepass.dpop();
    if (options.vault) options.storage = window.gatepass.vault(options.vault);
    if (options.indexedDb) options.storage = window.gatepass.indexedDbStorage();
    const client = window.gatepass.createClient({ issuer, clientId: 'app', redirectUri, scope: 'read', apis: [api], storage: 'local', navigate, ...options });
    Object.assign(window, { client, api, key: `gatepass.session ${issuer} app`, events: [] });
    for (const type of ['signed_in', 'signed_out', 'refreshed', 'refresh_failed']) {
      client.on(type, ({ reason, code }) => window.events.push([type, reason ?? code].filter(Boolean).join(' ')));
    }
    window.call = (path = '/data') => client.fetch(api + path).then(({ status }) => status, ({ code, name }) => code ?? name);
  }, { issuer: provider.issuer, api: provider.api, options });
}

/** Signs a tab in; its first call renews the tokens. */
export async function signIn(tab) {
  await tab.evaluate(() => window.client.login());
  const back = await fetch(await tab.evaluate(() => window.next), { redirect: 'manual' });
  await tab.evaluate((address) => window.client.handleCallback(address), back.headers.get('location'));
}

export const call = (tab, path) => tab.evaluate((path) => window.call(path), path);
export const events = (tab) => tab.evaluate(() => window.events);
export const signedIn = (tab) => tab.evaluate(() => window.client.signedIn);
