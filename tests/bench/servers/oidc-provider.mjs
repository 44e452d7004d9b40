// oidc-provider: Node, with the in-memory store it brings along.

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import { REDIRECT_URI } from '../user.mjs';

const CLIENT = 'page';
const RESOURCE_SERVER = { id: 'api', secret: randomUUID() };
const SCOPE = 'read offline_access';
const USER = 'user';

export const profile = {
  name: 'oidc-provider',
  package: 'oidc-provider',
  storage: 'Node, memory',
  paths: {
    discovery: '/.well-known/openid-configuration',
    authorize: '/auth',
    token: '/token',
    introspect: '/token/introspection',
  },
  client: CLIENT,
  scope: SCOPE,
};

/** @param {{ port: number, origin: string }} where */
export async function start({ port, origin }) {
  // Here, so that its profile can be read where it is not installed.
  const { Provider, interactionPolicy } = await import('oidc-provider');
  const provider = new Provider(origin, configuration(interactionPolicy));
  const answer = provider.callback();
  const server = createServer((request, response) =>
    request.url.startsWith('/interaction/') ? signIn(provider, request, response) : answer(request, response));
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    info: { resourceServer: RESOURCE_SERVER },
    stop: () => server.close() && server.closeAllConnections(),
  };
}

/** The page that would ask who the user is. */
function signIn(provider, request, response) {
  return provider.interactionFinished(request, response, { login: { accountId: USER } }).catch((error) => {
    response.writeHead(500).end(error.message);
  });
}

function configuration({ base }) {
  const policy = base();
  // A loopback client would be asked for consent each time.
  policy.get('consent').checks.remove('native_client_prompt');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const days = 86_400;
  return {
    clients: [
      {
        client_id: CLIENT, application_type: 'native', token_endpoint_auth_method: 'none',
        redirect_uris: [REDIRECT_URI], grant_types: ['authorization_code', 'refresh_token'],
        id_token_signed_response_alg: 'ES256',
      },
      {
        client_id: RESOURCE_SERVER.id, client_secret: RESOURCE_SERVER.secret,
        redirect_uris: [], response_types: [], grant_types: [], id_token_signed_response_alg: 'ES256',
      },
    ],
    jwks: { keys: [privateKey.export({ format: 'jwk' })] },
    cookies: { keys: [randomUUID()] },
    scopes: SCOPE.split(' '),
    features: { devInteractions: { enabled: false }, introspection: { enabled: true } },
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    ttl: { AccessToken: 300, Grant: 90 * days, Interaction: 600, RefreshToken: 14 * days, Session: 14 * days },
    findAccount: (context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { policy, url: (context, interaction) => `/interaction/${interaction.uid}` },
    loadExistingGrant: (context) => existingGrant(context.oidc),
  };
}

/** Consent was given long ago. */
async function existingGrant({ client, provider, session }) {
  const id = session.grantIdFor(client.clientId);
  const found = id && await provider.Grant.find(id);
  if (found) return found;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope(SCOPE);
  await grant.save();
  return grant;
}
