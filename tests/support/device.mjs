// A device without a browser, and what its user does about it in one.

export const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';

const hidden = (html, name) => new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1];

export class Device {
  /** @param {import('./oauth.mjs').Browser} browser to send requests with; no cookie of it is used */
  constructor(browser, { clientId = 'gatepass-cli', headers = {} } = {}) {
    this.browser = browser;
    this.form = clientId ? { client_id: clientId } : {};
    this.headers = headers;
  }

  authorize(parameters = {}) {
    const form = new URLSearchParams({ ...this.form, ...parameters });
    const { provider } = this.browser.stack;
    return fetch(`${provider}/oauth/device_authorization`, { method: 'POST', headers: this.headers, body: form });
  }

  /** Asks for codes and keeps them. */
  async begin(parameters) {
    this.codes = await (await this.authorize(parameters)).json();
    return this.codes;
  }

  poll(parameters = {}) {
    return this.browser.token({ ...this.form, grant_type: DEVICE_CODE, device_code: this.codes.device_code, ...parameters }, this.headers);
  }
}

/** The `/device` page as a user has it in front of them. */
export class DevicePage {
  /** @param {import('./oauth.mjs').Browser} browser */
  constructor(browser) {
    this.browser = browser;
  }

  open(url = '/device', headers = {}) {
    return this.browser.request('GET', url, { headers });
  }

  type(userCode, headers = {}) {
    return this.browser.request('POST', '/device', { form: { user_code: userCode }, headers });
  }

  /** Goes through the sign-in page that `response` leads to, and on to where that leads. */
  async signIn(response, username = 'demo', password = 'demo-password') {
    const login = await this.browser.request('GET', response.headers.get('location'));
    const token = hidden(await login.text(), 'page_token');
    const signedIn = await this.browser.request('POST', '/login', { form: { page_token: token, username, password } });
    return this.browser.request('GET', signedIn.headers.get('location'));
  }

  /** Presses a button on the page that asks. */
  press(decision, html, headers = {}) {
    return this.browser.request('POST', '/device', { form: { confirmation: hidden(html, 'confirmation'), decision }, headers });
  }

  /** All of it, by a user who may have to sign in first. */
  async answer(userCode, decision) {
    let page = await this.type(userCode);
    if (page.status === 303) page = await this.signIn(page);
    return this.press(decision, await page.text());
  }
}
