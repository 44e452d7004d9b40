// Guessing: of passwords, of user codes, of credentials; and asking for too much. Nobody who guesses gets
// far, and nobody honest is locked out or signed out by it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device, DevicePage } from '../support/device.mjs';
import { advance } from '../support/movable.mjs';
import { Browser, atOnce, basic, pkce, post, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

const DAY = 86_400;

let stack;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'], move: true });
});
afterAll(() => stack?.stop());

let addresses = 0;
/** An address that nobody else has. */
const newAddress = () => `10.0.${(addresses += 1) >> 8}.${addresses & 255}`;

let names = 0;
/** A user whose password is demo's. */
async function newUser() {
  const username = `user-${(names += 1)}`;
  await fetch(`${stack.provider}/oauth/authorize`);
  const db = await stack.database('provider');
  await db.prepare("INSERT INTO users (user_id, username, password_hash, created_at) SELECT ?1, ?1, password_hash, 0 FROM users WHERE username = 'demo'")
    .bind(username).run();
  return username;
}

/** Types a password on the sign-in page. */
async function type(username, password, { browser = new Browser(stack), address = newAddress() } = {}) {
  const { stateToken } = await browser.openLogin(browser.authorizeUrl({ challenge: pkce().challenge, prompt: 'login' }));
  const form = { state_token: stateToken, username, password };
  return browser.request('POST', '/login', { form, headers: { 'cf-connecting-ip': address } });
}

const wrong = (username, where) => type(username, 'guess', where);
const right = (username, where) => type(username, 'demo-password', where);

/** Types wrong passwords, `times` of them, each as soon as it is looked at; how long that took each time. */
async function hammer(username, times, where) {
  const waits = [];
  for (let time = 0; time < times; time += 1) {
    let response = await wrong(username, where());
    const wait = Number(response.headers.get('retry-after') ?? 0);
    if (response.status === 429) {
      await advance(stack, wait);
      response = await wrong(username, where());
    }
    expect(response.status).toBe(400);
    waits.push(wait);
  }
  return waits;
}

/** What the page says, without what was typed and what is different each time. */
async function told(response, username) {
  const html = (await response.text()).replaceAll(username, '').replaceAll(/name="state_token" value="[^"]*"/g, '');
  return { status: response.status, wait: response.headers.get('retry-after'), html };
}

describe('wrong passwords', () => {
  test('from one place go without a wait five times, then the wait doubles up to a quarter of an hour', async () => {
    const username = await newUser();
    const here = { address: newAddress() };
    expect(await hammer(username, 13, () => here)).toEqual([0, 0, 0, 0, 0, 15, 30, 60, 120, 240, 480, 900, 900]);
  });

  test('make the page say how long to wait; nothing is looked at meanwhile, and nothing makes the wait longer', async () => {
    const username = await newUser();
    const here = { address: newAddress() };
    await hammer(username, 6, () => here);
    await advance(stack);
    const locked = await right(username, here);
    expect(locked.status).toBe(429);
    expect(locked.headers.get('retry-after')).toBe('30');
    expect(locked.headers.get('cache-control')).toBe('no-store');
    expect(locked.headers.getSetCookie()).toEqual([]);
    const html = await locked.text();
    expect(html).toContain('Wait 30 seconds, then try again.');
    expect(html).toContain(`value="${username}"`);
    await atOnce(10, async () => new Response(JSON.stringify((await wrong(username, here)).status)));
    const { questions } = await advance(stack, 30);
    expect(questions.map(({ answer }) => answer)).toEqual(Array(11).fill(30));
    expect((await right(username, here)).status).toBe(303);
  });

  test('of many at once are each counted before the next is looked at', async () => {
    const username = await newUser();
    const here = { address: newAddress() };
    await advance(stack);
    const responses = await Promise.all(Array.from({ length: 20 }, () => wrong(username, here)));
    expect(responses.filter(({ status }) => status === 400)).toHaveLength(5);
    expect(responses.filter(({ status }) => status === 429)).toHaveLength(15);
  });

  test('no longer count after a day, nor after a right one', async () => {
    const username = await newUser();
    const here = { address: newAddress() };
    await hammer(username, 7, () => here);
    await advance(stack, DAY);
    expect(await hammer(username, 4, () => here)).toEqual([0, 0, 0, 0]);
    expect((await right(username, here)).status).toBe(303);
    expect(await hammer(username, 6, () => here)).toEqual([0, 0, 0, 0, 0, 15]);
  });

  test('from ever new addresses are counted together, and the wait is shorter', async () => {
    const username = await newUser();
    const waits = await hammer(username, 27, () => ({ address: newAddress() }));
    expect(waits).toEqual([...Array(20).fill(0), 15, 30, 60, 120, 180, 180, 180]);
    expect((await right(username)).status).toBe(429);
  }, 60_000);

  test('from addresses of one household are counted as one', async () => {
    const username = await newUser();
    let host = 0;
    await hammer(username, 5, () => ({ address: `2001:db8:1:2::${(host += 1)}` }));
    expect((await wrong(username, { address: '2001:db8:1:2:ffff::1' })).status).toBe(429);
    expect((await wrong(username, { address: '2001:db8:1:3::1' })).status).toBe(400);
  });

  test('of one user are not another\'s', async () => {
    const [username, other] = [await newUser(), await newUser()];
    const here = { address: newAddress() };
    await hammer(username, 6, () => here);
    expect((await right(username, here)).status).toBe(429);
    expect((await right(other, here)).status).toBe(303);
  });
});

describe('the user, while an attacker hammers from elsewhere', () => {
  let username;
  const browser = () => new Browser(stack);
  const home = { browser: undefined, address: undefined };
  beforeAll(async () => {
    username = await newUser();
    Object.assign(home, { browser: browser(), address: newAddress() });
    expect((await right(username, home)).status).toBe(303);
    await hammer(username, 24, () => ({ address: newAddress() }));
    expect((await right(username)).status).toBe(429);
  }, 60_000);

  test('signs in in a browser that they have signed in with, anywhere, also after signing out', async () => {
    expect((await right(username, { browser: home.browser })).status).toBe(303);
    await home.browser.request('POST', '/oauth/logout', { form: { confirm: 'yes' } });
    expect((await right(username, { browser: home.browser })).status).toBe(303);
  });

  test('signs in with a new browser where they have signed in before', async () => {
    expect((await right(username, { address: home.address })).status).toBe(303);
  });

  test('may mistype there: that browser has tries of its own', async () => {
    const here = { browser: home.browser, address: newAddress() };
    expect(await hammer(username, 6, () => here)).toEqual([0, 0, 0, 0, 0, 15]);
    await advance(stack, 30);
    expect((await right(username, here)).status).toBe(303);
  });

  test('waits three minutes at most where nobody knows them', async () => {
    const response = await right(username);
    expect(response.status).toBe(429);
    expect(Number(response.headers.get('retry-after'))).toBeLessThanOrEqual(180);
    await advance(stack, 180);
    expect((await right(username)).status).toBe(303);
  });

  test('is not imitated by a made-up cookie, nor by that of somebody else', async () => {
    await hammer(username, 5, () => ({ address: newAddress() }));
    for (const cookie of ['gatepass_browser=AAAAAAAAAAAAAAAAAAAAAA', 'gatepass_browser=x']) {
      const pretender = browser();
      const { stateToken } = await pretender.openLogin(pretender.authorizeUrl({ challenge: pkce().challenge }));
      const binding = `gatepass_binding=${pretender.cookie('gatepass_binding')}`;
      const form = { state_token: stateToken, username, password: 'demo-password' };
      const headers = { cookie: `${binding}; ${cookie}`, 'cf-connecting-ip': newAddress() };
      expect((await fetch(`${stack.provider}/login`, { method: 'POST', redirect: 'manual', headers, body: new URLSearchParams(form) })).status).toBe(429);
    }
    const somebody = browser();
    expect((await right(await newUser(), { browser: somebody })).status).toBe(303);
    expect((await right(username, { browser: somebody })).status).toBe(429);
  });
});

describe('whether there is such a user is not to be found out', () => {
  test('from what is answered, what is done, or how often: an unknown one is counted and locked alike', async () => {
    const known = await newUser();
    const seen = {};
    for (const username of [known, 'nobody-of-this-name']) {
      const here = { address: newAddress() };
      await advance(stack);
      const answers = [];
      for (let time = 0; time < 7; time += 1) {
        const response = await wrong(username, here);
        answers.push({ ...(await told(response, username)), d1: roundTrips(response), cookies: response.headers.getSetCookie() });
      }
      const { questions } = await advance(stack);
      // Who does not exist has no hash, which costs what every other does.
      const work = questions.map(({ hash, cost, answer }) => ({ parameters: (hash || cost).split('$').slice(0, 4), answer }));
      seen[username] = { answers, work };
    }
    expect(seen['nobody-of-this-name']).toEqual(seen[known]);
    expect(seen[known].answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 429, 429]);
    expect(seen[known].work.map(({ answer }) => answer)).toEqual([-1, -1, -1, -1, -1, 15, 15]);
  });

  test('what is remembered holds no name and no address, and is forgotten', async () => {
    const address = '198.51.100.77';
    await hammer('a-name-typed-by-somebody', 3, () => ({ address }));
    const { places } = await advance(stack);
    expect(places.length).toBeGreaterThan(1);
    expect(JSON.stringify(places)).not.toMatch(/a-name-typed|198\.51/);
    for (const { key } of places) expect(key).toMatch(/^[\w-]{43}$/);
    await advance(stack, 91 * DAY);
    // Whoever comes next takes what is over with them: more than they add.
    const isOver = ({ expires_at: end }) => end <= Date.now() / 1000 + 91 * DAY;
    let left = places;
    for (let round = 0; round < 300 && left.some(isOver); round += 1) {
      await wrong(`round-${round}`);
      left = (await advance(stack)).places;
    }
    expect(left.filter(isOver)).toEqual([]);
    expect(left.length).toBeGreaterThan(0);
  }, 120_000);
});

describe('within the limits of the platform', () => {
  let limited;
  const limits = { RATE_LIMIT_REQUESTS: 60, RATE_LIMIT_GUESSES: 6, RATE_LIMIT_CREATIONS: 6, RATE_LIMIT_FAILURES: 6, RATE_LIMIT_SERVICES: 100 };
  beforeAll(async () => {
    limited = await startStack({ only: ['provider'], limits });
  });
  afterAll(() => limited?.stop());

  const from = (address) => ({ 'cf-connecting-ip': address });
  /** Sends until one is limited. A window may end meanwhile, so twice as many are let through at most. */
  async function until429(limit, send) {
    for (let sent = 0; sent <= 2 * limit; sent += 1) {
      const response = await send();
      if (response.status === 429) return { response, sent };
    }
    throw new Error('nothing was limited');
  }

  test('fifty refreshes at once by one honest client are nothing, by default', async () => {
    const user = new Browser(stack);
    const { tokens } = await user.signIn();
    const headers = from(newAddress());
    const answers = await atOnce(50, () => user.refresh(tokens.refresh_token, {}, headers));
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
  });

  test('a limited refresh is told to try again, spends nothing and signs nobody out', async () => {
    const user = new Browser(limited);
    const { tokens } = await user.signIn();
    const headers = { ...from(newAddress()), origin: limited.gateway };
    const { response } = await until429(limits.RATE_LIMIT_REQUESTS, () => user.refresh('not-a-token', {}, headers));
    expect(await response.json()).toEqual({
      error: 'temporarily_unavailable', error_description: 'too many requests from here: wait, then send this one again',
    });
    expect(response.headers.get('retry-after')).toBe('5');
    expect(response.headers.get('cache-control')).toBe('no-store');
    const refused = await user.refresh(tokens.refresh_token, {}, headers);
    if (refused.status === 429) expect(roundTrips(refused)).toBe(0);
    // Elsewhere, or a moment later: nothing was lost.
    const refreshed = await user.refresh(tokens.refresh_token, {}, from(newAddress()));
    expect(refreshed.status).toBe(200);
    expect((await refreshed.json()).refresh_token).not.toBe(tokens.refresh_token);
  });

  test('a page says so in plain words', async () => {
    const headers = from(newAddress());
    const { response } = await until429(limits.RATE_LIMIT_GUESSES, () => post(`${limited.provider}/login`, { state_token: 'x' }, headers));
    expect(response.headers.get('retry-after')).toBe('30');
    const html = await response.text();
    expect(html).toContain('Too many requests');
    expect(html).toContain('You are not signed out by this.');
    // Others are not concerned.
    expect((await post(`${limited.provider}/login`, { state_token: 'x' }, from(newAddress()))).status).toBe(400);
  });

  test('user codes are guessed by few from one address, however often they sign in (RFC 8628 §5.1)', async () => {
    const user = new Browser(limited);
    await user.signIn();
    const device = new Device(user);
    await device.begin();
    const page = new DevicePage(user);
    const address = newAddress();
    const { sent } = await until429(limits.RATE_LIMIT_GUESSES, () => page.type('BBBB-BBBB', from(address)));
    expect(sent).toBeGreaterThan(0);
    const link = await page.open(`/device?user_code=${device.codes.user_code}`, { ...from(address), 'sec-fetch-site': 'none' });
    expect([200, 429]).toContain(link.status);
    expect((await page.type(device.codes.user_code, from(newAddress()))).status).toBe(200);
  });

  test('clients and device codes are not made without end', async () => {
    const headers = from(newAddress());
    const register = () => fetch(`${limited.provider}/oauth/register`, {
      method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: '{"redirect_uris":["https://a.example/"]}',
    });
    const { response } = await until429(limits.RATE_LIMIT_CREATIONS, register);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(await response.json()).toMatchObject({ error: 'temporarily_unavailable' });
    const address = from(newAddress());
    await until429(limits.RATE_LIMIT_CREATIONS, () => new Device(new Browser(limited), { headers: address }).authorize());
  });

  test('wrong credentials of a client are limited, its right ones never', async () => {
    const address = newAddress();
    const ask = (secret, id = 'gatepass-api') => post(`${limited.provider}/oauth/introspect`, { token: 'x' }, { ...from(address), authorization: basic(id, secret) });
    const { response } = await until429(limits.RATE_LIMIT_FAILURES, () => ask('wrong'));
    expect(await response.json()).toMatchObject({ error: 'temporarily_unavailable' });
    const answers = await atOnce(20, () => ask(limited.secrets.GATEPASS_API_SECRET));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect((await ask('wrong', 'gatepass-service')).status).toBe(401);
    const elsewhere = await post(`${limited.provider}/oauth/introspect`, { token: 'x' }, { ...from(newAddress()), authorization: basic('gatepass-api', 'wrong') });
    expect(elsewhere.status).toBe(401);
  });

  test('introspection from one address is limited, and before any database work', async () => {
    const address = from(newAddress());
    let number = 0;
    const { response } = await until429(limits.RATE_LIMIT_SERVICES, () => {
      number += 1;
      return post(`${limited.provider}/oauth/introspect`, { token: 'x' }, { ...address, authorization: basic(`made-up-${number}`, 'x') });
    });
    expect(await response.json()).toMatchObject({ error: 'temporarily_unavailable' });
    expect(response.headers.get('retry-after')).toBe('5');
    expect(roundTrips(response)).toBe(0);
  });

  test('introspection by one client is limited wherever it asks, and others are not', async () => {
    const ask = (id, secret) => post(`${limited.provider}/oauth/introspect`, { token: 'x' }, { ...from(newAddress()), authorization: basic(id, secret) });
    const { response } = await until429(limits.RATE_LIMIT_SERVICES, () => ask('gatepass-service', limited.secrets.GATEPASS_SERVICE_SECRET));
    expect(response.headers.get('retry-after')).toBe('5');
    expect((await ask('gatepass-api', limited.secrets.GATEPASS_API_SECRET)).status).toBe(200);
    // Whoever only says to be it spends nothing of its own.
    expect((await ask('gatepass-service', 'wrong')).status).toBe(401);
  });

  test('status lists have a limit for machines', async () => {
    const address = from(newAddress());
    const { response } = await until429(limits.RATE_LIMIT_SERVICES, () => fetch(`${limited.provider}/oauth/status_lists/0`, { headers: address }));
    expect(await response.json()).toMatchObject({ error: 'temporarily_unavailable' });
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
  });

  test('whoever has no address, as on this machine, is not limited', async () => {
    for (const headers of [{}, from('127.0.0.1'), from('::1')]) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => post(`${limited.provider}/login`, { state_token: 'x' }, headers)));
      expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(400));
    }
  });
});

describe('from where many come', () => {
  let limited;
  const limits = { RATE_LIMIT_REQUESTS: 6, RATE_LIMIT_GUESSES: 6, RATE_LIMIT_CREATIONS: 6, RATE_LIMIT_FAILURES: 6 };
  beforeAll(async () => {
    limited = await startStack({ only: ['provider'], limits });
  });
  afterAll(() => limited?.stop());

  // All Workers of everybody that call another zone.
  const workers = { 'cf-connecting-ip': '2a06:98c0:3600::103' };
  const statuses = async (times, send) => (await atOnce(times, send)).map(({ status }) => status);

  test('whoever comes from a Worker shares a limit with all Workers, but for what honest services do there', async () => {
    const typed = await Promise.all(Array.from({ length: 20 }, () => post(`${limited.provider}/login`, { state_token: 'x' }, workers)));
    expect(typed.map(({ status }) => status)).toContain(429);
    const registered = await statuses(20, () => fetch(`${limited.provider}/oauth/register`, {
      method: 'POST', headers: { ...workers, 'content-type': 'application/json' }, body: '{"redirect_uris":["https://a.example/"]}',
    }));
    expect(registered).toContain(429);
    expect(await statuses(20, () => new Browser(limited).refresh('not-a-token', {}, workers))).toEqual(Array(20).fill(400));
    const wrong = { ...workers, authorization: basic('gatepass-api', 'wrong') };
    expect(await statuses(20, () => post(`${limited.provider}/oauth/introspect`, { token: 'x' }, wrong))).toEqual(Array(20).fill(401));
    // A service that proves who it is may hand over its users' passwords, whatever strangers guess.
    const db = await limited.database('provider');
    await db.prepare("UPDATE clients SET grant_types = 'password' WHERE client_id IN ('gatepass-service', 'gatepass-cli')").run();
    const handOver = (form, headers) => post(`${limited.provider}/oauth/token`, { grant_type: 'password', username: 'nobody', password: 'x', ...form }, { ...workers, ...headers });
    const service = { authorization: basic('gatepass-service', limited.secrets.GATEPASS_SERVICE_SECRET) };
    for (let name = 0; name < 8; name += 1) expect((await handOver({ username: `nobody-${name}` }, service)).status).toBe(400);
    const anybody = [];
    for (let name = 10; name < 26; name += 1) anybody.push((await handOver({ username: `nobody-${name}`, client_id: 'gatepass-cli' })).status);
    expect(anybody).toContain(429);
  });

  test('made-up clients do not fill the audit log', async () => {
    const db = await limited.database('provider');
    const rows = async () => (await db.prepare("SELECT count(*) AS n FROM audit_log WHERE event = 'credentials_refused' AND client_id LIKE 'made-up-%'").first()).n;
    const from = { 'cf-connecting-ip': newAddress() };
    for (let number = 0; number < 40; number += 1) {
      const headers = { ...from, authorization: basic(`made-up-${number}`, 'x') };
      expect((await post(`${limited.provider}/oauth/introspect`, { token: 'x' }, headers)).status).toBe(401);
    }
    await expect.poll(rows).toBeGreaterThan(0);
    // A window may end meanwhile.
    expect(await rows()).toBeLessThanOrEqual(3 * limits.RATE_LIMIT_CREATIONS);
  });
});

describe('without limiters, or with other values', () => {
  test('a missing limiter limits nothing, and is in the log once', async () => {
    const bare = await startStack({ only: ['provider'], limits: { RATE_LIMIT_GUESSES: undefined } });
    try {
      for (let time = 0; time < 70; time += 1) {
        const response = await post(`${bare.provider}/login`, { state_token: 'x' }, { 'cf-connecting-ip': '192.0.2.1' });
        expect(response.status).toBe(400);
      }
      const lines = bare.logs().filter((line) => line.includes('not_rate_limited'));
      expect(lines).toHaveLength(1);
      expect(lines[0]).toContain('RATE_LIMIT_GUESSES is not bound to a rate limiter');
    } finally {
      await bare.stop();
    }
  });

  test('tries and the longest wait are configuration', async () => {
    const strict = await startStack({ only: ['provider'], provider: { GATEPASS_PASSWORD_TRIES: '1', GATEPASS_PASSWORD_LONGEST_WAIT: '10' } });
    try {
      const answers = [];
      for (let time = 0; time < 2; time += 1) {
        const browser = new Browser(strict);
        const { stateToken } = await browser.openLogin(browser.authorizeUrl({ challenge: pkce().challenge }));
        answers.push(await browser.submitLogin(stateToken, 'demo', 'wrong'));
      }
      expect(answers.map(({ status }) => status)).toEqual([400, 429]);
      expect(Number(answers[1].headers.get('retry-after'))).toBeLessThanOrEqual(10);
    } finally {
      await strict.stop();
    }
  });

  test.each([
    ['GATEPASS_PASSWORD_TRIES', '0', 'must be a number of 1 or more'],
    ['GATEPASS_PASSWORD_TRIES', 'many', 'must be a number of 1 or more'],
    ['GATEPASS_PASSWORD_LONGEST_WAIT', '3601', 'must be 3600 seconds at most'],
    ['GATEPASS_PASSWORD_LONGEST_WAIT', 'never', 'must be 3600 seconds at most'],
    ['GATEPASS_PASSWORD_COST', 'm=1000000,t=2,p=1', 'must be like m=19456,t=2,p=1, with 65536 KiB and 16 passes at most'],
  ])('%s=%s is refused', async (name, value, problem) => {
    const refused = await startStack({ only: ['provider'], healthy: false, provider: { [name]: value } });
    try {
      expect((await fetch(`${refused.provider}/health`)).status).toBe(500);
      expect(refused.logs().join('\n')).toContain(`${name} ${problem}`);
    } finally {
      await refused.stop();
    }
  });
});
