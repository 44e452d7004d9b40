// Redeeming codes (OAuth 2.1 §4.1.3, RFC 7636 §4.6).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, atOnce, basic, pkce, refusal } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

let stack;
let browser;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'] });
  browser = new Browser(stack);
  await browser.signIn();
});
afterAll(() => stack?.stop());

async function freshCode() {
  const { verifier, challenge } = pkce();
  return { code: (await browser.authorize({ challenge })).get('code'), verifier };
}

describe('one code', () => {
  test('redeemed twenty times at once gives tokens once, and they stay good', async () => {
    const { code, verifier } = await freshCode();
    const answers = await atOnce(20, () => browser.redeem(code, verifier));
    const won = answers.filter(({ status }) => status === 200);
    expect(won).toHaveLength(1);
    for (const { status, body } of answers.filter((answer) => answer !== won[0])) {
      expect({ status, error: body.error }).toEqual({ status: 400, error: 'invalid_grant' });
    }
    // A double submit is no theft: what the first made stands.
    expect((await browser.refresh(won[0].body.refresh_token)).status).toBe(200);
  });

  test('is not spent by a wrong verifier', async () => {
    const { code, verifier } = await freshCode();
    for (const wrong of [pkce().verifier, 'short', 'ü'.repeat(43)]) {
      expect(await refusal(await browser.redeem(code, wrong))).toMatchObject({ status: 400, error: 'invalid_grant' });
    }
    expect((await browser.redeem(code, verifier)).status).toBe(200);
  });

  test('needs its verifier', async () => {
    const { code } = await freshCode();
    const answer = await refusal(await browser.redeem(code, ''));
    expect(answer).toMatchObject({ status: 400, error: 'invalid_request', error_description: 'the parameter code_verifier is required' });
  });

  test('is worth nothing to another client', async () => {
    const { code, verifier } = await freshCode();
    const form = { grant_type: 'authorization_code', code, code_verifier: verifier };
    const secret = basic('gatepass-gateway', stack.secrets.GATEPASS_GATEWAY_SECRET);
    expect(await refusal(await browser.token(form, { authorization: secret }))).toMatchObject({ status: 400, error: 'invalid_grant' });
    expect((await browser.redeem(code, verifier)).status).toBe(200);
  });

  test('must come with the redirect URI that it was sent to, if with any', async () => {
    const { code, verifier } = await freshCode();
    const wrong = await browser.redeem(code, verifier, { redirectUri: `${stack.gateway}/other` });
    expect(await refusal(wrong)).toMatchObject({ status: 400, error: 'invalid_grant' });
    const { code: other, verifier: its } = await freshCode();
    expect((await browser.token({ grant_type: 'authorization_code', client_id: 'gatepass-demo', code: other, code_verifier: its })).status).toBe(200);
    expect((await browser.redeem(code, verifier)).status).toBe(200);
  });

  test('that was never issued is refused', async () => {
    expect(await refusal(await browser.redeem('x', pkce().verifier))).toMatchObject({ status: 400, error: 'invalid_grant' });
  });
});

describe('with no time to lose', () => {
  let strict;
  let user;
  beforeAll(async () => {
    strict = await startStack({ only: ['provider'], provider: { GATEPASS_REFRESH_GRACE: '0' } });
    user = new Browser(strict);
  });
  afterAll(() => strict?.stop());

  test('a late second use with the verifier ends what the first made, and says why', async () => {
    const { code, verifier, tokens } = await user.signIn();
    const other = await user.signIn();
    const replay = await refusal(await user.redeem(code, verifier));
    expect(replay).toMatchObject({ status: 400, error: 'invalid_grant', gatepass_reason: 'code_replayed' });
    expect(await refusal(await user.refresh(tokens.refresh_token))).toMatchObject({ gatepass_reason: 'code_replayed' });
    expect((await user.refresh(other.tokens.refresh_token)).status).toBe(200);
  });

  test('a late second use without the verifier ends nothing: an old address is no proof', async () => {
    const { code, tokens } = await user.signIn();
    expect((await user.redeem(code, pkce().verifier)).status).toBe(400);
    expect((await user.refresh(tokens.refresh_token)).status).toBe(200);
  });
});

describe('with codes that live no time', () => {
  test('a code is refused as expired', async () => {
    const brief = await startStack({ only: ['provider'], provider: { GATEPASS_CODE_LIFETIME: '0' } });
    try {
      const { response, tokens } = await new Browser(brief).signIn();
      expect({ status: response.status, ...tokens }).toMatchObject({ status: 400, error: 'invalid_grant', gatepass_reason: 'expired' });
    } finally {
      await brief.stop();
    }
  });
});
