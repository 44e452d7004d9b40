// Devices without a browser (RFC 8628): codes, polling, and the tokens at its end.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device, DevicePage } from '../support/device.mjs';
import { Browser, atOnce, basic, claims, refusal, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

let stack;
let user;
let page;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'] });
  user = new Browser(stack);
  await user.signIn();
  page = new DevicePage(user);
});
afterAll(() => stack?.stop());

async function database(sql, ...values) {
  const db = await stack.database('provider');
  return db.prepare(sql).bind(...values).all();
}

/** A device that has its codes; `allowed` if its user has said yes. */
async function begun({ allowed = false, ...parameters } = {}) {
  const device = new Device(user);
  await device.begin(parameters);
  if (allowed) expect((await page.answer(device.codes.user_code, 'allow')).status).toBe(200);
  return device;
}

describe('a device authorization', () => {
  test('gives two codes, where to go and how often to ask, in two round trips', async () => {
    const response = await new Device(user).authorize({ scope: 'openid read' });
    expect(response.status).toBe(200);
    expect(roundTrips(response)).toBe(2);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const codes = await response.json();
    expect(codes).toMatchObject({
      user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
      device_code: expect.stringMatching(/^[\w-]{43}$/),
      verification_uri: `${stack.provider}/device`,
      verification_uri_complete: `${stack.provider}/device?user_code=${codes.user_code}`,
      expires_in: 600,
      interval: 5,
    });
    const { results } = await database('SELECT * FROM device_codes');
    const stored = JSON.stringify(results);
    expect(stored).not.toContain(codes.device_code);
    expect(stored).not.toContain(codes.user_code.replace('-', ''));
  });

  const secret = () => ({ authorization: basic('gatepass-gateway', stack.secrets.GATEPASS_GATEWAY_SECRET) });
  const cases = {
    'of an unknown client': [{ clientId: 'nobody' }, {}, 401, 'invalid_client'],
    'of nobody': [{ clientId: '' }, {}, 401, 'invalid_client'],
    'with a wrong secret': [{ clientId: '', headers: { authorization: basic('gatepass-gateway', 'x') } }, {}, 401, 'invalid_client'],
    'of a client without this grant type': [{ clientId: 'gatepass-demo' }, {}, 400, 'unauthorized_client'],
    'for more than the client may have': [{}, { scope: 'read admin' }, 400, 'invalid_scope'],
    'for a malformed scope': [{}, { scope: 'read  write' }, 400, 'invalid_scope'],
    'for an unknown resource': [{}, { resource: 'https://evil.example' }, 400, 'invalid_target'],
  };
  test.each(Object.entries(cases))('%s is refused', async (_, [client, parameters, status, error]) => {
    expect(await refusal(await new Device(user, client).authorize(parameters))).toMatchObject({ status, error });
  });

  test('of a confidential client that proves itself is refused only for its grant types', async () => {
    const device = new Device(user, { clientId: '', headers: secret() });
    expect(await refusal(await device.authorize())).toMatchObject({ status: 400, error: 'unauthorized_client' });
  });

  test('answers to POST only', async () => {
    const response = await fetch(`${stack.provider}/oauth/device_authorization`);
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
  });
});

describe('while the user has not answered', () => {
  test('a poll is told to wait, in one round trip', async () => {
    const device = await begun();
    const response = await device.poll();
    expect(roundTrips(response)).toBe(1);
    expect(await refusal(response)).toMatchObject({ status: 400, error: 'authorization_pending' });
  });

  test('polls that come too soon are told to wait longer, and each makes the wait longer for good', async () => {
    const device = await begun();
    await device.poll();
    for (const _ of [10, 15]) {
      expect(await refusal(await device.poll())).toMatchObject({ status: 400, error: 'slow_down' });
    }
    const { results } = await database('SELECT poll_interval FROM device_codes ORDER BY poll_interval DESC LIMIT 1');
    expect(results).toEqual([{ poll_interval: 15 }]);
    // What would have been slow enough at first no longer is.
    await database('UPDATE device_codes SET polled_at = polled_at - 10');
    expect(await refusal(await device.poll())).toMatchObject({ error: 'slow_down' });
    await database('UPDATE device_codes SET polled_at = polled_at - 20');
    expect(await refusal(await device.poll())).toMatchObject({ error: 'authorization_pending' });
  });

  test('a yes is heard at once, however fast the polls came', async () => {
    const device = await begun();
    await Promise.all([device.poll(), device.poll(), device.poll()]);
    await page.answer(device.codes.user_code, 'allow');
    expect((await device.poll()).status).toBe(200);
  });
});

describe('a device that was allowed', () => {
  test('gets its tokens, in two round trips', async () => {
    const device = await begun({ allowed: true, scope: 'openid profile read' });
    const response = await device.poll();
    expect(response.status).toBe(200);
    expect(roundTrips(response)).toBe(2);
    const tokens = await response.json();
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 300, scope: 'openid profile read' });
    expect(claims(tokens.access_token)).toMatchObject({ sub: 'demo', client_id: 'gatepass-cli', scope: 'openid profile read' });
    expect(claims(tokens.id_token)).toMatchObject({ sub: 'demo', aud: 'gatepass-cli', amr: ['pwd'] });
    expect(claims(tokens.id_token)).not.toHaveProperty('nonce');
    expect(await (await user.introspect(tokens.access_token)).json()).toMatchObject({ active: true, username: 'demo' });
    const refreshed = await user.refresh(tokens.refresh_token, { client_id: 'gatepass-cli' });
    expect(refreshed.status).toBe(200);
  });

  test('that polls twenty times at once gets one grant and the same refresh token each time', async () => {
    const device = await begun({ allowed: true });
    const answers = await atOnce(20, () => device.poll());
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1);
    expect(new Set(answers.map(({ body }) => claims(body.access_token).grant_id)).size).toBe(1);
  });

  test('and did not hear it is told again, with the newest refresh token', async () => {
    const device = await begun({ allowed: true });
    const lost = await (await device.poll()).json();
    const again = await device.poll();
    expect(roundTrips(again)).toBe(1);
    const heard = await again.json();
    expect(heard.refresh_token).toBe(lost.refresh_token);
    expect(heard.access_token).not.toBe(lost.access_token);
    const next = await (await user.refresh(heard.refresh_token, { client_id: 'gatepass-cli' })).json();
    expect((await (await device.poll()).json()).refresh_token).toBe(next.refresh_token);
  });

  test('is not signed out with the browser that allowed it', async () => {
    const other = new Browser(stack);
    const { tokens: theirs } = await other.signIn();
    const device = await begun();
    await new DevicePage(other).answer(device.codes.user_code, 'allow');
    const tokens = await (await device.poll()).json();
    const signedOut = await other.request('GET', `/oauth/logout?${new URLSearchParams({ id_token_hint: theirs.id_token })}`);
    expect(signedOut.status).toBeLessThan(400);
    expect((await other.refresh(theirs.refresh_token)).status).toBe(400);
    expect((await user.refresh(tokens.refresh_token, { client_id: 'gatepass-cli' })).status).toBe(200);
  });

  test('and whose client may not refresh gets no refresh token, however often it asks', async () => {
    const types = "UPDATE clients SET grant_types = ? WHERE client_id = 'gatepass-cli'";
    const device = await begun({ allowed: true });
    await database(types, 'urn:ietf:params:oauth:grant-type:device_code');
    const answers = [await (await device.poll()).json(), await (await device.poll()).json()];
    await database(types, 'authorization_code refresh_token urn:ietf:params:oauth:grant-type:device_code');
    for (const tokens of answers) {
      expect(tokens).toHaveProperty('access_token');
      expect(tokens).not.toHaveProperty('refresh_token');
    }
  });
});

describe('a device gets nothing', () => {
  test('when its user says no', async () => {
    const device = await begun();
    await page.answer(device.codes.user_code, 'deny');
    for (const _ of [1, 2]) expect(await refusal(await device.poll())).toMatchObject({ status: 400, error: 'access_denied' });
  });

  test('for a code that was never issued, or none', async () => {
    const device = await begun();
    expect(await refusal(await device.poll({ device_code: 'x' }))).toMatchObject({ status: 400, error: 'invalid_grant' });
    expect(await refusal(await device.poll({ device_code: device.codes.user_code }))).toMatchObject({ status: 400, error: 'invalid_grant' });
    const none = await refusal(await device.poll({ device_code: '' }));
    expect(none).toMatchObject({ status: 400, error: 'invalid_request', error_description: 'the parameter device_code is required' });
  });

  test('for the code of another client, which stays good', async () => {
    await database("UPDATE clients SET grant_types = grant_types || ' urn:ietf:params:oauth:grant-type:device_code' WHERE client_id = 'gatepass-demo'");
    const device = await begun({ allowed: true });
    expect(await refusal(await device.poll({ client_id: 'gatepass-demo' }))).toMatchObject({ status: 400, error: 'invalid_grant' });
    expect((await device.poll()).status).toBe(200);
    await database("UPDATE clients SET grant_types = 'authorization_code refresh_token' WHERE client_id = 'gatepass-demo'");
  });

  test('as a client that may not, or is none', async () => {
    const device = await begun({ allowed: true });
    expect(await refusal(await device.poll({ client_id: 'gatepass-demo' }))).toMatchObject({ status: 400, error: 'unauthorized_client' });
    expect(await refusal(await device.poll({ client_id: 'nobody' }))).toMatchObject({ status: 401, error: 'invalid_client' });
  });

  test('when the grant has ended, and hears why', async () => {
    const device = await begun({ allowed: true });
    const { refresh_token: token } = await (await device.poll()).json();
    await user.revoke(token, { client_id: 'gatepass-cli' });
    expect(await refusal(await device.poll())).toMatchObject({ status: 400, error: 'invalid_grant', gatepass_reason: 'revoked' });
  });

  test('when its time is over', async () => {
    const brief = await startStack({ only: ['provider'], provider: { GATEPASS_DEVICE_CODE_LIFETIME: '0' } });
    try {
      const device = new Device(new Browser(brief));
      expect(await device.begin()).toMatchObject({ expires_in: 0 });
      expect(await refusal(await device.poll())).toMatchObject({ status: 400, error: 'expired_token' });
    } finally {
      await brief.stop();
    }
  });
});

describe('with no time to lose', () => {
  let strict;
  let owner;
  beforeAll(async () => {
    strict = await startStack({ only: ['provider'], provider: { GATEPASS_REFRESH_GRACE: '0' } });
    owner = new Browser(strict);
    await owner.signIn();
  });
  afterAll(() => strict?.stop());

  async function allowed() {
    const device = new Device(owner);
    const { user_code: code } = await device.begin();
    await new DevicePage(owner).answer(code, 'allow');
    return device;
  }

  test('an answer that was lost is given again as long as nobody has used it', async () => {
    const device = await allowed();
    const lost = await (await device.poll()).json();
    const heard = await device.poll();
    expect(heard.status).toBe(200);
    expect((await heard.json()).refresh_token).toBe(lost.refresh_token);
  });

  test('a late poll after the tokens were used ends the grant, and says why', async () => {
    const device = await allowed();
    const other = await allowed();
    const { refresh_token: token } = await (await device.poll()).json();
    const { refresh_token: others } = await (await other.poll()).json();
    const next = await (await owner.refresh(token, { client_id: 'gatepass-cli' })).json();
    expect(await refusal(await device.poll())).toMatchObject({ status: 400, error: 'invalid_grant', gatepass_reason: 'code_replayed' });
    expect(await refusal(await owner.refresh(next.refresh_token, { client_id: 'gatepass-cli' }))).toMatchObject({ gatepass_reason: 'code_replayed' });
    expect((await owner.refresh(others, { client_id: 'gatepass-cli' })).status).toBe(200);
  });
});
