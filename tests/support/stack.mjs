// The real Workers for one test file: real workerd, real D1 and Durable Objects, storage in memory
// that nobody else sees, origins of their own. Needs the Workers to be built (`npm test` does).
//
//     const stack = await startStack({ provider: { GATEPASS_REFRESH_GRACE: '0' } });
//     await fetch(`${stack.provider}/health`);
//     await stack.stop();

import { Miniflare, convertV4MiniflareOptions } from 'miniflare';

import { developmentSecrets, newSecret } from '../../scripts/lib/dev-vars.mjs';
import { describe } from './described.mjs';
import { Logs } from './logs.mjs';
import { migrate } from './migrate.mjs';
import { freePorts } from './ports.mjs';
import { workerOptions } from './worker-options.mjs';

/** @typedef {'provider' | 'api' | 'gateway'} Name */

/** @typedef {{ [name in Name]?: Record<string, string | undefined> }} Overrides */

/**
 * @typedef {object} Stack
 * @property {string} provider its origin
 * @property {string} api its origin
 * @property {string} gateway its origin
 * @property {Record<string, string>} secrets the provider's secrets, by their names in `.dev.vars`
 * @property {(name: 'provider' | 'api') => Promise<D1Database>} database to prepare or inspect rows
 * @property {(at?: Date) => Promise<void>} clean makes the provider's cron trigger fire as if it were that time
 * @property {() => string[]} logs what the Workers logged so far, oldest first
 * @property {(overrides?: Overrides) => Promise<void>} restart ends workerd and starts it again, perhaps
 *   with other variables; all data is kept
 * @property {() => Promise<{ keys: string[], values: string[] }>} cached what is in the API's KV namespace
 * @property {(change?: (value: string) => string) => Promise<void>} spoilCache changes all of that, if nothing else is
 *   said so that nobody can read it
 * @property {() => Promise<void>} stop ends workerd; all data is gone
 */

/**
 * Starts the Workers and waits until each answers.
 *
 * @param {{ only?: Name[], healthy?: boolean, contract?: boolean, record?: boolean, move?: boolean, ahead?: boolean, limits?: Record<string, number | undefined>, queue?: boolean, cache?: boolean } & Overrides} [options]
 *   `only` starts some of them; under a Worker's name stand variables that differ from its wrangler
 *   configuration (`undefined` removes one); `healthy: false` does not wait for `/health`, for tests
 *   of Workers that refuse to work; `contract` starts the provider with the store contract in it;
 *   `record` has the provider's statements recorded (`recorder.mjs`); `move` lets its clock be moved
 *   (`movable.mjs`); `ahead` lets the gateway's clock be set ahead (`ahead.mjs`); `limits` has other limits, by the names of their
 *   bindings (`undefined` removes one); `queue` binds the queue of security events; `cache` binds
 *   the API's KV namespace
 * @returns {Promise<Stack>}
 */
export async function startStack({ only = ['provider', 'api', 'gateway'], healthy = true, contract, record, move, ahead, limits, queue, cache, ...overrides } = {}) {
  const [provider, api, gateway] = (await freePorts(3)).map((port) => `http://localhost:${port}`);
  const origins = { provider, api, gateway };
  describe(provider);
  const secrets = developmentSecrets();
  const defaults = variables(origins, secrets);
  // Proofs say the gateway's time. Here no server in front of the API says another, so the API's nonces do.
  if (ahead) defaults.api.GATEPASS_DPOP_NONCE_KEY = newSecret();
  const logs = new Logs();
  const options = (changes) => convertV4MiniflareOptions({
    cf: false,
    host: '127.0.0.1',
    port: 0,
    handleStructuredLogs: (log) => logs.add(log),
    workers: only.map((name) => workerOptions(
      name, origins[name], { ...defaults[name], ...changes[name] }, name === 'provider' ? { contract, record, move, limits, queue } : { ahead: ahead && name === 'gateway', cache: cache && name === 'api', limits },
    )),
  });
  const runtime = new Miniflare(options(overrides));
  const ready = async () => {
    await runtime.ready;
    if (healthy) await Promise.all(only.map((name) => answers(name, origins[name])));
  };
  const stop = async () => {
    logs.close();
    await runtime.dispose();
  };
  try {
    await Promise.all(only.filter((name) => name !== 'gateway').map((name) => migrate(runtime, name)));
    await ready();
  } catch (error) {
    logs.tell();
    await stop();
    throw error;
  }
  return {
    ...origins,
    secrets,
    database: (name) => runtime.getD1Database('DB', name),
    cached: async () => {
      const namespace = await runtime.getKVNamespace('GATEPASS_CACHE', 'api');
      const keys = (await namespace.list()).keys.map(({ name }) => name);
      return { keys, values: await Promise.all(keys.map((key) => namespace.get(key))) };
    },
    spoilCache: async (change = () => 'garbage') => {
      const namespace = await runtime.getKVNamespace('GATEPASS_CACHE', 'api');
      for (const { name } of (await namespace.list()).keys) await namespace.put(name, change(await namespace.get(name)));
    },
    clean: async (at = new Date()) => {
      const { outcome } = await (await runtime.getWorker('provider')).scheduled({ scheduledTime: at });
      if (outcome !== 'ok') throw new Error(`the cron trigger ends with ${outcome}`);
    },
    logs: () => logs.lines(),
    restart: async (changes = overrides) => {
      await runtime.setOptions(options(changes));
      await ready();
    },
    stop,
  };
}

/** What follows from the origins and secrets of this stack. */
function variables({ provider, api, gateway }, secrets) {
  return {
    provider: {
      ...secrets,
      GATEPASS_ISSUER: provider,
      GATEPASS_DEFAULT_AUDIENCE: api,
      GATEPASS_DEVELOPMENT_SITE: gateway,
    },
    api: {
      GATEPASS_API_SECRET: secrets.GATEPASS_API_SECRET,
      GATEPASS_ISSUER: provider,
      GATEPASS_AUDIENCE: api,
      GATEPASS_ALLOWED_ORIGINS: gateway,
    },
    gateway: {
      GATEPASS_GATEWAY_SECRET: secrets.GATEPASS_GATEWAY_SECRET,
      GATEPASS_SESSION_KEY: newSecret(),
      GATEPASS_ORIGIN: gateway,
      GATEPASS_ISSUER: provider,
      GATEPASS_API: api,
    },
  };
}

/** @param {Name} name @param {string} origin */
async function answers(name, origin) {
  const response = await fetch(`${origin}/health`);
  if (response.status !== 200) throw new Error(`${name}: GET /health answers ${response.status}: ${await response.text()}`);
}
