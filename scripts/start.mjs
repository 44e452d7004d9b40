// `npm start`: everything from a fresh clone to three running Workers and an address to open.

import { build } from './build.mjs';
import { migrate } from './lib/database.mjs';
import { prepareDevVars } from './lib/dev-vars.mjs';
import { runMain } from './lib/failure.mjs';
import { prepareNode } from './lib/node.mjs';
import { step } from './lib/progress.mjs';
import { Service, checkPorts, services } from './lib/services.mjs';
import { setUp } from './setup.mjs';

const verbose = process.argv.includes('--verbose');

await runMain(async () => {
  await prepareNode();
  await checkPorts();
  await setUp();
  prepareDevVars();
  await build({ verbose });
  await migrate();
  await serve();
});

/** Runs the three Workers until someone stops this or one of them dies. */
async function serve() {
  const stopped = untilStopped();
  const running = services.map((service) => new Service(service, { verbose }));
  try {
    const died = Promise.race(running.map(({ died }) => died));
    const ready = step('provider, API and gateway', () =>
      Promise.race([Promise.all(running.map((service) => service.healthy())), died, stopped]));
    if ((await ready) === 'stopped') return;
    announce();
    await Promise.race([died, stopped]);
  } finally {
    await Promise.all(running.map((service) => service.stop()));
  }
}

/** Ctrl-C, a signal, or the end of the process that started this one. @returns {Promise<'stopped'>} */
function untilStopped() {
  const parent = process.ppid;
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => resolve('stopped'));
    setInterval(() => process.ppid !== parent && resolve('stopped'), 1_000).unref();
  });
}

function announce() {
  console.log(`
  Open      http://localhost:3001
  Sign in   demo / demo-password   (administrator: admin / admin-password)
  Provider  http://localhost:4000/.well-known/openid-configuration
  API       http://localhost:5000/health
  Logs      target/logs/
  Stop      Ctrl-C
`);
}
