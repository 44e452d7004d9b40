// The main job in a real browser: sign in, call, refresh, sign out.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { launchChromium } from '../support/chromium.mjs';
import { DemoPage } from '../support/demo-page.mjs';
import { startStack } from '../support/stack.mjs';

let stack;
let browser;
let demo;
beforeAll(async () => { [stack, browser] = await Promise.all([startStack(), launchChromium()]); });
afterAll(() => Promise.all([browser?.close(), stack?.stop()]));
beforeEach(async () => { demo = await DemoPage.open(browser, stack); });
afterEach(async () => {
  expect(demo.errors).toEqual([]);
  await demo.close();
});

describe('the whole walk', () => {
  test('signs in, calls every resource, meets an expired token without noticing, signs out', async () => {
    const { page } = demo;
    await demo.signIn();
    expect(page.url()).toBe(`${stack.gateway}/`);
    await expect.poll(() => page.textContent('#user-name')).toContain('Demo User');
    expect(await page.textContent('#user-sub')).toContain('demo');

    for (const [button, path] of [['#call-protected', '/api/protected'], ['#call-profile', '/api/user/profile'], ['#call-data', '/api/data']]) {
      await demo.click(button);
      await demo.result(new RegExp(`${path} answered 200`));
    }
    await page.fill('#display-name', 'Åse Nordmann');
    await demo.click('#call-update');
    await demo.result(/update answered 200/);
    await demo.click('#call-profile');
    await expect.poll(() => page.textContent('#last-body')).toContain('Åse Nordmann');

    const before = demo.tokenRequests.length;
    await demo.expireToken();
    await demo.click('#call-protected');
    await demo.result(/protected answered 200/);
    expect(demo.tokenRequests.slice(before)).toHaveLength(1);
    // The page shows what happened: refused, refreshed, let in.
    const rows = page.locator('[data-testid=log-row]');
    const newest = await rows.evaluateAll((all) => all.slice(0, 3).map(({ dataset }) => `${dataset.kind} ${dataset.status}`));
    expect(newest).toEqual(['api 200', 'token 200', 'api 401']);

    await demo.signOut();
    expect(new URL(page.url()).origin).toBe(stack.gateway);
    expect(await demo.storedTokens()).toEqual([]);
    // The provider has forgotten the browser too: signing in asks for the password again.
    await demo.click('#sign-in');
    await page.waitForSelector('#password');
  });

  test('shows invalid input beside its field', async () => {
    await demo.signIn();
    await demo.page.fill('#display-name', '   ');
    await demo.click('#call-update');
    await expect.poll(() => demo.page.textContent('#display-name-error')).toContain('display_name must not be empty');
  });

  test('survives a reload, and the back button to the callback', async () => {
    const { page } = demo;
    await demo.signIn();
    await page.reload();
    await page.waitForSelector('#you-signed-in:not([hidden])');
    await demo.click('#call-protected');
    await demo.result(/answered 200/);
    await page.goto(`${stack.gateway}/callback?code=used&state=used`);
    await page.waitForSelector('#you-signed-in:not([hidden])');
  });

  test('a wrong password is said on the sign-in page, and the right one goes on from there', async () => {
    const { page } = demo;
    await page.click('#sign-in');
    await page.fill('#username', 'demo');
    await page.fill('#password', 'wrong');
    await page.click('#login-submit');
    await expect.poll(() => page.textContent('[data-testid=login-error]')).toContain('do not match');
    await page.fill('#password', 'demo-password');
    await page.press('#password', 'Enter');
    await page.waitForSelector('#you-signed-in:not([hidden])');
  });

  test('can be done with the keyboard alone', async () => {
    const { page } = demo;
    await page.waitForSelector('#you-signed-out:not([hidden])');
    await page.focus('#sign-in');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#username');
    // The field has the focus already.
    await page.keyboard.type('demo');
    await page.keyboard.press('Tab');
    await page.keyboard.type('demo-password');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#you-signed-in:not([hidden])');
    await page.focus('#call-protected');
    await page.keyboard.press('Enter');
    await demo.result(/answered 200/);
  });
});

describe('twenty calls with an expired token', () => {
  test('make one token request, and all succeed', async () => {
    await demo.signIn();
    const before = demo.tokenRequests.length;
    await demo.expireToken();
    await demo.click('#call-burst');
    expect(await demo.result(/of 20 calls/)).toMatch(/^20 of 20 calls succeeded .* with 1 token request/);
    expect(demo.tokenRequests.slice(before)).toHaveLength(1);
  });

  test('make one token request when the refusals arrive 25 ms apart, too', async () => {
    await demo.signIn();
    const before = demo.tokenRequests.length;
    await demo.expireToken();
    const refused = [];
    let nth = 0;
    await demo.page.route(`${stack.api}/**`, async (route) => {
      if (route.request().method() === 'OPTIONS') return route.continue();
      const wait = nth < 20 ? 25 * nth++ : 0;
      const response = await route.fetch();
      if (response.status() === 401) {
        // The distance between the refusals is what is tested.
        await new Promise((resolve) => setTimeout(resolve, wait));
        refused.push(Date.now());
      }
      return route.fulfill({ response });
    });
    await demo.click('#call-burst');
    expect(await demo.result(/of 20 calls/)).toMatch(/^20 of 20 calls succeeded/);
    expect(refused).toHaveLength(20);
    expect(demo.tokenRequests.slice(before)).toHaveLength(1);
  });
});

describe('a token response that gets lost', () => {
  test('is asked for again, and the user stays signed in', async () => {
    const { page } = demo;
    await demo.signIn();
    await demo.expireToken();
    const answers = [];
    await page.route(`${stack.provider}/oauth/token`, async (route) => {
      const response = await route.fetch();
      answers.push(await response.json());
      return answers.length === 1 ? route.abort('connectionreset') : route.fulfill({ response });
    });
    await demo.click('#call-protected');
    await demo.result(/protected answered 200/);
    expect(answers).toHaveLength(2);
    expect(answers[1].refresh_token).toBe(answers[0].refresh_token);
    expect(await page.isVisible('#you-signed-in')).toBe(true);
  });

  test('every time leaves the user signed in all the same', async () => {
    const { page } = demo;
    await demo.signIn();
    await demo.expireToken();
    await page.route(`${stack.provider}/oauth/token`, (route) => route.abort('connectionreset'));
    await demo.click('#call-protected');
    await demo.result(/protected/);
    expect(await page.isVisible('#you-signed-in')).toBe(true);
    await page.unroute(`${stack.provider}/oauth/token`);
    await expect.poll(async () => {
      await demo.click('#call-protected');
      return demo.page.textContent('#result');
    }, { timeout: 20_000 }).toMatch(/protected answered 200/);
  });
});
