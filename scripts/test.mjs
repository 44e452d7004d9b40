// `npm test`: every test, part by part. `npm test -- NAME [FILTER]` runs one part, or those of its
// tests whose names or files match; `npm test -- --list` names the parts. The last line counts.

import { BuildFailure, Failure, runMain, tell } from './lib/failure.mjs';
import { prepareNode } from './lib/node.mjs';
import { sum } from './parts/result.mjs';
import { setUp } from './setup.mjs';

// In the order in which they run: what is quick and often wrong comes first.
const parts = {
  format: 'the Rust code is formatted',
  clippy: 'the Rust code has no warnings',
  dependencies: 'nothing has crept into the core, the SDK or the lock files',
  native: 'Rust tests and documentation examples',
  wasm: "the SDK's Rust tests in Chromium",
  sizes: 'what an isolate loads stays within its budget',
  package: 'the npm package, in Node, in TypeScript and in a bundle',
  integration: 'the Workers on workerd, over HTTP',
  interop: "other people's client libraries in JavaScript, Python and Rust, against the provider",
  e2e: 'the demo site in Chromium, against the three Workers',
};

await runMain(async () => {
  const arguments_ = process.argv.slice(2);
  if (arguments_.includes('--list')) {
    for (const [name, what] of Object.entries(parts)) console.log(`${name.padEnd(13)} ${what}`);
    return;
  }
  const first = arguments_.findIndex((argument) => !(argument in parts));
  const named = first === -1 ? arguments_ : arguments_.slice(0, first);
  const filters = first === -1 ? [] : arguments_.slice(first);
  if (named.length === 0 && filters.length > 0) {
    throw new Failure(`There is no part ${filters[0]}; there is ${Object.keys(parts).join(', ')}`);
  }
  await prepareNode();
  await setUp();
  await runParts(named.length > 0 ? named : Object.keys(parts), filters);
});

/** Runs the parts, tells which failed, and counts. @param {string[]} names @param {string[]} filters */
async function runParts(names, filters) {
  const results = [];
  for (const name of names) {
    console.log(`\n── ${name}: ${parts[name]}`);
    const result = { name, ...(await runPart(name, filters)) };
    results.push(result);
    if (result.stop) break;
  }
  const { passed, failed } = sum(results);
  const bad = results.filter((result) => result.failed > 0);
  console.log('');
  for (const result of bad) console.log(`✗ ${result.name}: ${result.failed} failed, ${result.passed} passed`);
  console.log(`${passed} passed, ${failed} failed`);
  if (failed > 0 || passed === 0) process.exitCode = 1;
}

/** Runs one part; after a failed build, `stop` says that no other can run. @param {string} name @param {string[]} filters @returns {Promise<import('./parts/result.mjs').Result & { stop?: boolean }>} */
async function runPart(name, filters) {
  try {
    const { run } = await import(`./parts/${name}.mjs`);
    return await run(filters);
  } catch (error) {
    tell(error);
    return { passed: 0, failed: 1, stop: error instanceof BuildFailure };
  }
}
