// The demo page as a user has it in front of them, in a browser profile of its own.
export class DemoPage {
  /** @param {import('playwright-core').Browser} browser @param {import('./stack.mjs').Stack} stack */
  static async open(browser, stack, options = {}) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const demo = new DemoPage(page, stack);
    page.on('pageerror', (error) => demo.errors.push(error.message));
    page.on('console', (message) => { if (/Content Security Policy/.test(message.text())) demo.errors.push(message.text()); });
    page.on('request', (request) => { if (demo.isTokenRequest(request)) demo.tokenRequests.push(request.postData()); });
    await page.goto(stack.gateway);
    return demo;
  }

  constructor(page, stack) {
    this.page = page;
    this.stack = stack;
    /** What went wrong on the page that no test expects. */
    this.errors = [];
    /** The bodies of the token requests that the page has sent. */
    this.tokenRequests = [];
  }

  isTokenRequest(request) {
    return request.method() === 'POST' && request.url() === `${this.stack.provider}/oauth/token`;
  }

  async signIn(username = 'demo', password = 'demo-password') {
    await this.page.click('#sign-in');
    await this.page.fill('#username', username);
    await this.page.fill('#password', password);
    await this.page.click('#login-submit');
    await this.page.waitForSelector('#you-signed-in:not([hidden])');
  }

  /**
   * Signs out and waits until the browser is back from the provider: the page says that the user is
   * signed out before it leaves, so that alone would be too early.
   */
  async signOut() {
    const back = this.page.waitForEvent('load');
    await this.page.click('#sign-out');
    await back;
    await this.page.waitForSelector('#you-signed-out:not([hidden])');
  }

  async click(selector) {
    await this.page.click(selector);
  }

  /** Waits until the page says how the last call ended. */
  async result(pattern) {
    const result = this.page.locator('#result').filter({ hasText: pattern });
    await result.waitFor({ timeout: 15_000 });
    return result.textContent();
  }

  async expireToken() {
    await this.click('#expire-token');
    await this.result(/revoked the access token/);
  }

  notice() {
    return this.page.locator('[data-testid=notice]');
  }

  /** The tokens that the page holds; a thief with access to the machine would see the same. */
  storedTokens() {
    return this.page.evaluate(() => Object.values(sessionStorage).join('\n').match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g) ?? []);
  }

  close() {
    return this.page.context().close();
  }
}
