// oidc-provider from npm as the provider of a gateway, with what a test may want of it: to count, to hold, to fail.

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import { Provider, interactionPolicy } from 'oidc-provider';

const SCOPE = 'openid profile email offline_access';
const days = 86_400;

/**
 * @param {{ origin: string, gateway: string, registration?: string, rotate?: boolean, resource?: string, accessTokenLifetime?: number, features?: object, client?: object }} options
 */
export async function startIdentityProvider({ origin, ...options }) {
  const provider = new IdentityProvider(origin, options);
  await provider.start();
  return provider;
}

class IdentityProvider {
  clientId = 'app';
  secret = randomUUID();
  /** Every request, as `POST /token`. */
  asked = [];
  /** With which status a path answers instead of what it would say. */
  failing = {};
  #held = {};
  #server;

  constructor(origin, { gateway, registration = 'other', rotate = true, accessTokenLifetime = 300, features = {}, client = {} }) {
    this.origin = origin;
    this.lifetime = accessTokenLifetime;
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const policy = interactionPolicy.base();
    policy.get('consent').checks.remove('native_client_prompt');
    this.oidc = new Provider(origin, {
      clients: [{
        client_id: this.clientId, client_secret: this.secret,
        redirect_uris: [`${gateway}/login/oauth2/code/${registration}`],
        post_logout_redirect_uris: [`${gateway}/`],
        grant_types: ['authorization_code', 'refresh_token'],
        backchannel_logout_uri: `${gateway}/logout/connect/back-channel/${registration}`,
        backchannel_logout_session_required: true,
        ...client,
      }],
      // Without `alg` and `use`, as some providers publish their keys.
      jwks: { keys: [privateKey.export({ format: 'jwk' })] },
      cookies: { keys: [randomUUID()] },
      claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
      scopes: SCOPE.split(' '),
      features: {
        devInteractions: { enabled: false }, revocation: { enabled: true }, introspection: { enabled: true },
        backchannelLogout: { enabled: true }, pushedAuthorizationRequests: { enabled: true },
        rpInitiatedLogout: { enabled: true }, ...features,
      },
      issueRefreshToken: () => true,
      rotateRefreshToken: rotate,
      ttl: { AccessToken: () => this.lifetime, Grant: 90 * days, Interaction: 600, RefreshToken: 14 * days, Session: 14 * days, IdToken: 300 },
      findAccount: (context, id) => ({
        accountId: id,
        claims: () => ({ sub: id, name: `The user ${id}`, email: `${id}@example.com`, email_verified: true }),
      }),
      interactions: { policy, url: (context, interaction) => `/interaction/${interaction.uid}` },
      loadExistingGrant: (context) => existingGrant(context.oidc),
    });
    this.oidc.on('server_error', (context, error) => console.error(error));
    this.user = 'anna';
  }

  /** How often this was asked for. */
  count(request) {
    return this.asked.filter((asked) => asked === request).length;
  }

  /** Lets requests for a path wait until `release`. */
  hold(path) {
    this.#held[path] = [];
  }

  held(path) {
    return this.#held[path].length;
  }

  release(path) {
    const waiting = this.#held[path] ?? [];
    delete this.#held[path];
    for (const answer of waiting) answer();
  }

  start() {
    const answer = this.oidc.callback();
    this.#server = createServer((request, response) => {
      const path = request.url.split('?')[0];
      this.asked.push(`${request.method} ${path}`);
      const go = () => {
        const status = this.failing[path];
        if (status === 'drop') return request.socket.destroy();
        if (status) return response.writeHead(status, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}');
        return path.startsWith('/interaction/') ? this.#signIn(request, response) : answer(request, response);
      };
      if (this.#held[path]) this.#held[path].push(go);
      else go();
    });
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(Number(new URL(this.origin).port), 'localhost', resolve);
    });
  }

  stop() {
    for (const path of Object.keys(this.#held)) this.release(path);
    this.#server.closeAllConnections();
    return new Promise((resolve) => { this.#server.close(resolve); });
  }

  /** The registration of the gateway here. */
  registration(more = {}) {
    return { name: 'other', label: 'The other', issuer: this.origin, client_id: this.clientId, secret: 'OTHER_SECRET', ...more };
  }

  #signIn(request, response) {
    return this.oidc.interactionFinished(request, response, { login: { accountId: this.user } }).catch((error) => {
      response.writeHead(500).end(error.message);
    });
  }
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
