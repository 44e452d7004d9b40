// The page on which a user allows a device (RFC 8628 §3.3, §5.1, §5.4).
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Device, DevicePage } from '../support/device.mjs';
import { Browser, pkce, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

let stack;
let user;
let page;
let device;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'] });
  await new Browser(stack).signIn();
});
afterAll(() => stack?.stop());
beforeEach(async () => {
  user = new Browser(stack);
  page = new DevicePage(user);
  device = new Device(user);
  await device.begin({ scope: 'openid email read' });
});

const WRONG = 'No device waits with this code.';
const error = async () => (await (await device.poll()).json()).error;

/** What the page says of a wrong code, without the code itself. */
async function told(response, typed) {
  const html = await response.text();
  return { status: response.status, html: html.replaceAll(typed, '') };
}

async function database(sql, ...values) {
  const db = await stack.database('provider');
  return db.prepare(sql).bind(...values).run();
}

describe('the way to a yes', () => {
  test('leads from the code through the sign-in page to the question, and says what came of it', async () => {
    const entry = await page.open();
    expect(await entry.text()).toContain('name="user_code"');
    const toLogin = await page.type(device.codes.user_code);
    expect(toLogin.status).toBe(303);
    expect(toLogin.headers.get('location')).toMatch(/^\/login\?page_token=/);
    const question = await page.signIn(toLogin);
    expect(question.status).toBe(200);
    expect(roundTrips(question)).toBe(1);
    const html = await question.text();
    for (const shown of [device.codes.user_code, 'Gatepass command line', 'demo', 'Only then allow it']) expect(html).toContain(shown);
    expect(await error()).toBe('authorization_pending');
    const settled = await page.press('allow', html);
    expect(settled.status).toBe(200);
    expect(roundTrips(settled)).toBe(2);
    expect(await settled.text()).toContain('Your device is connected');
    expect((await device.poll()).status).toBe(200);
  });

  test('is one step shorter for who scanned the code and is signed in', async () => {
    await user.signIn();
    const question = await page.open(device.codes.verification_uri_complete, { 'sec-fetch-site': 'none' });
    const html = await question.text();
    expect(html).toContain(device.codes.user_code);
    await page.press('allow', html);
    expect((await device.poll()).status).toBe(200);
  });

  test('takes the code however it is typed', async () => {
    await user.signIn();
    const plain = device.codes.user_code.replace('-', '');
    for (const typed of [plain, plain.toLowerCase(), ` ${plain.slice(0, 4)} – ${plain.slice(4)} `, [...plain].join('.')]) {
      expect(await (await page.type(typed)).text()).toContain('Allow this device?');
    }
  });

  test('may be walked twice: a double click is one yes', async () => {
    await user.signIn();
    const html = await (await page.type(device.codes.user_code)).text();
    const [first, second] = await Promise.all([page.press('allow', html), page.press('allow', html)]);
    for (const response of [first, second]) expect(await response.text()).toContain('Your device is connected');
    expect((await device.poll()).status).toBe(200);
    expect(await (await page.press('allow', html)).text()).toContain('Your device is connected');
  });

  test('can be turned back until the device has its tokens', async () => {
    await user.signIn();
    const html = await (await page.type(device.codes.user_code)).text();
    await page.press('allow', html);
    expect(await (await page.press('deny', html)).text()).toContain('Nothing was allowed');
    expect(await error()).toBe('access_denied');
    expect(await (await page.press('allow', html)).text()).toContain('Nothing was allowed');
    expect(await error()).toBe('access_denied');
  });
});

describe('nobody learns which codes there are', () => {
  test('without a sign-in: right and wrong codes lead to the sign-in page alike', async () => {
    for (const code of [device.codes.user_code, 'BBBB-BBBB']) {
      const response = await new DevicePage(new Browser(stack)).type(code);
      expect(response.status).toBe(303);
      expect(response.headers.get('location')).toMatch(/^\/login\?page_token=/);
      expect(roundTrips(response)).toBe(0);
    }
  });

  test('from what the page says of unknown, impossible, answered and expired ones', async () => {
    await user.signIn();
    const answered = new Device(user);
    await answered.begin();
    await page.answer(answered.codes.user_code, 'deny');
    await device.poll();
    await database('UPDATE device_codes SET expires_at = 0 WHERE polled_at IS NOT NULL');
    const answers = await Promise.all(['BBBB-BBBB', answered.codes.user_code, device.codes.user_code, 'not a code'].map(
      async (code) => told(await page.type(code), code),
    ));
    expect(answers[0].status).toBe(400);
    expect(answers[0].html).toContain(WRONG);
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });

  test('by trying: ten wrong codes, and the right one does not count either until the next sign-in', async () => {
    await user.signIn();
    const guesses = await Promise.all(Array.from({ length: 9 }, () => page.type('BBBB-BBBB')));
    expect(guesses.map(({ status }) => status)).toEqual(Array(9).fill(400));
    expect((await page.type(device.codes.user_code)).status).toBe(200);
    expect((await page.type('BBBB-BBBB')).status).toBe(429);
    const refused = await page.type(device.codes.user_code);
    expect(refused.status).toBe(429);
    expect(await refused.text()).toContain('Too many wrong codes');
    const again = await user.request('POST', '/device', { form: { again: 'yes' } });
    await page.signIn(again);
    expect((await page.type(device.codes.user_code)).status).toBe(200);
  });
});

describe('nobody answers for the user', () => {
  test('a link from elsewhere fills in the code and no more', async () => {
    await user.signIn();
    const linked = await page.open(device.codes.verification_uri_complete, { 'sec-fetch-site': 'cross-site' });
    expect(linked.status).toBe(200);
    expect(roundTrips(linked)).toBe(0);
    const html = await linked.text();
    expect(html).toContain(`value="${device.codes.user_code}"`);
    expect(html).not.toContain('Allow this device?');
  });

  test('a form on another page does not answer', async () => {
    await user.signIn();
    const html = await (await page.type(device.codes.user_code)).text();
    for (const site of ['cross-site', 'same-site']) {
      expect(await (await page.press('allow', html, { 'sec-fetch-site': site })).text()).not.toContain('connected');
    }
    expect(await error()).toBe('authorization_pending');
  });

  test('an answer without the question, with another sign-in\'s, or with neither button does not count', async () => {
    await user.signIn();
    const html = await (await page.type(device.codes.user_code)).text();
    const other = new Browser(stack);
    await other.signIn();
    const answers = [
      await page.press('maybe', html),
      await new DevicePage(other).press('allow', html),
      await new DevicePage(new Browser(stack)).press('allow', html),
      await page.press('allow', 'name="confirmation" value="made-up"'),
      await user.request('POST', '/device', { form: { decision: 'allow', user_code: device.codes.user_code } }),
    ];
    for (const answer of answers) expect(await answer.text()).not.toContain('Your device is connected');
    expect(await error()).toBe('authorization_pending');
  });

  test('an answer that comes too late does not count, and sounds like a wrong code', async () => {
    await user.signIn();
    const html = await (await page.type(device.codes.user_code)).text();
    await device.poll();
    await database('UPDATE device_codes SET expires_at = 0 WHERE polled_at IS NOT NULL');
    const late = await page.press('allow', html);
    expect(late.status).toBe(400);
    expect(await late.text()).toContain(WRONG);
    expect(await error()).toBe('expired_token');
  });

  test('an answer after signing out does not count', async () => {
    const { tokens } = await user.signIn();
    const html = await (await page.type(device.codes.user_code)).text();
    await user.request('GET', `/oauth/logout?${new URLSearchParams({ id_token_hint: tokens.id_token })}`);
    expect((await page.press('allow', html)).status).toBe(400);
    expect(await error()).toBe('authorization_pending');
  });
});

describe('the sign-in on the way', () => {
  test('works only in the browser that it was made for', async () => {
    const toLogin = await page.type(device.codes.user_code);
    const stranger = await new Browser(stack).request('GET', toLogin.headers.get('location'));
    expect(stranger.status).toBe(400);
    expect(await stranger.text()).toContain('begun in another browser');
  });

  test('begun in two tabs of a fresh browser ends well in both', async () => {
    const [first, second] = await Promise.all([page.type(device.codes.user_code), page.type(device.codes.user_code)]);
    await page.signIn(second);
    const location = first.headers.get('location');
    const login = await user.request('GET', location);
    // Its binding was replaced by the other tab's: the page begins again, and is signed in by now.
    const html = login.status === 303
      ? await (await user.request('GET', login.headers.get('location'))).text()
      : await (await page.signIn(first)).text();
    expect(html).toContain('Allow this device?');
  });

  test('says the same of a wrong password as everywhere, and keeps what was typed', async () => {
    const toLogin = await page.type(device.codes.user_code);
    const html = await (await user.request('GET', toLogin.headers.get('location'))).text();
    const token = /name="page_token" value="([^"]+)"/.exec(html)[1];
    const wrong = await user.request('POST', '/login', { form: { page_token: token, username: 'demo', password: 'x' } });
    expect(wrong.status).toBe(400);
    const told = await wrong.text();
    expect(told).toContain('User name and password do not match.');
    expect(told).toContain('value="demo"');
  });

  test('does not open with a state token, and a state token\'s does not open with a page token', async () => {
    const toLogin = await page.type(device.codes.user_code);
    const pageToken = new URL(toLogin.headers.get('location'), stack.provider).searchParams.get('page_token');
    const { stateToken } = await user.openLogin(user.authorizeUrl({ challenge: pkce().challenge }));
    for (const query of [{ page_token: stateToken }, { state_token: pageToken }, { page_token: 'x' }]) {
      expect((await user.request('GET', `/login?${new URLSearchParams(query)}`)).status).toBe(400);
    }
  });
});

describe('the page itself', () => {
  test('runs no script, is framed nowhere, and escapes what was typed', async () => {
    const response = await page.type('"><script>alert(1)</script>');
    expect(response.status).toBe(400);
    expect(await response.text()).not.toContain('<script>');
    const policy = response.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("form-action 'self' ");
  });
});
