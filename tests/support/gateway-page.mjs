// An application behind a gateway in a real browser: a page of the gateway's origin with a client of the built package in it. The
// files come from the test, everything else from the gateway.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { fillIn } from './app-page.mjs';

const script = fileURLToPath(new URL('../../sdk/dist/index.js', import.meta.url));
const path = '/app';

const html = `<!doctype html><title>App</title>
<script type="module">
  import { createGatewayClient } from '/gatepass.js';
  const client = createGatewayClient();
  const told = [];
  for (const type of ['signed_in', 'signed_out', 'refreshed', 'refresh_failed']) {
    client.on(type, ({ reason, code }) => told.push([type, reason ?? code].filter(Boolean).join(' ')));
  }
  const outcome = (promise) => promise.then((value) => value?.status ?? 'ok', (error) => error.code ?? String(error));
  Object.assign(window, { client, told, outcome });
  window.loaded = true;
</script>`;

export class GatewayPage {
  /** A tab. @param {import('playwright-core').BrowserContext} context @param {string} gateway its origin */
  static async open(context, gateway) {
    const app = new GatewayPage(await context.newPage(), gateway);
    await app.prepare();
    await app.go();
    return app;
  }

  constructor(page, gateway) {
    this.page = page;
    this.gateway = gateway;
    /** What the page has asked the gateway itself, as `POST /api/session/refresh`. */
    this.asked = [];
    this.errors = [];
    page.on('pageerror', (error) => this.errors.push(error.message));
    page.on('request', (request) => {
      const { origin, pathname } = new URL(request.url());
      if (origin === gateway && /^\/(api\/session|logout)/.test(pathname)) this.asked.push(`${request.method()} ${pathname}`);
    });
  }

  async prepare() {
    const answer = (contentType, body) => (route) => route.fulfill({ contentType, body });
    await this.page.route(`${this.gateway}${path}*`, answer('text/html', html));
    await this.page.route(`${this.gateway}/gatepass.js`, answer('text/javascript', readFileSync(script, 'utf8')));
  }

  async go() {
    await this.page.goto(this.gateway + path);
    await this.isLoaded();
  }

  async isLoaded() {
    await this.page.waitForFunction(() => window.loaded);
  }

  /** Signs in, at Gatepass or where nobody is asked anything, and comes back. */
  async signIn(asksForPassword = true) {
    await this.page.evaluate((returnTo) => { client.login({ returnTo }); }, `${path}?back`);
    if (asksForPassword) await fillIn(this.page);
    await this.page.waitForURL(`${this.gateway}${path}?back`);
    await this.isLoaded();
    await this.page.evaluate(() => client.ready());
  }

  /** @template Result @param {(argument: any) => Result} action @param {any} [argument] */
  run(action, argument) {
    return this.page.evaluate(action, argument);
  }

  /** How a call of the client ends: its status, `ok`, or the code of its error. */
  outcome(call) {
    return this.page.evaluate(`outcome(client.${call})`);
  }

  /** The outcomes of many calls at once. */
  outcomes(call, count) {
    return this.page.evaluate(`Promise.all(Array.from({ length: ${count} }, () => outcome(client.${call})))`);
  }

  get told() {
    return this.page.evaluate(() => told.join(', '));
  }

  get signedIn() {
    return this.page.evaluate(() => client.signedIn);
  }

  /** How often the page asked this. */
  count(request) {
    return this.asked.filter((asked) => asked === request).length;
  }
}
