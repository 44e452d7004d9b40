// One built Worker as Miniflare runs it: its wrangler configuration without the [build] command,
// with an origin and variables of its own, perhaps with the store contract in it, perhaps recorded, perhaps
// with a clock that can be moved.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { unstable_getMiniflareWorkerOptions as fromWrangler, unstable_readConfig as readConfig } from 'wrangler';

import { settable } from './ahead.mjs';
import { movable } from './movable.mjs';
import { recorded } from './recorder.mjs';

const top = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const configurations = {
  provider: 'wrangler.toml',
  api: 'api/wrangler.toml',
  gateway: 'gateway/wrangler.toml',
};

/**
 * @param {keyof typeof configurations} name
 * @param {string} origin
 * @param {Record<string, string | undefined>} variables
 * @param {{ contract?: boolean, record?: boolean, move?: boolean, ahead?: boolean, limits?: Record<string, number | undefined>, queue?: boolean, cache?: boolean }} [how]
 */
export function workerOptions(name, origin, variables, { contract = false, record = false, move = false, ahead = false, limits = {}, queue = false, cache = false } = {}) {
  const config = readConfig({ config: join(top, configurations[name]) }, { hideWarnings: true });
  const main = contract ? join(top, 'target', 'contract', 'index.js') : config.main;
  if (!existsSync(main)) {
    throw new Error(`${main} is missing: build it first (npm run build -- ${contract ? 'contract' : name})`);
  }
  const { workerOptions: options } = fromWrangler(config);
  const { port } = new URL(origin);
  return {
    ...options,
    ...(queue ? withQueue : {}),
    ...(cache ? { kvNamespaces: { GATEPASS_CACHE: 'cache' } } : {}),
    name,
    // The variables of the configuration, without those of the developer's .dev.vars.
    bindings: withoutUndefined({ ...config.vars, ...variables }),
    // Each database its own, although all have the same id where none is deployed.
    d1Databases: mapValues(options.d1Databases, (_, binding) => ({ id: `${name}-${binding}` })),
    ratelimits: withoutUndefined(mapValues(options.ratelimits ?? {}, (limiter, binding) => limited(limiter, binding, limits))),
    modulesRoot: dirname(main),
    modules: [
      ...(record ? [recorded(main)] : []),
      ...(move ? [movable(main)] : []),
      ...(ahead ? [settable(main)] : []),
      { type: 'ESModule', path: main },
      { type: 'CompiledWasm', path: join(dirname(main), 'index_bg.wasm') },
    ],
    unsafeDirectSockets: [{ host: 'localhost', port: Number(port) }],
  };
}

/** As docs/operations.md says, but that nothing waits for others. */
const withQueue = {
  queueProducers: { SECURITY_EVENTS: 'security-events' },
  queueConsumers: { 'security-events': { maxBatchTimeout: 0, maxRetries: 20 } },
};

/** A limiter with another limit, or none. */
function limited(limiter, binding, limits) {
  if (!(binding in limits)) return limiter;
  return limits[binding] && { ...limiter, simple: { ...limiter.simple, limit: limits[binding] } };
}

function withoutUndefined(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function mapValues(values, change) {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value, key)]));
}
