// The user of the clients that are tried here: somebody in front of a browser, who signs in and agrees.
// For clients in other languages, it is done by whoever asks `serveUser` for it.

import { createServer } from 'node:http';

import { Device, DevicePage } from '../support/device.mjs';
import { Browser } from '../support/oauth.mjs';
import { answerConsent, readConsent } from '../support/strangers.mjs';

export class User {
  #browser;
  #decision;

  /** @param {import('../support/stack.mjs').Stack} stack @param {'allow' | 'deny'} [decision] what they say when asked */
  constructor(stack, decision = 'allow') {
    this.#browser = new Browser(stack);
    this.#decision = decision;
  }

  /**
   * Follows a client's link through the provider's pages, and does there what a user does who wants to go on.
   *
   * @param {string | URL} url
   * @returns {Promise<string>} where the provider sends the browser in the end: an address of the client
   */
  async follow(url) {
    const { href, html } = await this.#follow(url);
    if (!href) throw new Error(`the provider shows a page instead: ${html}`);
    return href;
  }

  /** The same, where the answer is posted (`response_mode=form_post`). @param {string | URL} url @returns {Promise<Request>} */
  async followToForm(url) {
    const { href, html } = await this.#follow(url);
    const action = /<form method="post" action="([^"]+)"/.exec(html)?.[1];
    if (!action) throw new Error(`the provider posts nothing: ${href ?? html}`);
    const fields = [...html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)].map(([, name, value]) => [name, value]);
    return new Request(action, { method: 'POST', body: new URLSearchParams(fields) });
  }

  /** Types a device's code where it says, signing in if need be, and says yes. @param {string} verificationUri @param {string} userCode */
  async allowDevice(verificationUri, userCode) {
    if (verificationUri !== `${this.#browser.stack.provider}/device`) throw new Error(`no page to type at: ${verificationUri}`);
    const answer = await new DevicePage(this.#browser).answer(userCode, 'allow');
    if (answer.status !== 200) throw new Error(`the device's page answers ${answer.status}`);
  }

  /** Where it ends: at an address elsewhere, or on a page that posts itself there. */
  async #follow(url) {
    const { provider } = this.#browser.stack;
    let next = new URL(url);
    for (let steps = 0; steps < 10; steps += 1) {
      if (next.origin !== provider) return { href: next.href };
      const response = await this.#visit(next);
      const location = response.headers.get('location');
      if (location === null) return { html: await response.text() };
      next = new URL(location, provider);
    }
    throw new Error('the provider sends the browser round in circles');
  }

  /** Does what is to be done at an address, and returns the answer to that. @param {URL} url */
  async #visit(url) {
    const response = await this.#browser.request('GET', url);
    if (url.pathname === '/login' && response.status === 200) {
      const stateToken = /name="state_token" value="([^"]+)"/.exec(await response.text())?.[1];
      return this.#browser.submitLogin(stateToken);
    }
    if (url.pathname === '/consent' && response.status === 200) {
      const page = readConsent(await response.text());
      return answerConsent(this.#browser, page, page.ticked, { decision: this.#decision });
    }
    return response;
  }
}

/**
 * Serves users to clients in other languages: `GET /NAME?follow=URL` answers with where that led, and
 * `GET /NAME?allow=USER_CODE&at=VERIFICATION_URI` with nothing. Each name is somebody with a browser of their own.
 *
 * @param {import('../support/stack.mjs').Stack} stack
 * @returns {Promise<{ origin: string, stop: () => void }>}
 */
export async function serveUsers(stack) {
  const users = new Map();
  const userOf = (name) => {
    if (!users.has(name)) users.set(name, new User(stack));
    return users.get(name);
  };
  const server = createServer(async ({ url }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://localhost');
    const [user, link, code] = [userOf(pathname), searchParams.get('follow'), searchParams.get('allow')];
    try {
      response.end(link ? await user.follow(link) : await user.allowDevice(searchParams.get('at'), code));
    } catch (error) {
      response.writeHead(500).end(`${error.message}\n`);
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { origin: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}
