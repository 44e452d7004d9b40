// The smallest Worker around @cloudflare/workers-oauth-provider: one user, who always consents.

import { OAuthProvider } from '@cloudflare/workers-oauth-provider';

const SCOPE = 'read';
const USER = 'user';

/** Answers who the bearer token belongs to, which is how this library validates one. */
const api = {
  fetch: (request, env, context) => Response.json({ sub: context.props.user }),
};

const pages = {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === '/authorize') return authorize(request, env.OAUTH_PROVIDER);
    if (pathname === '/client') return Response.json(await createClient(env));
    return new Response(null, { status: 404 });
  },
};

async function authorize(request, library) {
  const authorization = await library.parseAuthRequest(request);
  const { redirectTo } = await library.completeAuthorization({
    request: authorization,
    userId: USER,
    metadata: null,
    scope: authorization.scope,
    props: { user: USER },
    // Every browser here is the same user: a new sign-in must not end the others. It also saves work.
    revokeExistingGrants: false,
  });
  return new Response(null, { status: 302, headers: { location: redirectTo } });
}

function createClient(env) {
  return env.OAUTH_PROVIDER.createClient({
    redirectUris: [env.REDIRECT_URI],
    tokenEndpointAuthMethod: 'none',
    grantTypes: ['authorization_code', 'refresh_token'],
    responseTypes: ['code'],
  });
}

let provider;

export default {
  fetch(request, env, context) {
    provider ??= new OAuthProvider({
      apiRoute: '/api',
      apiHandler: api,
      defaultHandler: pages,
      authorizeEndpoint: '/authorize',
      tokenEndpoint: '/token',
      scopesSupported: [SCOPE],
      resourceMetadata: { resource: `${env.ORIGIN}/api`, authorization_servers: [env.ORIGIN] },
    });
    return provider.fetch(request, env, context);
  },
};
