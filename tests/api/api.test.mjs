// The sample API and its guard (RFC 6750, RFC 9068 §4, RFC 9728), in both ways of validation.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, basic, pkce } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

describe.each(['introspection', 'jwt'])('validating by %s', (validation) => {
  let stack;
  let user;
  let tokens;
  beforeAll(async () => {
    stack = await startStack({
      only: ['provider', 'api'],
      provider: { GATEPASS_RESOURCES: 'https://other.example' },
      api: { GATEPASS_VALIDATION: validation },
    });
    user = new Browser(stack);
    ({ tokens } = await user.signIn());
  });
  afterAll(() => stack?.stop());

  const call = (path, { token, method = 'GET', body, headers = {} } = {}) => fetch(`${stack.api}${path}`, {
    method, body, headers: { ...(token && { authorization: `Bearer ${token}` }), ...headers },
  });
  const update = (body, options = {}) => call('/api/user/update', {
    token: tokens.access_token, method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), ...options,
  });

  test('a good token opens what its scope allows', async () => {
    const { access_token: token } = tokens;
    expect(await (await call('/api/protected', { token })).json()).toMatchObject({ sub: 'demo', client_id: 'gatepass-demo' });
    expect((await (await call('/api/data', { token })).json()).items.length).toBeGreaterThan(0);
    expect((await call('/api/user/profile', { token })).status).toBe(200);
  });

  test('a service that acts for itself is let in as far as its scope goes', async () => {
    const obtain = async (scope) => {
      const authorization = basic('gatepass-service', stack.secrets.GATEPASS_SERVICE_SECRET);
      const response = await user.token({ grant_type: 'client_credentials', scope }, { authorization });
      return (await response.json()).access_token;
    };
    const token = await obtain('read');
    expect(await (await call('/api/protected', { token })).json()).toMatchObject({ sub: 'gatepass-service', client_id: 'gatepass-service', scope: 'read' });
    expect(await (await call('/api/user/profile', { token })).json()).toMatchObject({ subject: 'gatepass-service', display_name: '' });
    expect((await update({ display_name: 'A Service' }, { token })).status).toBe(403);
    expect((await call('/api/user/profile', { token: await obtain('write') })).status).toBe(403);
  });

  test('a service that acts for a user is told from the user (RFC 8693)', async () => {
    const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange';
    const db = await stack.database('provider');
    await db.prepare("UPDATE clients SET grant_types = grant_types || ' ' || ?, settings = ? WHERE client_id = 'gatepass-service'")
      .bind(grantType, JSON.stringify({ exchanges_tokens_of: ['gatepass-demo'] })).run();
    const authorization = basic('gatepass-service', stack.secrets.GATEPASS_SERVICE_SECRET);
    const subject = { subject_token: tokens.access_token, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' };
    const exchanged = await (await user.token({ grant_type: grantType, ...subject, scope: 'read' }, { authorization })).json();
    const answer = await (await call('/api/protected', { token: exchanged.access_token })).json();
    expect(answer).toMatchObject({ sub: 'demo', client_id: 'gatepass-service', actor: 'gatepass-service', scope: 'read' });
    expect(await (await call('/api/protected', { token: tokens.access_token })).json()).not.toHaveProperty('actor');
  });

  test('an update is kept, and the next one too', async () => {
    for (const name of ['Åse Nordmann', 'דנה כהן', 'علی\u200Cرضا']) {
      const updated = await update({ display_name: `  ${name} ` });
      expect(updated.status).toBe(200);
      const profile = await (await call('/api/user/profile', { token: tokens.access_token })).json();
      expect(profile).toMatchObject({ subject: 'demo', display_name: name });
    }
  });

  test('invalid input is a 400 that names the field, and changes nothing', async () => {
    await update({ display_name: 'Before' });
    for (const body of [{}, { display_name: '' }, { display_name: 7 }, { display_name: 'x'.repeat(81) }, { display_name: 'a\u0000' },
      { display_name: 'a\u202Eb' }, { display_name: '\u3164' }, { display_name: 'a\u200Bb' }, [], null]) {
      const response = await update(body);
      expect(response.status).toBe(400);
      const answer = await response.json();
      expect(answer).toMatchObject({ error: 'invalid_request', field: 'display_name' });
      expect(answer.error_description).toMatch(/^display_name /);
    }
    expect((await update({}, { body: '{' })).status).toBe(400);
    expect((await update({}, { headers: { 'content-type': 'text/plain' } })).status).toBe(415);
    expect((await update({ display_name: 'x'.repeat(70_000) })).status).toBe(413);
    const profile = await (await call('/api/user/profile', { token: tokens.access_token })).json();
    expect(profile.display_name).toBe('Before');
  });

  test('the list comes page by page, and each says where the next one is', async () => {
    const { access_token: token } = tokens;
    const ids = [];
    let path = '/api/data?limit=3';
    while (path) {
      const response = await call(path, { token });
      expect(response.status).toBe(200);
      const { items, next_cursor: cursor } = await response.json();
      ids.push(...items.map(({ id }) => id));
      const link = response.headers.get('link');
      path = /^<([^>]+)>; rel="next"$/.exec(link ?? '')?.[1];
      expect(Boolean(path)).toBe(Boolean(cursor));
      if (path) expect(new URL(path, stack.api).searchParams.get('cursor')).toBe(cursor);
    }
    const all = (await (await call('/api/data', { token })).json()).items.map(({ id }) => id);
    expect(ids).toEqual(all);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThan(3);
    for (const [query, field] of [['limit=0', 'limit'], ['limit=101', 'limit'], ['limit=many', 'limit'], ['cursor=3', 'cursor'], ['cursor=a&cursor=b', 'cursor']]) {
      const refused = await call(`/api/data?${query}`, { token });
      expect({ status: refused.status, ...(await refused.json()) }).toMatchObject({ status: 400, field });
    }
  });

  test('every refusal is problem details (RFC 9457), beside its challenge', async () => {
    const { access_token: token } = tokens;
    const refused = [
      [await call('/api/protected'), 401, 'Unauthorized', 'invalid_token'],
      [await call('/api/data?limit=0', { token }), 400, 'Bad Request', 'invalid_request'],
      [await call('/api/nothing'), 404, 'Not Found', 'invalid_request'],
      [await call('/api/data', { method: 'DELETE' }), 405, 'Method Not Allowed', 'invalid_request'],
      [await update({}, { headers: { 'content-type': 'text/plain' } }), 415, 'Unsupported Media Type', 'invalid_request'],
    ];
    for (const [response, status, title, error] of refused) {
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      const problem = await response.json();
      expect(problem).toMatchObject({ type: 'about:blank', title, status, error, detail: expect.any(String) });
      expect(problem.detail).toBe(problem.error_description);
    }
    expect(refused[0][0].headers.get('www-authenticate')).toContain('Bearer');
    expect(refused[3][0].headers.get('allow')).toBe('GET');
  });

  test('a profile is replaced by whoever has seen the version that is there, and by a retry', async () => {
    const { access_token: token } = tokens;
    const put = (name, tag) => call('/api/user/profile', {
      token, method: 'PUT', headers: { 'content-type': 'application/json', ...(tag && { 'if-match': tag }) }, body: JSON.stringify({ display_name: name }),
    });
    await update({ display_name: 'Before' });
    const read = async () => {
      const response = await call('/api/user/profile', { token });
      return { tag: response.headers.get('etag'), name: (await response.json()).display_name };
    };
    const { tag } = await read();
    const unconditional = await put('First', undefined);
    expect({ status: unconditional.status, ...(await unconditional.json()) }).toMatchObject({ status: 428, field: 'If-Match' });
    const [first, retry] = [await put('First', tag), await put('First', tag)];
    expect([first.status, retry.status]).toEqual([200, 200]);
    expect(retry.headers.get('etag')).toBe(first.headers.get('etag'));
    expect(first.headers.get('etag')).not.toBe(tag);
    const late = await put('Second', tag);
    expect({ status: late.status, ...(await late.json()) }).toMatchObject({ status: 412, field: 'If-Match' });
    expect(late.headers.get('etag')).toBe(first.headers.get('etag'));
    for (const other of ['"v99999"', `W/${first.headers.get('etag')}`, 'x']) expect((await put('Second', other)).status).toBe(412);
    expect(await read()).toEqual({ tag: first.headers.get('etag'), name: 'First' });
    expect((await put('Third', '*')).status).toBe(200);
    const racers = await Promise.all(Array.from({ length: 5 }, async (_, index) => put(`Racer ${index}`, (await read()).tag)));
    expect(racers.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    expect(racers.every(({ status }) => status === 200 || status === 412)).toBe(true);
    const overtaken = await update({ display_name: 'Late' }, { headers: { 'content-type': 'application/json', 'if-match': tag } });
    expect(overtaken.status).toBe(412);
  });

  test('every refusal is a challenge as RFC 6750 §3 has it', async () => {
    const { tokens: narrow } = await user.signIn({ scope: 'openid' });
    const { tokens: other } = await user.signIn({ resource: 'https://other.example' });
    const metadata = `resource_metadata="${stack.api}/.well-known/oauth-protected-resource"`;
    const refused = [
      [{}, 401, `Bearer realm="${stack.api}", ${metadata}`],
      [{ headers: { authorization: 'Basic x' } }, 401, `Bearer realm="${stack.api}", ${metadata}`],
      [{ headers: { authorization: 'Bearer a b' } }, 400, 'error="invalid_request"'],
      [{ token: 'garbage' }, 401, 'error="invalid_token"'],
      [{ token: tokens.refresh_token }, 401, 'error="invalid_token"'],
      [{ token: tokens.id_token }, 401, 'error="invalid_token"'],
      [{ token: `${tokens.access_token.slice(0, -6)}AAAAAA` }, 401, 'error="invalid_token"'],
      [{ token: other.access_token }, 401, 'error="invalid_token", error_description="the token is for another resource"'],
      [{ token: narrow.access_token }, 403, 'error="insufficient_scope", error_description="the scope read is required", scope="read"'],
    ];
    for (const [options, status, challenge] of refused) {
      const response = await call('/api/user/profile', options);
      expect(response.status).toBe(status);
      expect(response.headers.get('www-authenticate')).toContain(challenge);
      expect(response.headers.get('www-authenticate')).toContain(metadata);
    }
  });

  test('write needs its own scope', async () => {
    const { tokens: reader } = await user.signIn({ scope: 'openid read' });
    const response = await update({ display_name: 'x' }, { token: reader.access_token });
    expect(response.status).toBe(403);
    expect(response.headers.get('www-authenticate')).toContain('scope="write"');
  });

  test('only registered pages may call it', async () => {
    const preflight = (origin) => call('/api/user/update', {
      method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' },
    });
    const allowed = await preflight(stack.gateway);
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-origin')).toBe(stack.gateway);
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
    const refused = await call('/api/protected', { headers: { origin: stack.gateway } });
    expect(refused.headers.get('access-control-expose-headers')).toContain('WWW-Authenticate');
  });

  test('it describes itself (RFC 9728), and what is not there is not', async () => {
    expect(await (await call('/.well-known/oauth-protected-resource')).json()).toMatchObject({
      resource: stack.api, authorization_servers: [stack.provider],
    });
    expect(await (await call('/health')).json()).toMatchObject({ status: 'ok' });
    expect((await call('/api/nothing')).status).toBe(404);
    expect((await call('/api/data', { method: 'DELETE' })).status).toBe(405);
  });

  test('a revoked grant is refused', { timeout: 30_000 }, async () => {
    const { tokens: gone } = await user.signIn();
    await user.revoke(gone.refresh_token);
    const status = async () => (await call('/api/protected', { token: gone.access_token })).status;
    // Introspection knows at once; a token that is checked locally is refused within the bound: `status.test.mjs`.
    if (validation === 'introspection') expect(await status()).toBe(401);
    await expect.poll(status, { timeout: 20_000 }).toBe(401);
  });
});

describe.each(['introspection', 'jwt'])('tokens, validating by %s,', (validation) => {
  test('that have expired are refused', async () => {
    const stack = await startStack({
      only: ['provider', 'api'], provider: { GATEPASS_ACCESS_TOKEN_LIFETIME: '0' }, api: { GATEPASS_VALIDATION: validation },
    });
    try {
      const { tokens } = await new Browser(stack).signIn();
      const headers = { authorization: `Bearer ${tokens.access_token}` };
      const response = await fetch(`${stack.api}/api/protected`, { headers });
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toContain('error="invalid_token"');
    } finally {
      await stack.stop();
    }
  });

  test('cannot be judged when the provider does not answer: nobody is let in, and nobody is told to sign in again', async () => {
    // Of the form of an access token, under a key that nobody knows.
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const token = `${part({ typ: 'at+jwt', alg: 'ES256', kid: 'a-key' })}.${part({})}.AAAA`;
    const stack = await startStack({ only: ['api'], api: { GATEPASS_VALIDATION: validation } });
    try {
      const response = await fetch(`${stack.api}/api/protected`, { headers: { authorization: `Bearer ${token}` } });
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('1');
      expect(response.headers.get('www-authenticate')).toBeNull();
    } finally {
      await stack.stop();
    }
  });
});

describe.each(['introspection', 'jwt'])('a change that needs a recent sign-in, validating by %s,', (validation) => {
  test('is refused to whoever signed in too long ago, with how recent it must be (RFC 9470)', async () => {
    const stack = await startStack({ only: ['provider', 'api'], api: { GATEPASS_VALIDATION: validation, GATEPASS_UPDATE_MAX_AGE: '600' } });
    try {
      const user = new Browser(stack);
      const change = (token) => fetch(`${stack.api}/api/user/update`, {
        method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: '{"display_name":"x"}',
      });
      const { tokens } = await user.signIn();
      expect((await change(tokens.access_token)).status).toBe(200);
      const db = await stack.database('provider');
      await db.prepare('UPDATE grants SET auth_time = auth_time - 700').run();
      const old = await (await user.refresh(tokens.refresh_token)).json();
      const refused = await change(old.access_token);
      expect(refused.status).toBe(401);
      expect(refused.headers.get('www-authenticate')).toContain('error="insufficient_user_authentication", error_description="a more recent sign-in is required", max_age="600"');
      // What needs no recent sign-in is still open.
      expect((await fetch(`${stack.api}/api/user/profile`, { headers: { authorization: `Bearer ${old.access_token}` } })).status).toBe(200);
      const { tokens: recent } = await user.signIn({ max_age: '600', prompt: 'login' });
      expect((await change(recent.access_token)).status).toBe(200);
    } finally {
      await stack.stop();
    }
  });
});

describe.each(['introspection', 'jwt'])('a change that needs a sure sign-in, validating by %s,', (validation) => {
  const PASSWORD = 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport';
  const change = (stack, token) => fetch(`${stack.api}/api/user/update`, {
    method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: '{"display_name":"x"}',
  });
  const start = (values) => startStack({
    only: ['provider', 'api'],
    api: { GATEPASS_VALIDATION: validation, GATEPASS_UPDATE_MAX_AGE: '600', GATEPASS_UPDATE_ACR_VALUES: values },
  });
  /** The parameters of a challenge. */
  const parameters = (response) => Object.fromEntries([...response.headers.get('www-authenticate').matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));

  test('is open to whoever has the acr that tokens say, and to no service', async () => {
    const stack = await start(`urn:example:gold ${PASSWORD}`);
    try {
      const user = new Browser(stack);
      const { tokens } = await user.signIn();
      expect((await change(stack, tokens.access_token)).status).toBe(200);
      const refreshed = await (await user.refresh(tokens.refresh_token)).json();
      expect((await change(stack, refreshed.access_token)).status).toBe(200);
      // What the challenge asks for, a client asks the provider for.
      const service = await user.token({ grant_type: 'client_credentials', scope: 'write' }, { authorization: basic('gatepass-service', stack.secrets.GATEPASS_SERVICE_SECRET) });
      const refused = await change(stack, (await service.json()).access_token);
      expect(refused.status).toBe(401);
      const { error, max_age, acr_values } = parameters(refused);
      expect({ error, max_age, acr_values }).toEqual({ error: 'insufficient_user_authentication', max_age: '600', acr_values: `urn:example:gold ${PASSWORD}` });
      const { tokens: stepped } = await user.signIn({ max_age, acr_values, prompt: 'login' });
      expect((await change(stack, stepped.access_token)).status).toBe(200);
    } finally {
      await stack.stop();
    }
  });

  test('is refused where no sign-in is as sure, whether asked for or not', async () => {
    const stack = await start('urn:example:gold');
    try {
      const user = new Browser(stack);
      for (const asked of [{}, { acr_values: 'urn:example:gold' }]) {
        const { tokens } = await user.signIn(asked);
        const refused = await change(stack, tokens.access_token);
        expect(refused.status).toBe(401);
        expect(parameters(refused)).toMatchObject({ error_description: 'another way to sign in is required', acr_values: 'urn:example:gold' });
        // What needs none is still open.
        expect((await fetch(`${stack.api}/api/user/profile`, { headers: { authorization: `Bearer ${tokens.access_token}` } })).status).toBe(200);
      }
      // Whoever cannot do without is told that it cannot be had, instead of being sent in a circle.
      const claims = JSON.stringify({ id_token: { acr: { essential: true, values: ['urn:example:gold'] } } });
      const answer = await user.authorize({ challenge: pkce().challenge, claims });
      expect(answer.get('error')).toBe('unmet_authentication_requirements');
    } finally {
      await stack.stop();
    }
  });
});

test('what is open to everybody needs no token', async () => {
  const stack = await startStack({ only: ['api'] });
  try {
    const response = await fetch(`${stack.api}/api/open`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ message: 'This resource is open to everybody.', sub: 'anybody' });
    expect((await fetch(`${stack.api}/api/open`, { method: 'POST' })).status).toBe(405);
  } finally {
    await stack.stop();
  }
});
