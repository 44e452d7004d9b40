// An application of its own in a real browser: a page that imports the built package and hands it to the
// test, at the address where the demo site would be.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../../sdk/dist/', import.meta.url));

const page = (options, prelude) => `<!doctype html><title>App</title>
<button id="popup">Sign in</button>
<script type="module">
  import * as gatepass from '/gatepass/index.js';
  const tell = (promise) => promise.then((value) => value?.returnTo ?? 'ok', (error) => error.code ?? String(error));
  ${prelude}
  const client = gatepass.createClient({ redirectUri: location.origin + '/callback', ...${options} });
  const events = [];
  for (const type of ['signed_in', 'signed_out', 'refreshed', 'refresh_failed']) {
    client.on(type, ({ reason, code }) => events.push([type, reason ?? code].filter(Boolean).join(' ')));
  }
  Object.assign(window, { gatepass, client, tell, events });
  if (location.pathname === '/callback') window.callback = tell(client.handleCallback());
  document.getElementById('popup').onclick = () => { window.done = tell(client.login({ returnTo: '/there', via: gatepass.popup() })); };
  window.ready = true;
</script>`;

/**
 * Serves the application.
 *
 * @param {string} origin where
 * @param {object | string} options what its client is made with, or JavaScript that makes that
 * @param {{ prelude?: string, headers?: Record<string, string> }} [more] JavaScript that comes before it; headers of the page
 */
export async function serveApp(origin, options, { prelude = '', headers = {} } = {}) {
  const html = page(typeof options === 'string' ? options : JSON.stringify(options), prelude);
  const server = createServer(({ url }, response) => {
    const { pathname } = new URL(url, origin);
    const file = pathname.startsWith('/gatepass/') && pathname.slice('/gatepass/'.length);
    response.writeHead(200, { 'content-type': file ? 'text/javascript' : 'text/html', ...headers });
    response.end(file ? readFileSync(dist + file) : html);
  });
  await new Promise((resolve, reject) => { server.once('error', reject).listen(Number(new URL(origin).port), 'localhost', resolve); });
  return { stop: () => new Promise((resolve) => { server.close(resolve).closeAllConnections(); }) };
}

export class AppPage {
  /** In a browser of its own, or as a tab of a context. @param {import('playwright-core').Browser | import('playwright-core').BrowserContext} where */
  static async open(where, origin) {
    const context = where.newContext ? await where.newContext() : where;
    const app = new AppPage(await context.newPage(), origin);
    await app.go('/');
    return app;
  }

  constructor(page, origin) {
    this.page = page;
    this.origin = origin;
    this.errors = [];
    /** The bodies of the token requests that the page has sent. */
    this.tokenRequests = [];
    page.on('pageerror', (error) => this.errors.push(error.message));
    page.on('request', (request) => {
      if (request.method() === 'POST' && /\/token$/.test(request.url())) this.tokenRequests.push(request.postData());
    });
  }

  get context() {
    return this.page.context();
  }

  /** Another tab of the same browser. */
  tab() {
    return AppPage.open(this.context, this.origin);
  }

  async go(path) {
    await this.page.goto(this.origin + path);
    await this.isReady();
  }

  async reload() {
    await this.page.reload();
    await this.isReady();
  }

  isReady() {
    return this.page.waitForFunction(() => window.ready);
  }

  /** Runs a function in the page. */
  run(action, argument) {
    return this.page.evaluate(action, argument);
  }

  /** How a call to the client ends: `ok`, where it leads, or the code of its error. @param {string} call */
  outcome(call) {
    return this.page.evaluate(`tell(${call})`);
  }

  get signedIn() {
    return this.run(() => client.signedIn);
  }

  get events() {
    return this.run(() => events.join(', '));
  }

  /** Signs in by leaving the page, at a provider of ours. */
  async signIn(wishes = {}) {
    await this.run((wishes) => { client.login(wishes); }, wishes);
    await fillIn(this.page);
    return this.called();
  }

  /** What became of the answer, once the browser is back. */
  async called() {
    await this.page.waitForURL(`${this.origin}/callback**`);
    await this.isReady();
    return this.run(() => callback);
  }

  /** Calls an address: the status. */
  call(url, init) {
    return this.run(([url, init]) => client.fetch(url, init).then(({ status }) => status, ({ code, name }) => code ?? name), [url, init]);
  }

  close() {
    return this.context.close();
  }
}

/** Fills in the sign-in page of Gatepass. */
export async function fillIn(page) {
  await page.fill('#username', 'demo');
  await page.fill('#password', 'demo-password');
  await page.click('#login-submit');
}
