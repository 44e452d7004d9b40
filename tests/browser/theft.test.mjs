// A stolen refresh token: the thief and that browser are stopped, nobody else, and the page says why. And what only looks
// like one.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium } from '../support/chromium.mjs';
import { DemoPage } from '../support/demo-page.mjs';
import { Browser } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

let stack;
let browser;
beforeAll(async () => {
  // No grace time: what would be a replay after 30 seconds is one at once.
  const strict = { GATEPASS_REFRESH_GRACE: '0' };
  [stack, browser] = await Promise.all([startStack({ provider: strict }), launchChromium()]);
});
afterAll(() => Promise.all([browser?.close(), stack?.stop()]));

test('a replay ends that grant only, and the page says why', async () => {
  const victim = await DemoPage.open(browser, stack);
  const otherBrowser = await DemoPage.open(browser, stack);
  await victim.signIn();
  await otherBrowser.signIn();

  const tokens = await victim.storedTokens();
  const isRefreshToken = (token) => JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).typ === 'rt+jwt';
  const thief = new Browser(stack);
  const loot = await (await thief.refresh(tokens.find(isRefreshToken))).json();
  expect(loot.access_token).toBeTruthy();

  await victim.expireToken();
  await victim.click('#call-protected');
  await victim.notice().waitFor();
  expect(await victim.notice().getAttribute('data-reason')).toBe('replayed');
  expect(await victim.notice().textContent()).toMatch(/used twice|copied|stolen|someone/i);
  expect(await victim.page.isVisible('#you-signed-out')).toBe(true);
  expect((await (await thief.refresh(loot.refresh_token)).json()).gatepass_reason).toBe('replayed');
  expect((await (await thief.introspect(loot.access_token)).json()).active).toBe(false);

  await otherBrowser.expireToken();
  await otherBrowser.click('#call-protected');
  await otherBrowser.result(/protected answered 200/);

  await victim.page.click('[data-testid=notice-sign-in]');
  await victim.page.waitForSelector('#you-signed-in:not([hidden])');
  await Promise.all([victim.close(), otherBrowser.close()]);
});

test('an answer that is lost, with a page that is closed over it, is asked for again however late', async () => {
  const user = await DemoPage.open(browser, stack);
  await user.signIn();
  await user.expireToken();
  const before = user.tokenRequests.length;
  const lost = new Promise((resolve) => {
    const answered = async (route) => resolve((await route.fetch()).status());
    // Nobody hears of it: the page waits, and is gone.
    user.page.route(`${stack.provider}/oauth/token`, answered, { times: 1 });
  });
  await user.click('#call-protected');
  expect(await lost).toBe(200);

  // There is no grace time: whoever comes with the spent token alone is a thief.
  await user.page.goto(stack.gateway);
  await user.click('#call-protected');
  await user.result(/protected answered 200/);
  const [first, second] = user.tokenRequests.slice(before).map((body) => new URLSearchParams(body));
  expect(second.get('refresh_token')).toBe(first.get('refresh_token'));
  expect(second.get('idempotency_key')).toBe(first.get('idempotency_key'));
  expect(first.get('idempotency_key')).toMatch(/^[\w-]{43}$/);
  expect(user.errors).toEqual([]);
  await user.close();
});
