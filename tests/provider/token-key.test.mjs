// Changing the key of refresh and state tokens: nobody is signed out.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Browser, claims, pkce } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

// A restart takes a while on a busy machine, and what follows it must still be within the grace time.
const always = { GATEPASS_REFRESH_GRACE: '600' };
const newKey = () => randomBytes(32).toString('base64url');

let stack;
let key;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'], provider: always });
  key = stack.secrets.GATEPASS_TOKEN_KEY;
});
afterAll(() => stack?.stop());

/** Starts the provider anew under another key. @param {string | undefined} previous */
async function change(next, previous) {
  key = next;
  await stack.restart({ provider: { ...always, GATEPASS_TOKEN_KEY: next, GATEPASS_PREVIOUS_TOKEN_KEY: previous } });
}

const signedPart = (token) => token.slice(0, token.lastIndexOf('.'));

describe('after the key was changed', () => {
  let user;
  beforeEach(() => { user = new Browser(stack); });

  test('a user stays signed in: the old token is taken, the next is written under the new key', async () => {
    const { tokens } = await user.signIn();
    const old = key;
    await change(newKey(), old);
    const response = await user.refresh(tokens.refresh_token);
    expect(response.status).toBe(200);
    const next = await response.json();
    // Without the old key only what was written under the new one is read.
    await change(key, undefined);
    expect(await (await user.refresh(tokens.refresh_token)).json()).toMatchObject({ error: 'invalid_grant' });
    expect((await user.refresh(next.refresh_token)).status).toBe(200);
  });

  test('a retry within the grace time gets the same token under the new key, and both copies go on', async () => {
    const { tokens } = await user.signIn();
    const before = await (await user.refresh(tokens.refresh_token)).json();
    await change(newKey(), key);
    const after = await (await user.refresh(tokens.refresh_token)).json();
    expect(signedPart(after.refresh_token)).toBe(signedPart(before.refresh_token));
    expect(after.refresh_token).not.toBe(before.refresh_token);
    const one = await (await user.refresh(before.refresh_token)).json();
    const other = await (await user.refresh(after.refresh_token)).json();
    expect(one.refresh_token).toBe(other.refresh_token);
    expect((await user.refresh(one.refresh_token)).status).toBe(200);
  });

  test('a persistent token goes on under either key', async () => {
    const database = await stack.database('provider');
    await database.prepare("UPDATE clients SET refresh_behaviour = 'persistent' WHERE client_id = 'gatepass-gateway'").run();
    const secret = { client_secret: stack.secrets.GATEPASS_GATEWAY_SECRET };
    await database.prepare("UPDATE clients SET auth_method = 'client_secret_post' WHERE client_id = 'gatepass-gateway'").run();
    const client = { client_id: 'gatepass-gateway', redirect_uri: `${stack.gateway}/login/oauth2/code/gatepass` };
    const { verifier, challenge } = pkce();
    const code = (await user.authorize({ challenge, ...client })).get('code');
    const redeemed = await user.token({ grant_type: 'authorization_code', code, code_verifier: verifier, ...client, ...secret });
    const { refresh_token: first } = await redeemed.json();
    await change(newKey(), key);
    const refreshed = await (await user.refresh(first, { ...client, ...secret })).json();
    expect(claims(refreshed.refresh_token)).toEqual(claims(first));
    for (const token of [first, refreshed.refresh_token]) {
      expect((await user.refresh(token, { ...client, ...secret })).status).toBe(200);
    }
  });

  test('an old token is introspected and revoked like any other', async () => {
    const { tokens } = await user.signIn();
    await change(newKey(), key);
    expect(await (await user.introspect(tokens.refresh_token)).json()).toMatchObject({ active: true, sub: 'demo' });
    expect((await user.revoke(tokens.refresh_token)).status).toBe(200);
    expect(await (await user.refresh(tokens.refresh_token)).json()).toMatchObject({ gatepass_reason: 'revoked' });
  });

  test('a sign-in that was under way comes to its end', async () => {
    const { verifier, challenge } = pkce();
    const { stateToken } = await user.openLogin(user.authorizeUrl({ challenge }));
    await change(newKey(), key);
    const signedIn = await user.submitLogin(stateToken);
    const back = await user.request('GET', signedIn.headers.get('location'));
    const code = new URL(back.headers.get('location')).searchParams.get('code');
    expect((await user.redeem(code, verifier)).status).toBe(200);
  });

  test('an isolate that still writes under the old key reads what another wrote under the new one', async () => {
    const { tokens } = await user.signIn();
    const [old, next] = [key, newKey()];
    await change(next, old);
    const written = await (await user.refresh(tokens.refresh_token)).json();
    await change(old, next);
    const back = await user.refresh(written.refresh_token);
    expect(back.status).toBe(200);
    await change(next, old);
    expect((await user.refresh((await back.json()).refresh_token)).status).toBe(200);
  });

  test('twice, with both earlier keys named, a user stays signed in', async () => {
    const { tokens } = await user.signIn();
    const first = key;
    await change(newKey(), first);
    await change(newKey(), `${key} ${first}`);
    expect((await user.refresh(tokens.refresh_token)).status).toBe(200);
  });

  test('without naming the old one, its tokens are refused, but nothing ends: the key can be brought back', async () => {
    const { tokens } = await user.signIn();
    const old = key;
    await change(newKey(), undefined);
    const refused = await user.refresh(tokens.refresh_token);
    expect({ status: refused.status, ...(await refused.json()) }).toMatchObject({ status: 400, error: 'invalid_grant' });
    await change(key, old);
    expect((await user.refresh(tokens.refresh_token)).status).toBe(200);
  });
});

test('a previous key that is none stops the provider, and the log names it', async () => {
  const other = await startStack({ only: ['provider'], healthy: false, provider: { GATEPASS_PREVIOUS_TOKEN_KEY: 'short' } });
  expect((await fetch(`${other.provider}/health`)).status).toBe(500);
  expect(other.logs().join()).toContain('configuration: GATEPASS_PREVIOUS_TOKEN_KEY must be 32 bytes');
  await other.stop();
});
