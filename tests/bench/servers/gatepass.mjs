// Gatepass as it ships, with its development data: workerd, real D1 and Durable Objects. Its API is
// set to check a token's signature and ask nobody.

import { Miniflare, convertV4MiniflareOptions } from 'miniflare';

import { developmentSecrets } from '../../../scripts/lib/dev-vars.mjs';
import { migrate } from '../../support/migrate.mjs';
import { freePorts } from '../../support/ports.mjs';
import { workerOptions } from '../../support/worker-options.mjs';
import { REDIRECT_URI } from '../user.mjs';

const build = new URL('../../../worker/build/', import.meta.url);

export const profile = {
  name: 'gatepass',
  storage: 'workerd, D1',
  paths: {
    discovery: '/.well-known/oauth-authorization-server',
    authorize: '/oauth/authorize',
    token: '/oauth/token',
    introspect: '/oauth/introspect',
  },
  client: 'gatepass-demo',
  // Without `openid`: the others issue no ID token either.
  scope: 'offline_access read',
  /** Fills in the sign-in page; the browser is signed in from then on. */
  signIn(user, page) {
    const stateToken = /name="state_token" value="([^"]+)"/.exec(page.text)?.[1];
    const form = { state_token: stateToken, username: 'demo', password: 'demo-password' };
    return user.request('POST', '/login', { form });
  },
};

/** What an isolate loads, main module first. */
export const modules = [
  { type: 'esModule', name: 'index.js', path: new URL('index.js', build) },
  { type: 'wasm', name: 'index_bg.wasm', path: new URL('index_bg.wasm', build) },
];

/** Text bindings for a workerd without databases. */
export function coldBindings(origin) {
  const { GATEPASS_TOKEN_KEY, GATEPASS_KEY_ENCRYPTION_KEY } = developmentSecrets();
  return { GATEPASS_ISSUER: origin, GATEPASS_DEFAULT_AUDIENCE: origin, GATEPASS_TOKEN_KEY, GATEPASS_KEY_ENCRYPTION_KEY };
}

/** @param {{ port: number, origin: string }} where */
export async function start({ port, origin }) {
  const [apiPort] = await freePorts(1);
  const api = `http://127.0.0.1:${apiPort}`;
  const secrets = developmentSecrets();
  const worker = (name, at, variables) => ({
    ...workerOptions(name, at, { ...secrets, GATEPASS_ISSUER: origin, GATEPASS_REQUEST_LOG: 'refused', ...variables }),
    unsafeDirectSockets: [{ host: '127.0.0.1', port: Number(new URL(at).port) }],
  });
  const runtime = new Miniflare(convertV4MiniflareOptions({
    cf: false,
    host: '127.0.0.1',
    port: 0,
    // The log is written, but nobody reads it.
    handleStructuredLogs: () => {},
    workers: [
      worker('provider', origin, { GATEPASS_DEFAULT_AUDIENCE: api, GATEPASS_DEVELOPMENT_SITE: new URL(REDIRECT_URI).origin }),
      worker('api', api, { GATEPASS_AUDIENCE: api, GATEPASS_VALIDATION: 'jwt' }),
    ],
  }));
  await Promise.all(['provider', 'api'].map((name) => migrate(runtime, name)));
  await runtime.ready;
  return {
    info: { resourceServer: { id: 'gatepass-api', secret: secrets.GATEPASS_API_SECRET }, api: `${api}/api/protected`, open: `${api}/api/open` },
    stop: () => runtime.dispose(),
  };
}
