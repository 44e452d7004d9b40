// Refreshing (RFC 6749 §6) with rotation (RFC 9700 §4.14.2): the table of docs/architecture.md.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, atOnce, basic, claims, pkce, refusal, roundTrips } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

/** Signs in as the confidential client, whose refreshes prove themselves with a secret. */
async function confidential(user) {
  const stack = user.stack;
  const authorization = basic('gatepass-gateway', stack.secrets.GATEPASS_GATEWAY_SECRET);
  const { verifier, challenge } = pkce();
  const redirectUri = `${stack.gateway}/login/oauth2/code/gatepass`;
  const back = await user.authorize({ challenge, client_id: 'gatepass-gateway', redirect_uri: redirectUri });
  const form = { grant_type: 'authorization_code', code: back.get('code'), code_verifier: verifier };
  const tokens = await (await user.token(form, { authorization })).json();
  const refresh = (token) => user.token({ grant_type: 'refresh_token', refresh_token: token }, { authorization });
  return { tokens, refresh };
}

describe('within the grace time', () => {
  let stack;
  let user;
  beforeAll(async () => {
    stack = await startStack({ only: ['provider'] });
    user = new Browser(stack);
    await user.signIn();
  });
  afterAll(() => stack?.stop());

  test('fifty refreshes at once give one successor, byte for byte, in one round trip each', async () => {
    const { tokens } = await user.signIn();
    const answers = await atOnce(50, () => user.refresh(tokens.refresh_token));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const successors = new Set(answers.map(({ body }) => body.refresh_token));
    expect(successors.size).toBe(1);
    expect(successors.has(tokens.refresh_token)).toBe(false);
    expect(new Set(answers.map(({ body }) => claims(body.access_token).jti)).size).toBe(50);
    expect(new Set(answers.map(({ response }) => roundTrips(response)))).toEqual(new Set([1]));
    // The user is still signed in.
    const [successor] = successors;
    expect((await user.refresh(successor)).status).toBe(200);
  });

  test('a lost response is given again', async () => {
    const { tokens } = await user.signIn();
    const lost = await (await user.refresh(tokens.refresh_token)).json();
    const again = await (await user.refresh(tokens.refresh_token)).json();
    expect(again.refresh_token).toBe(lost.refresh_token);
  });

  test('a retry that arrives after the next refresh gets the newest token, not a spent one', async () => {
    const { tokens } = await user.signIn();
    const second = await (await user.refresh(tokens.refresh_token)).json();
    const third = await (await user.refresh(second.refresh_token)).json();
    const late = await (await user.refresh(tokens.refresh_token)).json();
    expect(late.refresh_token).toBe(third.refresh_token);
  });

  test('a new sign-in disturbs no other', async () => {
    const laptop = await user.signIn();
    const phone = await new Browser(stack).signIn();
    expect((await user.refresh(laptop.tokens.refresh_token)).status).toBe(200);
    expect((await user.refresh(phone.tokens.refresh_token)).status).toBe(200);
  });

  test('a grant that has ended is not told about its scope', async () => {
    const user = new Browser(stack);
    const { tokens } = await user.signIn();
    await user.revoke(tokens.refresh_token);
    const refused = await refusal(await user.refresh(tokens.refresh_token, { scope: 'admin' }));
    expect(refused).toMatchObject({ status: 400, error: 'invalid_grant', gatepass_reason: 'revoked' });
  });

  test('less scope may be asked for, more may not, and asking costs nothing', async () => {
    const { tokens } = await user.signIn();
    const more = await refusal(await user.refresh(tokens.refresh_token, { scope: 'read admin' }));
    expect(more).toMatchObject({ status: 400, error: 'invalid_scope' });
    const less = await (await user.refresh(tokens.refresh_token, { scope: 'read' })).json();
    expect(claims(less.access_token).scope).toBe('read');
    const next = await (await user.refresh(less.refresh_token)).json();
    expect(claims(next.access_token).scope).toContain('write');
  });

  test('a token is worth nothing to another client, and survives the attempt', async () => {
    const { tokens } = await user.signIn();
    const other = await user.refresh(tokens.refresh_token, { client_id: 'gatepass-cli' });
    expect(await refusal(other)).toMatchObject({ status: 400, error: 'invalid_grant' });
    expect((await user.refresh(tokens.refresh_token)).status).toBe(200);
  });

  test('a confidential client must prove itself, and a failed attempt spends nothing', async () => {
    const { tokens, refresh } = await confidential(user);
    const form = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token };
    for (const attempt of [
      user.token({ ...form, client_id: 'gatepass-gateway' }),
      user.token(form, { authorization: basic('gatepass-gateway', 'wrong') }),
      user.token({ ...form, client_id: 'gatepass-gateway', client_secret: stack.secrets.GATEPASS_GATEWAY_SECRET }),
    ]) {
      const response = await attempt;
      expect(response.headers.get('www-authenticate')).toMatch(/^Basic /);
      expect(await refusal(response)).toMatchObject({ status: 401, error: 'invalid_client' });
    }
    const answer = await (await refresh(tokens.refresh_token)).json();
    expect(answer.refresh_token).not.toBe(tokens.refresh_token);
  });

  test('lasts 30 seconds', async () => {
    const db = await stack.database('provider');
    const age = (token, seconds) => db.prepare('UPDATE sessions SET refreshed_at = refreshed_at - ? WHERE refresh_jti = ?')
      .bind(seconds, claims(token).jti).run();
    const { tokens } = await user.signIn();
    const next = await (await user.refresh(tokens.refresh_token)).json();
    await age(tokens.refresh_token, 25);
    expect(await (await user.refresh(tokens.refresh_token)).json()).toMatchObject({ refresh_token: next.refresh_token });
    await age(tokens.refresh_token, 6);
    expect(await refusal(await user.refresh(tokens.refresh_token))).toMatchObject({ gatepass_reason: 'replayed' });
    expect(await refusal(await user.refresh(next.refresh_token))).toMatchObject({ gatepass_reason: 'replayed' });
  });

  test('creates one generation, however many ask', async () => {
    const { tokens } = await user.signIn();
    await atOnce(20, () => user.refresh(tokens.refresh_token));
    const db = await stack.database('provider');
    const { results } = await db.prepare('SELECT n.generation, n.status FROM sessions p JOIN sessions n ON n.grant_id = p.grant_id '
      + 'WHERE p.refresh_jti = ? ORDER BY n.generation').bind(claims(tokens.refresh_token).jti).all();
    expect(results).toEqual([{ generation: 1, status: 'refreshed' }, { generation: 2, status: 'active' }]);
  });

  test('a persistent refresh token stays the same', async () => {
    const db = await stack.database('provider');
    const behave = (behaviour) => db.prepare('UPDATE clients SET refresh_behaviour = ? WHERE client_id = ?')
      .bind(behaviour, 'gatepass-gateway').run();
    await behave('persistent');
    const { tokens, refresh } = await confidential(user);
    for (let i = 0; i < 3; i++) {
      const response = await refresh(tokens.refresh_token);
      expect(roundTrips(response)).toBe(1);
      const answer = await response.json();
      expect(answer.refresh_token).toBe(tokens.refresh_token);
      expect(claims(answer.access_token).jti).not.toBe(claims(tokens.access_token).jti);
    }
    await behave('rotate');
  });

  test('what is no refresh token is refused before any database work', async () => {
    const { tokens } = await user.signIn();
    const [header, payload] = tokens.refresh_token.split('.');
    const forged = [
      'x', 'a.b.c', tokens.access_token, tokens.id_token, `${header}.${payload}.`,
      `${header}.${payload}.${'A'.repeat(43)}`,
      `${Buffer.from('{"alg":"none","typ":"rt+jwt"}').toString('base64url')}.${payload}.`,
    ];
    for (const token of forged) {
      const response = await user.refresh(token);
      expect(roundTrips(response)).toBe(0);
      expect(await refusal(response)).toMatchObject({ status: 400, error: 'invalid_grant' });
    }
  });
});

describe('after the grace time', () => {
  let stack;
  let user;
  beforeAll(async () => {
    // No grace at all: every second use comes too late, and no test has to wait.
    stack = await startStack({ only: ['provider'], provider: { GATEPASS_REFRESH_GRACE: '0' } });
    user = new Browser(stack);
    await user.signIn();
  });
  afterAll(() => stack?.stop());

  test('a replay ends that grant and no other, in two round trips, and says why', async () => {
    const stolen = await user.signIn();
    const here = await user.signIn();
    const elsewhere = await new Browser(stack).signIn();
    const next = await (await user.refresh(stolen.tokens.refresh_token)).json();
    const replay = await user.refresh(stolen.tokens.refresh_token);
    expect(roundTrips(replay)).toBe(2);
    const ended = { status: 400, error: 'invalid_grant', gatepass_reason: 'replayed' };
    expect(await refusal(replay)).toMatchObject(ended);
    expect(await refusal(await user.refresh(next.refresh_token))).toMatchObject(ended);
    expect((await (await user.introspect(next.access_token)).json()).active).toBe(false);
    expect((await user.refresh(here.tokens.refresh_token)).status).toBe(200);
    expect((await user.refresh(elsewhere.tokens.refresh_token)).status).toBe(200);
  });

  test('a confidential client whose successor was never used gets it again', async () => {
    const { tokens, refresh } = await confidential(user);
    const lost = await (await refresh(tokens.refresh_token)).json();
    const again = await (await refresh(tokens.refresh_token)).json();
    expect(again.refresh_token).toBe(lost.refresh_token);
    await refresh(lost.refresh_token);
    expect(await refusal(await refresh(tokens.refresh_token))).toMatchObject({ gatepass_reason: 'replayed' });
  });

  describe('with an idempotency key', () => {
    const KEY = 'k'.repeat(43);
    const named = (token, key) => user.token({ grant_type: 'refresh_token', refresh_token: token, client_id: 'gatepass-demo', idempotency_key: key });

    test('the same refresh gets the same successor, in one round trip, until that is used', async () => {
      const { tokens } = await user.signIn();
      const lost = await (await named(tokens.refresh_token, KEY)).json();
      const response = await named(tokens.refresh_token, KEY);
      expect(roundTrips(response)).toBe(1);
      const again = await response.json();
      expect(again.refresh_token).toBe(lost.refresh_token);
      expect(claims(again.access_token).jti).not.toBe(claims(lost.access_token).jti);
      expect((await named(again.refresh_token, KEY)).status).toBe(200);
      expect(await refusal(await named(tokens.refresh_token, KEY))).toMatchObject({ gatepass_reason: 'replayed' });
    });

    test.each([['with another key', 'x'.repeat(43)], ['without one', undefined]])('a spent token %s is a theft', async (_, key) => {
      const { tokens } = await user.signIn();
      const next = await (await named(tokens.refresh_token, KEY)).json();
      const thief = key ? await named(tokens.refresh_token, key) : await user.refresh(tokens.refresh_token);
      expect(await refusal(thief)).toMatchObject({ status: 400, error: 'invalid_grant', gatepass_reason: 'replayed' });
      expect(await refusal(await named(next.refresh_token, KEY))).toMatchObject({ gatepass_reason: 'replayed' });
    });

    test('fifty at once give one successor', async () => {
      const { tokens } = await user.signIn();
      const answers = await atOnce(50, () => named(tokens.refresh_token, KEY));
      expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1);
    });

    test('a key that could be guessed is refused, and nothing is spent', async () => {
      const { tokens } = await user.signIn();
      expect(await refusal(await named(tokens.refresh_token, 'k'.repeat(21)))).toMatchObject({ status: 400, error: 'invalid_request' });
      expect((await user.refresh(tokens.refresh_token)).status).toBe(200);
    });
  });
});

describe('when the provider itself fails', () => {
  // No grace time: whatever were spent by a failed request would be a replay the next time.
  const GRACE = { GATEPASS_REFRESH_GRACE: '0' };
  const faults = {
    'D1 cannot finish the refresh': 'sessions',
    'the signing keys cannot be read': 'signing_keys',
  };
  test.each(Object.entries(faults))('%s: nothing is spent', async (_, table) => {
    const broken = await startStack({ only: ['provider'], provider: GRACE, healthy: false });
    try {
      const user = new Browser(broken);
      const { tokens } = await user.signIn();
      const { verifier, challenge } = pkce();
      const code = (await user.authorize({ challenge })).get('code');
      let db = await broken.database('provider');
      await db.prepare(`ALTER TABLE ${table} RENAME TO gone`).run();
      await broken.restart({ provider: GRACE });
      const failed = await user.refresh(tokens.refresh_token, {}, { origin: broken.gateway });
      expect(failed.status).toBe(500);
      // A page must be able to tell a failure of the provider from the end of its session.
      expect(failed.headers.get('access-control-allow-origin')).toBe(broken.gateway);
      expect((await user.redeem(code, verifier)).status).toBe(500);
      db = await broken.database('provider');
      await db.prepare(`ALTER TABLE gone RENAME TO ${table}`).run();
      expect((await user.refresh(tokens.refresh_token)).status).toBe(200);
      expect((await user.redeem(code, verifier)).status).toBe(200);
    } finally {
      await broken.stop();
    }
  });
});

describe('with refresh tokens that live no time', () => {
  test('a refresh is refused as expired', async () => {
    const brief = await startStack({ only: ['provider'], provider: { GATEPASS_REFRESH_TOKEN_LIFETIME: '0' } });
    try {
      const user = new Browser(brief);
      const { tokens } = await user.signIn();
      expect(await refusal(await user.refresh(tokens.refresh_token))).toMatchObject({
        status: 400, error: 'invalid_grant', gatepass_reason: 'expired',
      });
    } finally {
      await brief.stop();
    }
  });
});
