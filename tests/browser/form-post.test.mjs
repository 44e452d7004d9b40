// The page of `response_mode=form_post` in a real browser: under its policy, with scripts and without.
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium } from '../support/chromium.mjs';
import { Browser, pkce } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';
import { stranger } from '../support/strangers.mjs';

let stack;
let chromium;
let receiver;
let received;
beforeAll(async () => {
  [stack, chromium] = await Promise.all([startStack({ only: ['provider'] }), launchChromium()]);
  receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => { body += chunk; });
    request.on('end', () => {
      if (request.method === 'POST') received.push(Object.fromEntries(new URLSearchParams(body)));
      response.setHeader('content-type', 'text/html');
      response.end('<h1 id="arrived">Welcome</h1>');
    });
  });
  await new Promise((resolve) => { receiver.listen(0, '127.0.0.1', resolve); });
});
afterAll(() => Promise.all([chromium?.close(), stack?.stop(), new Promise((resolve) => { receiver?.close(resolve); })]));

test.each([true, false])('carries the code to the client (scripts: %s)', async (javaScriptEnabled) => {
  received = [];
  const app = await stranger(stack, { redirect_uris: [`http://127.0.0.1:${receiver.address().port}/cb`] });
  const helper = new Browser(stack);
  const context = await chromium.newContext({ javaScriptEnabled });
  const page = await context.newPage();
  const refused = [];
  page.on('console', (message) => { if (/Content Security Policy/.test(message.text())) refused.push(message.text()); });
  const { verifier, challenge } = pkce();
  await page.goto(stack.provider + helper.authorizeUrl({
    client_id: app.id, redirect_uri: app.redirectUri, scope: 'openid', challenge, response_mode: 'form_post',
  }));
  await page.fill('#username', 'demo');
  await page.fill('#password', 'demo-password');
  await page.click('#login-submit');
  await page.click('#consent-allow');
  if (!javaScriptEnabled) await page.click('#form-post-continue');
  await page.waitForSelector('#arrived');
  expect(received).toEqual([{ code: expect.any(String), state: 'a-state', iss: stack.provider }]);
  const response = await helper.redeem(received[0].code, verifier, { clientId: app.id, redirectUri: app.redirectUri });
  expect(response.status).toBe(200);
  expect(refused).toEqual([]);
  await context.close();
});
