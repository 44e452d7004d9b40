// `npm run bench`: Gatepass and other providers side by side, on this machine, and what the SDK costs a page and
// the guard a request.

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';

import { build } from './build.mjs';
import { prepareChromium } from './lib/chromium.mjs';
import { Failure, runMain } from './lib/failure.mjs';
import { installPackages, prepareNode } from './lib/node.mjs';
import { top } from './lib/paths.mjs';
import { step } from './lib/progress.mjs';
import { setUp } from './setup.mjs';

const help = `npm run bench -- [options]

  --quick         one short round: enough to see that it works, too little to believe
  --only NAME     only this server or this operation; may be given again
  --rounds N      how often everything is measured (5)
  --seconds N     how long one operation of one server is measured in a round (5)
  --users N       how many ask at the same time (8)
  --out FILE      where the figures go as JSON (target/bench/result.json)
  --help          this

  servers         gatepass, workers-oauth-provider, oidc-provider
  operations      code, refresh, introspection, api, open, discovery
  sdk             what client.fetch costs over fetch, in Chromium; with --only, that alone
  guard           what the guard costs a request of an API; with --only, that alone

CPU is user and system time of a server's whole process tree, from /proc: Linux only.
`;

await runMain(async () => {
  const { values } = readArguments();
  if (values.help) {
    console.log(help);
    return;
  }
  if (process.env.GATEPASS_BUILD === 'dev') throw new Failure('What is built with GATEPASS_BUILD=dev is slow: unset it, then run this again');
  await prepareNode();
  const { isMeasurable } = await import('../tests/bench/usage.mjs');
  if (!isMeasurable) throw new Failure('CPU time is read from /proc, which this system does not have: run this on Linux');
  const others = values.only?.filter((name) => name !== 'sdk' && name !== 'guard');
  const plan = await planOf({ ...values, only: others });
  await setUp();
  if (!values.only || values.only.includes('sdk')) await measureClient(values);
  if (values.only?.every((name) => name === 'sdk')) return;
  await build({ only: ['provider', 'api'] });
  if (!values.only || values.only.includes('guard')) await measureApiGuard(values);
  if (others?.length === 0) return;
  // The others have a folder of packages of their own, which nothing else looks into.
  if (plan.servers.some((name) => name !== 'gatepass')) await installPackages(join(top, 'tests', 'bench'));
  await run(plan, values.out ?? join(top, 'target', 'bench', 'result.json'));
});

/** What the browser SDK costs a page. */
async function measureClient({ quick }) {
  await prepareChromium();
  await build({ only: ['sdk'] });
  const { BUDGET, measureSdk } = await import('../tests/bench/sdk.mjs');
  const { plain, client, overhead } = await step('client.fetch measured', () => measureSdk(quick ? { batches: 20 } : {}));
  const [first, second, third] = [plain, client, overhead].map((microseconds) => microseconds.toFixed(1));
  console.log(`\nclient.fetch: ${second} µs a call, fetch: ${first} µs; ${third} µs over fetch, of ${BUDGET} µs (medians, without the network)\n`);
  if (overhead > BUDGET) process.exitCode = 1;
}

/** What the guard costs an API. */
async function measureApiGuard({ quick }) {
  const { BUDGET, measureGuard } = await import('../tests/bench/guard.mjs');
  const found = await step('the guard measured', () => measureGuard(quick ? { turns: 4, warmUp: 0.5 } : {}));
  const [guarded, open, overhead] = [found.guarded, found.open, found.overhead].map((milliseconds) => milliseconds.toFixed(3));
  console.log(`\nguard: ${overhead} ms of CPU a request, of ${BUDGET} ms: ${guarded} ms with it, ${open} ms without, ${found.requests} requests\n`);
  if (found.overhead > BUDGET) process.exitCode = 1;
}

function readArguments() {
  const text = { type: 'string' };
  const options = {
    help: { type: 'boolean' }, quick: { type: 'boolean' }, only: { ...text, multiple: true },
    rounds: text, seconds: text, users: text, out: text,
  };
  try {
    return parseArgs({ options });
  } catch (error) {
    throw new Failure(`${error.message}; \`npm run bench -- --help\` says what there is`);
  }
}

/** @returns {Promise<import('../tests/bench/bench.mjs').Plan>} */
async function planOf({ quick, only = [], rounds, seconds, users }) {
  const { operations } = await import('../tests/bench/measure.mjs');
  const { servers } = await import('../tests/bench/server.mjs');
  const unknown = only.find((name) => !servers.includes(name) && !(name in operations));
  if (unknown) throw new Failure(`There is no ${unknown}; there is ${[...servers, ...Object.keys(operations), 'sdk', 'guard'].join(', ')}`);
  const named = (all) => {
    const chosen = all.filter((name) => only.includes(name));
    return chosen.length > 0 ? chosen : all;
  };
  return {
    servers: named(servers),
    operations: named(Object.keys(operations)),
    users: positive('users', users, 8),
    rounds: positive('rounds', rounds, quick ? 1 : 5),
    seconds: positive('seconds', seconds, quick ? 1 : 5),
    warmUp: quick ? 0.5 : 2,
    coldStarts: quick ? 1 : 7,
  };
}

function positive(name, text, otherwise) {
  const value = text === undefined ? otherwise : Number(text);
  if (!(value > 0)) throw new Failure(`--${name} must be a number above 0`);
  return value;
}

/** @param {import('../tests/bench/bench.mjs').Plan} plan @param {string} file */
async function run(plan, file) {
  const { bench } = await import('../tests/bench/bench.mjs');
  const { summarize, tables } = await import('../tests/bench/report.mjs');
  const result = await step('measured', (show) => bench(plan, show));
  const summary = summarize(result);
  console.log(`\n${tables(result)}\n`);
  const others = Math.max(...summary.map((line) => line.others));
  if (others > 0.1) console.log(`Something else used up to ${others.toFixed(1)} cores meanwhile: run this again on a quiet machine before you believe it.`);
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.versions.node };
  // The single latencies are too many to keep.
  const measurements = result.measurements.map(({ latencies, ...measurement }) => measurement);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ plan, machine, summary, ...result, measurements }, null, 2)}\n`);
  console.log(`All figures: ${relative(process.cwd(), file)}`);
  if (summary.some((line) => line.wrong > 0)) process.exitCode = 1;
}
