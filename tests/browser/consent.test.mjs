// The consent page as people meet it: with the keyboard alone, with a screen reader's names, on a phone.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchChromium } from '../support/chromium.mjs';
import { Browser, claims, pkce } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';
import { stranger } from '../support/strangers.mjs';

const SCOPE = 'openid profile email offline_access read write';

let stack;
let chromium;
let helper;
beforeAll(async () => {
  [stack, chromium] = await Promise.all([startStack({ only: ['provider'] }), launchChromium()]);
  helper = new Browser(stack);
  await helper.signIn();
});
afterAll(() => Promise.all([chromium?.close(), stack?.stop()]));

/** A page of its own profile that stands before the consent page of a new client; `back` is where that gets its answer. */
async function atConsent(options = {}) {
  const app = await stranger(stack, { client_name: 'A notebook with quite a long name for teams that write' });
  const context = await chromium.newContext(options);
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => { if (/Content Security Policy/.test(message.text())) errors.push(message.text()); });
  const { verifier, challenge } = pkce();
  const url = helper.authorizeUrl({ client_id: app.id, redirect_uri: app.redirectUri, scope: SCOPE, challenge });
  await page.goto(stack.provider + url);
  await page.fill('#username', 'demo');
  await page.fill('#password', 'demo-password');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#consent-form');
  // Nobody is at this address: where the browser goes is enough.
  const left = page.waitForRequest((request) => request.url().startsWith(app.redirectUri)).catch(() => undefined);
  const back = async () => new URL((await left).url()).searchParams;
  return { page, context, errors, app, verifier, back };
}

describe('the consent page', () => {
  test('can be answered with the keyboard alone, allowing less', async () => {
    const { page, context, errors, app, verifier, back } = await atConsent();
    const focused = () => page.evaluate(() => document.activeElement.name || document.activeElement.id);
    const reach = async (name) => {
      for (let steps = 0; steps < 20 && await focused() !== name; steps++) await page.keyboard.press('Tab');
      expect(await focused()).toBe(name);
    };
    await reach('scope:write');
    await page.keyboard.press('Space');
    await reach('decision');
    await page.keyboard.press('Enter');
    const response = await helper.redeem((await back()).get('code'), verifier, { redirectUri: app.redirectUri, clientId: app.id });
    expect(claims((await response.json()).access_token).scope).toBe('email offline_access openid profile read');
    expect(errors).toEqual([]);
    await context.close();
  });

  test('names everything for whoever cannot see it', async () => {
    const { page, context, back } = await atConsent();
    expect(await page.title()).toContain('Allow access');
    const group = page.getByRole('group', { name: 'It would be able to' });
    const boxes = await group.getByRole('checkbox').all();
    expect(boxes).toHaveLength(SCOPE.split(' ').length);
    for (const words of ['See your e-mail address', 'Change your data', 'Stay signed in while you are away']) {
      expect(await group.getByRole('checkbox', { name: words }).isChecked()).toBe(true);
    }
    expect(await group.getByRole('checkbox', { name: /Recognize you .* always needed/ }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Deny' }).click();
    expect((await back()).get('error')).toBe('access_denied');
    await context.close();
  });

  test.each(['light', 'dark'])('fits a phone, %s', async (colorScheme) => {
    const { page, context } = await atConsent({ viewport: { width: 390, height: 844 }, colorScheme });
    const { width, scrollWidth } = await page.evaluate(() => ({ width: innerWidth, scrollWidth: document.documentElement.scrollWidth }));
    expect(scrollWidth).toBe(width);
    for (const box of await page.locator('.choice').all()) expect((await box.boundingBox()).height).toBeGreaterThanOrEqual(44);
    const colour = (selector, property) => page.locator(selector).evaluate((element, name) => getComputedStyle(element)[name], property);
    const [ground, ink] = [await colour('main', 'backgroundColor'), await colour('main', 'color')];
    expect(contrast(ground, ink)).toBeGreaterThan(7);
    expect(contrast(await colour('#consent-allow', 'backgroundColor'), await colour('#consent-allow', 'color'))).toBeGreaterThan(4.5);
    await context.close();
  });
});

/** The contrast of two `rgb(…)` colours (WCAG 2.2 §1.4.3). */
function contrast(...colours) {
  const [dark, light] = colours.map((colour) => {
    const [red, green, blue] = colour.match(/\d+/g).slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }).sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}
