// A provider that others wrote, oidc-provider, and an API that takes its tokens, in this process.

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import { Provider } from 'oidc-provider';

const SCOPE = 'openid profile offline_access';

/**
 * @param {{ origin: string, api: string, site: string, alg?: string, lacks?: ('iss' | 'revocation' | 'end_session' | 'par' | 'dpop')[] }} how
 *   where it and its API live, whose page signs in, what it signs ID tokens with, and what it does not have
 * @returns `expire` lets the API refuse every access token that it has seen
 */
export async function startOidcProvider({ origin, api, site, alg = 'RS256', lacks = [] }) {
  const has = (what) => ({ enabled: !lacks.includes(what) });
  const provider = new Provider(origin, {
    clients: [{
      client_id: 'app', token_endpoint_auth_method: 'none', id_token_signed_response_alg: alg,
      redirect_uris: [`${site}/callback`], post_logout_redirect_uris: [`${site}/`],
      grant_types: ['authorization_code', 'refresh_token'],
    }],
    jwks: { keys: [signingKey(alg)] },
    cookies: { keys: [randomUUID()] },
    scopes: SCOPE.split(' '),
    claims: { openid: ['sub'], profile: ['name'] },
    features: {
      devInteractions: { enabled: false },
      revocation: has('revocation'),
      rpInitiatedLogout: has('end_session'),
      pushedAuthorizationRequests: has('par'),
      dPoP: has('dpop'),
    },
    clientBasedCORS: (context, origin) => origin === site,
    findAccount: (context, id) => ({ accountId: id, claims: () => ({ sub: id, name: 'Anna' }) }),
    interactions: { url: (context, { uid }) => `/interaction/${uid}` },
  });
  if (lacks.includes('iss')) provider.use(withoutIssuer);
  const answer = provider.callback();
  /** The access tokens that the API has seen. */
  const tokens = new Map();
  const servers = await Promise.all([
    serve(origin, (request, response) => (request.url.startsWith('/interaction/') ? interact(provider, request, response) : answer(request, response))),
    serve(api, (request, response) => call(provider, site, tokens, request, response)),
  ]);
  return { scope: SCOPE, expire: () => tokens.forEach((state, token) => tokens.set(token, 'expired')), stop: () => Promise.all(servers.map((server) => new Promise((resolve) => { server.close(resolve).closeAllConnections(); }))) };
}

/** It neither promises `iss` nor sends it (RFC 9207). */
async function withoutIssuer(context, next) {
  await next();
  if (context.path.startsWith('/.well-known/')) delete context.body.authorization_response_iss_parameter_supported;
  const location = context.response.get('location');
  if (location) context.set('location', location.replace(/[?&]iss=[^&]*/, ''));
}

/** The pages that would ask who the user is and whether the application may: they say yes. */
async function interact(provider, request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    return provider.interactionFinished(request, response, { login: { accountId: 'anna' } });
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}

/** The API: whose token it is. */
async function call(provider, site, tokens, { method, headers }, response) {
  const [scheme, token] = (headers.authorization ?? '').split(' ');
  const cors = { 'access-control-allow-origin': site, 'access-control-allow-headers': 'authorization, dpop', 'access-control-expose-headers': 'www-authenticate, dpop-nonce' };
  if (method === 'OPTIONS') return response.writeHead(204, cors).end();
  const found = token && await provider.AccessToken.find(token);
  const bound = found?.jkt ? 'DPoP' : 'Bearer';
  if (!found || scheme !== bound || tokens.get(token) === 'expired') return response.writeHead(401, { ...cors, 'www-authenticate': bound }).end();
  tokens.set(token, 'seen');
  return response.writeHead(200, { ...cors, 'content-type': 'application/json' }).end(JSON.stringify({ sub: found.accountId, scheme }));
}

function signingKey(alg) {
  const [type, options] = { RS256: ['rsa', { modulusLength: 2048 }], PS256: ['rsa', { modulusLength: 2048 }], ES256: ['ec', { namedCurve: 'P-256' }], EdDSA: ['ed25519'] }[alg];
  return { ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), alg, use: 'sig' };
}

async function serve(origin, answer) {
  const server = createServer((request, response) => Promise.resolve(answer(request, response)).catch((error) => {
    response.writeHead(500).end(error.message);
  }));
  await new Promise((resolve, reject) => { server.once('error', reject).listen(Number(new URL(origin).port), 'localhost', resolve); });
  return server;
}
