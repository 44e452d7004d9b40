// The guard of an API whose provider is not ours: oidc-provider from npm, with tokens of both kinds.
import { createServer } from 'node:http';

import { Provider } from 'oidc-provider';
import { afterEach, expect, test } from 'vitest';

import { startStack } from '../support/stack.mjs';

let stack;
let server;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => { server ? server.close(resolve) : resolve(); });
  await stack?.stop();
});

/** Starts an API that trusts oidc-provider, whose access tokens are of that format; resolves to what gets one. */
async function start(accessTokenFormat, variables, hidden = []) {
  stack = await startStack({ only: ['api'], api: variables });
  const { provider: issuer, api, secrets } = stack;
  const client = (client_id, client_secret, more) => ({ client_id, client_secret, redirect_uris: [], response_types: [], grant_types: [], ...more });
  const oidc = new Provider(issuer, {
    clients: [
      client('a-service', 'the-secret-of-a-service', { grant_types: ['client_credentials'] }),
      client('gatepass-api', secrets.GATEPASS_API_SECRET),
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({ scope: 'read write', audience: api, accessTokenTTL: 300, accessTokenFormat }),
      },
    },
  });
  const answer = oidc.callback();
  const asked = [];
  server = createServer((request, response) => {
    asked.push(request.url);
    if (hidden.includes(request.url)) response.writeHead(404).end();
    else answer(request, response);
  });
  await new Promise((resolve) => { server.listen(new URL(issuer).port, 'localhost', resolve); });
  const token = async (scope) => {
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('a-service:the-secret-of-a-service')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope, resource: api }),
    });
    expect(response.status).toBe(200);
    return (await response.json()).access_token;
  };
  return { token, asked: (path) => asked.filter((url) => url === path).length };
}

const call = (token) => fetch(`${stack.api}/api/user/profile`, { headers: { authorization: `Bearer ${token}` } });

test.each([
  ['opaque', { GATEPASS_VALIDATION: 'introspection', GATEPASS_REVOCATION_BOUND: '10' }],
  ['opaque', { GATEPASS_VALIDATION: 'both' }],
  ['jwt', { GATEPASS_VALIDATION: 'jwt' }],
])('%s tokens are judged with %j', async (format, variables) => {
  const provider = await start(format, variables);
  const token = await provider.token('read');
  expect(token.includes('.')).toBe(format === 'jwt');
  expect((await call(token)).status).toBe(200);
  expect((await call(token)).status).toBe(200);
  expect(provider.asked('/token/introspection')).toBe(variables.GATEPASS_VALIDATION === 'jwt' ? 0 : 1);
  const other = await call(await provider.token('write'));
  expect(other.status).toBe(403);
  expect(other.headers.get('www-authenticate')).toContain('insufficient_scope');
  expect((await call(`${token.slice(0, -2)}xx`)).status).toBe(401);
});

test('the metadata may be where OpenID Connect alone puts it', async () => {
  const provider = await start('jwt', { GATEPASS_VALIDATION: 'jwt' }, ['/.well-known/oauth-authorization-server']);
  expect((await call(await provider.token('read'))).status).toBe(200);
  expect(provider.asked('/.well-known/openid-configuration')).toBe(1);
});
