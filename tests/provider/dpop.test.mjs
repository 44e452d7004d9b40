// Proof of possession (DPoP, RFC 9449): tokens that are worth nothing without their key, and users who
// stay signed in whatever happens to a proof, a nonce or an answer.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device, DevicePage } from '../support/device.mjs';
import { ProofKey, ProvingApp } from '../support/dpop.mjs';
import { Browser, DEMO, SCOPE, basic, claims, pkce, post, roundTrips } from '../support/oauth.mjs';
import { takeRecord } from '../support/recorder.mjs';
import { startStack } from '../support/stack.mjs';

let stack;
let db;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'], record: true });
  await new Browser(stack).signIn();
  db = await stack.database('provider');
});
afterAll(() => stack?.stop());

const wire = async (response) => {
  const { error, gatepass_reason: reason } = await response.clone().json();
  return { status: response.status, error, ...(reason && { reason }) };
};
const refused = (error, status = 400) => ({ status, error });
const INVALID = refused('invalid_dpop_proof');

const grantOf = (token) => db.prepare('SELECT g.* FROM sessions s JOIN grants g ON g.grant_id = s.grant_id WHERE s.refresh_jti = ?')
  .bind(claims(token).jti).first();
const generations = async (token) => {
  const { grant_id: id } = await grantOf(token);
  return (await db.prepare('SELECT refresh_jti FROM sessions WHERE grant_id = ?').bind(id).all()).results.length;
};
/** As if the last refresh of this token had been so many seconds ago. */
const age = (token, seconds) => db.prepare('UPDATE sessions SET refreshed_at = refreshed_at - ? WHERE refresh_jti = ?')
  .bind(seconds, claims(token).jti).run();
const ageProofs = (seconds) => db.prepare('UPDATE used_once SET used_at = used_at - ?').bind(seconds).run();
const settle = (name, value, id = DEMO.id) => db
  .prepare(value === undefined ? 'UPDATE clients SET settings = json_remove(settings, ?) WHERE client_id = ?'
    : `UPDATE clients SET settings = json_set(settings, ?, json('${JSON.stringify(value)}')) WHERE client_id = ?`)
  .bind(`$.${name}`, id).run();
const behave = (behaviour, id = DEMO.id) => db.prepare('UPDATE clients SET refresh_behaviour = ? WHERE client_id = ?').bind(behaviour, id).run();

/** A signed-in app with a key. */
async function signedIn(parameters) {
  const app = new ProvingApp(stack);
  return { app, ...(await app.signIn(parameters)) };
}

/** The grant stands, and nothing of it was spent. */
async function expectUntouched(app, token, count = 1) {
  expect(await grantOf(token)).toMatchObject({ status: 'active', end_reason: null });
  expect(await generations(token)).toBe(count);
  expect((await app.refresh(token)).status).toBe(200);
}

describe('the tokens of an app that proves a key', () => {
  test.each(['ES256', 'EdDSA', 'RS256'])('are bound to it (%s)', async (alg) => {
    const app = new ProvingApp(stack, new ProofKey(alg));
    const { response, tokens } = await app.signIn();
    expect(response.status).toBe(200);
    expect(roundTrips(response)).toBe(2);
    expect(tokens.token_type).toBe('DPoP');
    const { cnf } = claims(tokens.access_token);
    expect(cnf).toEqual({ jkt: app.key.thumbprint });
    expect(JSON.parse((await grantOf(tokens.refresh_token)).details).jkt).toBe(app.key.thumbprint);
    const refreshed = await (await app.refresh(tokens.refresh_token)).json();
    expect(refreshed.token_type).toBe('DPoP');
    expect(claims(refreshed.access_token).cnf).toEqual(cnf);
  });

  test('are told apart by introspection', async () => {
    const { app, tokens } = await signedIn();
    const of = async (token) => (await app.user.introspect(token)).json();
    const cnf = { jkt: app.key.thumbprint };
    expect(await of(tokens.access_token)).toMatchObject({ active: true, token_type: 'DPoP', cnf });
    const refreshToken = await of(tokens.refresh_token);
    expect(refreshToken).toMatchObject({ active: true, cnf });
    expect(refreshToken.token_type).toBeUndefined();
    const { tokens: plain } = await app.user.signIn();
    expect(await of(plain.access_token)).toMatchObject({ token_type: 'Bearer' });
    expect((await of(plain.access_token)).cnf).toBeUndefined();
  });

  test('are announced, and pages may send and read what they need', async () => {
    const discovery = await (await fetch(`${stack.provider}/.well-known/oauth-authorization-server`)).json();
    expect(discovery.dpop_signing_alg_values_supported).toEqual(['ES256', 'RS256', 'EdDSA', 'Ed25519']);
    const { app, tokens } = await signedIn();
    const headers = { origin: stack.gateway };
    const preflight = await fetch(app.tokenEndpoint, { method: 'OPTIONS', headers: { ...headers, 'access-control-request-headers': 'dpop' } });
    expect(preflight.headers.get('access-control-allow-headers')).toContain('DPoP');
    const answer = await app.send(app.refreshForm(tokens.refresh_token), app.proof({ nonce: 'old' }), headers);
    expect(await wire(answer)).toEqual(refused('use_dpop_nonce'));
    const exposed = answer.headers.get('access-control-expose-headers');
    expect(exposed).toContain('DPoP-Nonce');
    expect(exposed).toContain('WWW-Authenticate');
  });
});

describe('a user stays signed in', () => {
  test('through a nonce challenge, which touches nothing and costs no round trip', async () => {
    const { app, tokens } = await signedIn();
    for (const nonce of [undefined, 'x', app.key.thumbprint]) {
      const response = await app.send(app.refreshForm(tokens.refresh_token), app.key.proof('POST', app.tokenEndpoint, { nonce }));
      expect(await wire(response)).toEqual(refused('use_dpop_nonce'));
      expect(roundTrips(response)).toBe(0);
      expect(response.headers.get('dpop-nonce')).toMatch(/^[\w-]{43}$/);
    }
    const answer = await app.send(app.refreshForm(tokens.refresh_token));
    expect(answer.status).toBe(200);
    // Every answer to a proof brings the nonce for the next.
    expect(answer.headers.get('dpop-nonce')).toMatch(/^[\w-]{43}$/);
    await expectUntouched(app, tokens.refresh_token, 2);
  });

  test('through a nonce challenge to their code, also twice', async () => {
    const app = new ProvingApp(stack);
    const { verifier, challenge } = pkce();
    const code = (await app.user.authorize({ challenge })).get('code');
    const form = { grant_type: 'authorization_code', client_id: DEMO.id, code, redirect_uri: app.user.redirectUri, code_verifier: verifier };
    for (const proof of [app.proof(), app.proof()]) {
      const challenged = await post(app.tokenEndpoint, form, { dpop: proof });
      expect(await wire(challenged)).toEqual(refused('use_dpop_nonce'));
      expect(roundTrips(challenged)).toBe(0);
    }
    expect((await app.token(form)).status).toBe(200);
  });

  test('through a lost response: the same refresh token again', async () => {
    const { app, tokens } = await signedIn();
    const lost = await (await app.refresh(tokens.refresh_token)).json();
    const again = await app.refresh(tokens.refresh_token);
    expect(roundTrips(again)).toBe(1);
    const answer = await again.json();
    expect(answer.refresh_token).toBe(lost.refresh_token);
    expect(claims(answer.access_token).jti).not.toBe(claims(lost.access_token).jti);
  });

  test('through a request that the network repeats, proof and all', async () => {
    const { app, tokens } = await signedIn();
    const [form, proof] = [app.refreshForm(tokens.refresh_token), app.proof()];
    const answers = await Promise.all([app.send(form, proof), app.send(form, proof)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const [a, b] = await Promise.all(answers.map((answer) => answer.json()));
    expect(a.refresh_token).toBe(b.refresh_token);
    await age(tokens.refresh_token, 10);
    await ageProofs(10);
    expect(await (await app.send(form, proof)).json()).toMatchObject({ refresh_token: a.refresh_token });
    // Not for ever: then it wants a new proof, and nothing has ended.
    await age(tokens.refresh_token, 25);
    await ageProofs(25);
    expect(await wire(await app.send(form, proof))).toEqual(INVALID);
    expect(await (await app.refresh(tokens.refresh_token)).json()).toMatchObject({ refresh_token: a.refresh_token });
  });

  test('through three racers with one refresh token, each with a proof of its own', async () => {
    const { app, tokens } = await signedIn();
    const answers = await Promise.all([1, 2, 3].map(() => app.send(app.refreshForm(tokens.refresh_token))));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const successors = new Set(await Promise.all(answers.map(async (answer) => (await answer.json()).refresh_token)));
    expect(successors.size).toBe(1);
    expect(await generations(tokens.refresh_token)).toBe(2);
    expect((await app.refresh([...successors][0])).status).toBe(200);
  });

  test('through a response that was lost long ago: whoever has the key gets it', async () => {
    const { app, tokens } = await signedIn();
    const lost = await (await app.refresh(tokens.refresh_token)).json();
    await age(tokens.refresh_token, 3_000);
    const late = await app.refresh(tokens.refresh_token);
    expect(roundTrips(late)).toBe(1);
    expect(await late.json()).toMatchObject({ refresh_token: lost.refresh_token });
    expect((await app.refresh(lost.refresh_token)).status).toBe(200);
    // An older generation than that is a copy: it was answered, and the answer was used.
    await age(lost.refresh_token, 3_000);
    await age(tokens.refresh_token, 3_000);
    expect(await wire(await app.refresh(tokens.refresh_token))).toEqual({ ...refused('invalid_grant'), reason: 'replayed' });
  });

  test('with a refresh token that stays, if their client is set so', async () => {
    await behave('persistent');
    try {
      const { app, tokens } = await signedIn();
      for (let i = 0; i < 2; i++) {
        expect(await (await app.refresh(tokens.refresh_token)).json()).toMatchObject({ refresh_token: tokens.refresh_token });
      }
      // Without a key it is a bearer's, and rotates.
      const { tokens: plain } = await app.user.signIn();
      const next = await (await app.user.refresh(plain.refresh_token)).json();
      expect(next.refresh_token).not.toBe(plain.refresh_token);
    } finally {
      await behave('rotate');
    }
  });

  test('for three rows and one round trip a refresh; a retry writes at most its proof', async () => {
    const { app, tokens } = await signedIn();
    const written = async () => (await takeRecord(stack)).flatMap(({ statements }) => statements).reduce((sum, { written: rows }) => sum + rows, 0);
    await written();
    const refreshed = await app.send(app.refreshForm(tokens.refresh_token));
    expect(refreshed.status).toBe(200);
    expect(roundTrips(refreshed)).toBe(1);
    expect(await written()).toBe(3);
    await app.send(app.refreshForm(tokens.refresh_token));
    expect(await written()).toBe(1);
  });
});

describe('a bound refresh token', () => {
  test('is worth nothing without its key, and nothing is spent or ended', async () => {
    const { app, tokens } = await signedIn();
    const form = app.refreshForm(tokens.refresh_token);
    expect(await wire(await app.user.refresh(tokens.refresh_token))).toEqual(INVALID);
    const thief = new ProvingApp(stack);
    thief.nonce = app.nonce;
    expect(await wire(await thief.send(form))).toEqual(refused('invalid_grant'));
    // Also long after it was spent, when the thief's is the second use.
    const next = await (await app.refresh(tokens.refresh_token)).json();
    await age(tokens.refresh_token, 3_000);
    expect(await wire(await app.user.refresh(tokens.refresh_token))).toEqual(INVALID);
    expect(await wire(await thief.send(form))).toEqual(refused('invalid_grant'));
    await expectUntouched(app, next.refresh_token, 2);
  });

  const wrong = {
    'for another method': (app) => app.proof({ claims: { htm: 'GET' } }),
    'for another address': (app) => app.proof({ claims: { htu: `${stack.provider}/oauth/par` } }),
    'for another host': (app) => app.proof({ claims: { htu: 'https://evil.example/oauth/token' } }),
    'without a jti': (app) => app.proof({ claims: { jti: undefined } }),
    'without a time': (app) => app.proof({ claims: { iat: undefined } }),
    'of another type': (app) => app.proof({ header: { typ: 'JWT' } }),
    'that nobody signed': (app) => app.proof({ header: { alg: 'none' } }),
    'with a shared secret': (app) => app.proof({ header: { alg: 'HS256' } }),
    'that another key signed': (app) => app.proof({ signedBy: new ProofKey() }),
    'with its private key': (app) => app.proof({ header: { jwk: app.key.privateKey.export({ format: 'jwk' }) } }),
    'without a key': (app) => app.proof({ header: { jwk: undefined } }),
    'with a point off its curve': (app) => app.proof({ header: { jwk: { ...app.key.jwk, y: app.key.jwk.x } } }),
    'with a point of small order, with which nothing can be verified': (app) => {
      const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.alloc(32).toString('base64url') };
      return new ProofKey('EdDSA').proof('POST', app.tokenEndpoint, { header: { jwk } });
    },
    'twice in one header': (app) => `${app.proof()}, ${app.proof()}`,
    'that is none': () => 'x',
  };
  test.each(Object.entries(wrong))('is refused with a proof %s, before any database work, and survives', async (_, make) => {
    const { app, tokens } = await signedIn();
    const response = await app.send(app.refreshForm(tokens.refresh_token), make(app));
    expect(await wire(response)).toEqual(INVALID);
    expect(roundTrips(response)).toBe(0);
    expect(response.headers.get('dpop-nonce')).toBeTruthy();
    await expectUntouched(app, tokens.refresh_token);
  });

  test('does not mind a wrong clock: the nonce says when', async () => {
    const { app, tokens } = await signedIn();
    const proof = app.proof({ claims: { iat: 1_000_000_000 } });
    expect((await app.send(app.refreshForm(tokens.refresh_token), proof)).status).toBe(200);
  });

  test('takes no proof that was used for anything else', async () => {
    const { app, form, tokens } = await signedIn();
    const other = (await app.signIn()).tokens;
    const proof = app.proof();
    expect((await app.send(app.refreshForm(other.refresh_token), proof)).status).toBe(200);
    expect(await wire(await app.send(app.refreshForm(tokens.refresh_token), proof))).toEqual(INVALID);
    await expectUntouched(app, tokens.refresh_token);
    // Nor does a code, or a client that acts for itself.
    expect(await wire(await app.send(form, proof))).toEqual(INVALID);
    const authorization = basic('gatepass-service', stack.secrets.GATEPASS_SERVICE_SECRET);
    const service = () => app.send({ grant_type: 'client_credentials' }, proof, { authorization });
    expect(await wire(await service())).toEqual(INVALID);
    const pushed = await post(`${stack.provider}/oauth/par`, { client_id: DEMO.id }, { dpop: app.key.proof('POST', `${stack.provider}/oauth/token`) });
    expect(await wire(pushed)).toEqual(INVALID);
  });

  test('may be traded at every name of the endpoint, by a proof for that name', async () => {
    const { app, tokens } = await signedIn();
    let token = tokens.refresh_token;
    for (const path of ['/token', '/refresh']) {
      const url = `${stack.provider}${path}`;
      const wrongName = await post(url, app.refreshForm(token), { dpop: app.proof() });
      expect(await wire(wrongName)).toEqual(INVALID);
      const response = await post(url, app.refreshForm(token), { dpop: app.key.proof('POST', url, { nonce: app.nonce }) });
      expect(response.status).toBe(200);
      token = (await response.json()).refresh_token;
    }
  });
});

describe('a grant that is bound to no key', () => {
  test('is not bound by whoever refreshes it first, and nothing is spent', async () => {
    const { tokens } = await new Browser(stack).signIn();
    const app = new ProvingApp(stack);
    expect(await wire(await app.refresh(tokens.refresh_token))).toEqual(INVALID);
    expect(await generations(tokens.refresh_token)).toBe(1);
    expect((await app.user.refresh(tokens.refresh_token)).status).toBe(200);
  });

  test('of a confidential client has bound access tokens and a refresh token that its secret guards', async () => {
    const app = new ProvingApp(stack);
    const authorization = basic('gatepass-gateway', stack.secrets.GATEPASS_GATEWAY_SECRET);
    const { verifier, challenge } = pkce();
    const redirectUri = `${stack.gateway}/login/oauth2/code/gatepass`;
    const back = await app.user.authorize({ challenge, client_id: 'gatepass-gateway', redirect_uri: redirectUri, dpop_jkt: app.key.thumbprint });
    const form = { grant_type: 'authorization_code', code: back.get('code'), code_verifier: verifier };
    const tokens = await (await app.token(form, { authorization })).json();
    expect(claims(tokens.access_token).cnf).toEqual({ jkt: app.key.thumbprint });
    expect(JSON.parse((await grantOf(tokens.refresh_token)).details).jkt).toBeUndefined();
    const refresh = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token };
    const other = new ProvingApp(stack);
    const rebound = await (await other.token(refresh, { authorization })).json();
    expect(claims(rebound.access_token).cnf).toEqual({ jkt: other.key.thumbprint });
    const plain = await (await app.user.token({ ...refresh, refresh_token: rebound.refresh_token }, { authorization })).json();
    expect(plain.token_type).toBe('Bearer');
  });
});

describe('a code that is bound to a key (dpop_jkt)', () => {
  const bound = async (app, verifier, challenge) => {
    const code = (await app.user.authorize({ challenge, dpop_jkt: app.key.thumbprint })).get('code');
    return { grant_type: 'authorization_code', client_id: DEMO.id, code, redirect_uri: app.user.redirectUri, code_verifier: verifier };
  };

  test('is redeemed with that key only, also after the sign-in page, and survives who has not', async () => {
    const app = new ProvingApp(stack);
    const { verifier, challenge } = pkce();
    const form = await bound(app, verifier, challenge);
    expect(await wire(await app.user.token(form))).toEqual(INVALID);
    expect(await wire(await new ProvingApp(stack).token(form))).toEqual(refused('invalid_grant'));
    expect((await app.token(form)).status).toBe(200);
    // Nor does a replay without the key end anything.
    await db.prepare('UPDATE codes SET redeemed_at = redeemed_at - 60 WHERE redeemed_at > 0').run();
    expect(await wire(await new ProvingApp(stack).token(form))).toEqual(refused('invalid_grant'));
  });

  test('must be a thumbprint', async () => {
    const user = new Browser(stack);
    const back = await user.request('GET', user.authorizeUrl({ challenge: pkce().challenge, dpop_jkt: 'x' }));
    const { searchParams } = new URL(back.headers.get('location'));
    expect(searchParams.get('error')).toBe('invalid_request');
  });

  const push = (app, parameters, dpop) => post(`${stack.provider}/oauth/par`, {
    response_type: 'code', client_id: DEMO.id, redirect_uri: app.user.redirectUri, scope: SCOPE, code_challenge_method: 'S256', ...parameters,
  }, dpop ? { dpop } : {});

  test('may be asked for by a proof at the pushed request endpoint', async () => {
    const app = new ProvingApp(stack);
    const { verifier, challenge } = pkce();
    const endpoint = `${stack.provider}/oauth/par`;
    const parameters = { code_challenge: challenge };
    const challenged = await push(app, parameters, app.key.proof('POST', endpoint));
    expect(await wire(challenged)).toEqual(refused('use_dpop_nonce'));
    const nonce = challenged.headers.get('dpop-nonce');
    const other = await push(app, { ...parameters, dpop_jkt: new ProofKey().thumbprint }, app.key.proof('POST', endpoint, { nonce }));
    expect(await wire(other)).toEqual(INVALID);
    const proof = app.key.proof('POST', endpoint, { nonce });
    const pushed = await push(app, parameters, proof);
    expect(pushed.status).toBe(201);
    expect(roundTrips(pushed)).toBe(3);
    expect(await wire(await push(app, parameters, proof))).toEqual(INVALID);
    const { request_uri: requestUri } = await pushed.json();
    // Twice: the first answer gives the browser its cookie.
    const url = `/oauth/authorize?${new URLSearchParams({ client_id: DEMO.id, request_uri: requestUri })}`;
    const given = await app.user.request('GET', url);
    const login = await app.user.request('GET', given.headers.get('location'));
    const page = await app.user.request('GET', login.headers.get('location'));
    const stateToken = /name="state_token" value="([^"]+)"/.exec(await page.text())[1];
    const answered = await app.user.submitLogin(stateToken);
    const back = await app.user.request('GET', answered.headers.get('location'));
    const code = new URL(back.headers.get('location')).searchParams.get('code');
    const form = { grant_type: 'authorization_code', client_id: DEMO.id, code, redirect_uri: app.user.redirectUri, code_verifier: verifier };
    expect(await wire(await app.user.token(form))).toEqual(INVALID);
    expect((await app.token(form)).status).toBe(200);
  });
});

describe('other grants', () => {
  test('a client that acts for itself gets a bound token in one round trip', async () => {
    const app = new ProvingApp(stack);
    const authorization = basic('gatepass-service', stack.secrets.GATEPASS_SERVICE_SECRET);
    const response = await app.token({ grant_type: 'client_credentials' }, { authorization });
    expect(roundTrips(response)).toBe(1);
    const tokens = await response.json();
    expect(tokens.token_type).toBe('DPoP');
    expect(claims(tokens.access_token).cnf).toEqual({ jkt: app.key.thumbprint });
  });

  test('a device proves its key with each poll, and gets its tokens again if they were lost', async () => {
    const browser = new Browser(stack);
    const device = new Device(browser);
    const { user_code: userCode, device_code: deviceCode } = await device.begin({ scope: 'openid offline_access read' });
    const app = new ProvingApp(stack);
    const form = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', client_id: 'gatepass-cli', device_code: deviceCode };
    expect(await wire(await app.token(form))).toEqual(refused('authorization_pending'));
    await new DevicePage(browser).answer(userCode, 'allow');
    const proof = app.proof();
    const tokens = await (await app.send(form, proof)).json();
    expect(claims(tokens.access_token).cnf).toEqual({ jkt: app.key.thumbprint });
    const repeated = await (await app.send(form, proof)).json();
    expect(repeated.refresh_token).toBe(tokens.refresh_token);
    expect(await wire(await app.user.token(form))).toEqual(INVALID);
    expect(await wire(await new ProvingApp(stack).token(form))).toEqual(refused('invalid_grant'));
    const refresh = { grant_type: 'refresh_token', client_id: 'gatepass-cli', refresh_token: tokens.refresh_token };
    expect(await wire(await app.user.token(refresh))).toEqual(INVALID);
    expect((await app.token(refresh)).status).toBe(200);
  });

  test('a client that promised to prove a key must (dpop_bound_access_tokens)', async () => {
    const before = await new Browser(stack).signIn();
    await settle('dpop_bound_access_tokens', true);
    await settle('dpop_bound_access_tokens', true, 'gatepass-service');
    try {
      const app = new ProvingApp(stack);
      expect((await app.signIn()).response.status).toBe(200);
      const { verifier, challenge } = pkce();
      const code = (await app.user.authorize({ challenge })).get('code');
      expect(await wire(await app.user.redeem(code, verifier))).toEqual(INVALID);
      expect(await wire(await app.user.refresh(before.tokens.refresh_token))).toEqual(INVALID);
      expect(await generations(before.tokens.refresh_token)).toBe(1);
      const authorization = basic('gatepass-service', stack.secrets.GATEPASS_SERVICE_SECRET);
      expect(await wire(await app.user.token({ grant_type: 'client_credentials' }, { authorization }))).toEqual(INVALID);
    } finally {
      await settle('dpop_bound_access_tokens', undefined);
      await settle('dpop_bound_access_tokens', undefined, 'gatepass-service');
    }
  });

  test('a client may register so', async () => {
    const metadata = { redirect_uris: ['https://app.example/callback'], token_endpoint_auth_method: 'none', dpop_bound_access_tokens: true };
    const response = await fetch(`${stack.provider}/oauth/register`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(metadata),
    });
    expect(await response.json()).toMatchObject({ dpop_bound_access_tokens: true });
  });
});

describe.each(['/oauth/userinfo', '/introspect'])('a bound access token at %s', (path) => {
  let app;
  let token;
  const url = () => `${stack.provider}${path}`;
  beforeAll(async () => {
    const made = await signedIn();
    app = made.app;
    token = made.tokens.access_token;
  });

  const challenge = (response) => response.headers.get('www-authenticate');

  test('opens what it should with a proof for it', async () => {
    const response = await app.call(url(), token);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ sub: 'demo' });
    expect(response.headers.get('dpop-nonce')).toMatch(/^[\w-]{43}$/);
  });

  test('is no bearer token', async () => {
    for (const headers of [{ authorization: `Bearer ${token}` }, { authorization: `Bearer ${token}`, dpop: app.key.proof('GET', url(), { token }) }]) {
      const response = await fetch(url(), { headers });
      expect(await wire(response)).toEqual(refused('invalid_token', 401));
      expect(challenge(response)).toMatch(/^DPoP .*error="invalid_token".*algs="ES256 RS256 EdDSA Ed25519"/);
    }
  });

  const wrong = {
    'without a proof': [() => ({ headers: { dpop: '' } }), 'invalid_dpop_proof'],
    'with a proof for another token': [() => ({ how: { token: 'other' } }), 'invalid_dpop_proof'],
    'with a proof for no token': [() => ({ how: { claims: { ath: undefined } } }), 'invalid_dpop_proof'],
    'with a proof for another method': [() => ({ how: { claims: { htm: 'POST' } } }), 'invalid_dpop_proof'],
    'with a proof for another address': [() => ({ how: { claims: { htu: `${stack.provider}/oauth/token` } } }), 'invalid_dpop_proof'],
    'with another key': [() => ({ headers: { dpop: new ProofKey().proof('GET', url(), { token }) } }), 'invalid_dpop_proof'],
    'by a clock that is wrong': [() => ({ how: { claims: { iat: 1_000_000_000 } } }), 'use_dpop_nonce'],
    'with a nonce of elsewhere': [() => ({ how: { nonce: 'x' } }), 'use_dpop_nonce'],
  };
  test.each(Object.entries(wrong))('is refused %s', async (_, [how, error]) => {
    const response = await app.call(url(), token, how());
    expect(await wire(response)).toEqual(refused(error, 401));
    expect(challenge(response)).toContain(`error="${error}"`);
    expect(challenge(response)).toMatch(/^DPoP .*algs=/);
  });

  test('takes each proof once, and a wrong clock with a nonce', async () => {
    const proof = app.key.proof('GET', url(), { token });
    const call = () => fetch(url(), { headers: { authorization: `DPoP ${token}`, dpop: proof } });
    expect((await call()).status).toBe(200);
    expect(await wire(await call())).toEqual(refused('invalid_dpop_proof', 401));
    const nonce = (await call()).headers.get('dpop-nonce');
    expect((await app.call(url(), token, { how: { nonce, claims: { iat: 1_000_000_000 } } })).status).toBe(200);
  });

  test('and one that is bound to no key is not presented as if it were', async () => {
    const { tokens } = await app.user.signIn();
    expect(await wire(await app.call(url(), tokens.access_token))).toEqual(refused('invalid_token', 401));
    expect((await fetch(url(), { headers: { authorization: `Bearer ${tokens.access_token}` } })).status).toBe(200);
  });
});

describe('where nonces are not required (GATEPASS_DPOP_NONCE=accept)', () => {
  let relaxed;
  beforeAll(async () => {
    relaxed = await startStack({ only: ['provider'], provider: { GATEPASS_DPOP_NONCE: 'accept' } });
  });
  afterAll(() => relaxed?.stop());

  test('the time in the proof counts, and whose clock is wrong is given a nonce', async () => {
    const app = new ProvingApp(relaxed);
    const { verifier, challenge } = pkce();
    const code = (await app.user.authorize({ challenge })).get('code');
    const form = { grant_type: 'authorization_code', client_id: DEMO.id, code, redirect_uri: app.user.redirectUri, code_verifier: verifier };
    for (const seconds of [-120, 120]) {
      const stale = app.proof({ claims: { iat: Math.floor(Date.now() / 1000) + seconds }, nonce: undefined });
      expect(await wire(await app.send(form, stale))).toEqual(refused('use_dpop_nonce'));
    }
    expect((await app.send(form, app.proof({ nonce: undefined }))).status).toBe(200);
  });

  test('is said by one of two words', async () => {
    const other = await startStack({ only: ['provider'], healthy: false, provider: { GATEPASS_DPOP_NONCE: 'sometimes' } });
    expect((await fetch(`${other.provider}/health`)).status).toBe(500);
    expect(other.logs().join()).toContain('GATEPASS_DPOP_NONCE must be require or accept');
    await other.stop();
  });
});
