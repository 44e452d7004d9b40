// oidc-provider from npm as the provider of a gateway, with what a test may want of it: to count, to hold, to fail.

import { createSign, generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

import { Provider, interactionPolicy } from 'oidc-provider';

const SCOPE = 'openid profile email offline_access read write';
const days = 86_400;

/**
 * Stands where a stack without a provider expects one; the gateway is the client that it is at ours.
 *
 * @param {import('./stack.mjs').Stack} stack
 * @param {{ origin?: string, registration?: string, rotate?: boolean, features?: object, client?: object, others?: string[], keys?: object[], signing?: string[], discovery?: object }} [options]
 *   `others` are clients like it with other names, `keys` instead of an RSA key of its own, `signing` what ID tokens may be signed with, `discovery` what it says of itself besides
 */
export async function startIdentityProvider(stack, { origin = stack.provider, ...options } = {}) {
  const provider = new IdentityProvider(origin, stack, options);
  await provider.start();
  return provider;
}

class IdentityProvider {
  clientId = 'gatepass-gateway';
  /** Every request, as `POST /token`. */
  asked = [];
  /** What a path does instead of answering: a status, `drop`, or a function. */
  failing = {};
  /** How long access tokens are good, in seconds. */
  lifetime = 300;
  /** Who signs in. */
  user = 'anna';
  #held = {};
  #key;
  #server;

  constructor(origin, { gateway, secrets }, { registration = 'gatepass', rotate = true, features = {}, client = {}, others = [], keys, signing, discovery = {} }) {
    this.origin = origin;
    this.secret = secrets.GATEPASS_GATEWAY_SECRET;
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.#key = privateKey;
    const policy = interactionPolicy.base();
    policy.get('consent').checks.remove('native_client_prompt');
    this.oidc = new Provider(origin, {
      clients: [this.clientId, ...others].map((id) => ({
        client_id: id, client_secret: this.secret,
        redirect_uris: [`${gateway}/login/oauth2/code/${registration}`],
        post_logout_redirect_uris: [`${gateway}/`],
        grant_types: ['authorization_code', 'refresh_token'],
        backchannel_logout_uri: `${gateway}/logout/connect/back-channel/${registration}`,
        backchannel_logout_session_required: true,
        ...client,
      })),
      // Without `alg` and `use`, as some providers publish their keys.
      jwks: { keys: keys ?? [{ ...privateKey.export({ format: 'jwk' }), kid: 'a-key' }] },
      ...(signing && { enabledJWA: { idTokenSigningAlgValues: signing } }),
      cookies: { keys: [randomUUID()] },
      claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
      discovery,
      scopes: SCOPE.split(' '),
      features: {
        devInteractions: { enabled: false }, revocation: { enabled: true }, introspection: { enabled: true },
        backchannelLogout: { enabled: true }, pushedAuthorizationRequests: { enabled: true },
        rpInitiatedLogout: { enabled: true }, dPoP: { enabled: false }, ...features,
      },
      // It would not speak to this machine.
      fetch: (url, { dispatcher, ...init }) => fetch(url, init),
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

  /** A JWT of this provider. @param {object} claims @param {object} [header] */
  sign(claims, header = {}) {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const input = `${part({ alg: 'RS256', kid: 'a-key', ...header })}.${part(claims)}`;
    return `${input}.${createSign('sha256').update(input).sign(this.#key).toString('base64url')}`;
  }

  /** Listens; after `stop` again, with all that it knows. */
  start() {
    const answer = this.oidc.callback();
    /** Answers a request that `failing` has looked at. */
    this.answer = answer;
    this.#server = createServer((request, response) => {
      const path = request.url.split('?')[0];
      this.asked.push(`${request.method} ${path}`);
      const go = () => {
        const status = this.failing[path];
        if (typeof status === 'function') return status(request, response);
        if (status === 'drop') return request.socket.destroy();
        if (status) return response.writeHead(status, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}');
        return path.startsWith('/interaction/') ? this.#signIn(request, response) : answer(request, response);
      };
      if (this.#held[path]) this.#held[path].push(go);
      else go();
    });
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(Number(new URL(this.origin).port), new URL(this.origin).hostname, resolve);
    });
  }

  /** Ends as a process does that is killed: what is held is never done, and connections are refused. */
  stop() {
    this.#held = {};
    this.#server.closeAllConnections();
    return new Promise((resolve) => { this.#server.close(resolve); });
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
