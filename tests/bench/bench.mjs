// Measures servers side by side: in each round every server starts anew, and each operation is
// measured on one after the other, so that whatever else the machine does meets them all.

import { coldStart, sizeOf } from './isolate.mjs';
import { measure, operations } from './measure.mjs';
import { Server, describe } from './server.mjs';

/**
 * @typedef {object} Plan
 * @property {string[]} servers
 * @property {(keyof typeof operations)[]} operations
 * @property {number} users who ask at the same time
 * @property {number} rounds
 * @property {number} [seconds] for one operation of one server in one round
 * @property {number} [times] or so many by each user
 * @property {number} warmUp seconds before that, not counted
 * @property {number} coldStarts of each Worker
 */

/** @param {Plan} plan @param {(line: string) => void} [show] */
export async function bench(plan, show = () => {}) {
  const described = await Promise.all(plan.servers.map(describe));
  for (const { prepare } of described) prepare?.();
  const measurements = [];
  for (let round = 1; round <= plan.rounds; round++) {
    for (const found of await oneRound(plan, (line) => show(`round ${round} of ${plan.rounds}: ${line}`))) {
      measurements.push({ round, ...found });
    }
  }
  const isolates = {};
  for (const server of described.filter(({ modules }) => modules)) isolates[server.profile.name] = { ...sizeOf(server.modules), coldStarts: [] };
  for (let i = 0; i < plan.coldStarts; i++) {
    for (const server of described.filter(({ modules }) => modules)) {
      show(`cold start ${i + 1} of ${plan.coldStarts}: ${server.profile.name}`);
      isolates[server.profile.name].coldStarts.push(await coldStart(server));
    }
  }
  const about = described.map(({ profile, version }) => ({
    name: profile.name, version, storage: profile.storage,
  }));
  return { servers: about, measurements, isolates };
}

async function oneRound(plan, show) {
  const running = [];
  const found = [];
  try {
    for (const name of plan.servers) {
      show(`start ${name}`);
      running.push(await Server.start(name));
    }
    for (const operation of plan.operations) {
      const { title, needs } = operations[operation];
      for (const server of running.filter(({ info }) => !needs || info[needs])) {
        const { name } = server.profile;
        show(`${title}, ${name}`);
        const users = await server.users(plan.users);
        if (plan.warmUp) await measure(server, operation, { users, seconds: plan.warmUp });
        const { seconds, times } = plan;
        found.push({ server: name, operation, ...(await measure(server, operation, { users, seconds, times })) });
      }
    }
  } finally {
    await Promise.all(running.map((server) => server.stop()));
  }
  return found;
}
