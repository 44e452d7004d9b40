// One operation, again and again, by users who each wait for their answer before they ask again.

import { usageOf, usageOfMachine } from './usage.mjs';

/**
 * What is measured, in this order. `needs` names what not every server has, and `instead` the operation
 * that does its work there.
 */
export const operations = {
  code: { title: 'code flow', run: (user) => user.codeFlow() },
  refresh: { title: 'refresh', run: (user) => user.refresh() },
  introspection: { title: 'introspection', run: (user) => user.introspect(), needs: 'resourceServer', instead: 'api' },
  api: { title: 'API call', run: (user) => user.callApi(), needs: 'api' },
  open: { title: 'the same without guard', run: (user) => user.callOpen(), needs: 'open', instead: 'api' },
  discovery: { title: 'discovery', run: (user) => user.discovery() },
};

/**
 * @typedef {object} Measurement
 * @property {number} right answers that were as they must be
 * @property {Record<string, number>} wrong how often which other answer came
 * @property {number} seconds
 * @property {number[]} latencies of the right answers, in milliseconds
 * @property {number} cpu seconds, of the server's whole process tree
 * @property {number} memory of the same afterwards, in bytes
 * @property {number} others CPU seconds that neither the server nor this process used
 */

/**
 * Measures until `seconds` are over or every user has done it `times`.
 *
 * @param {import('./server.mjs').Server} server
 * @param {keyof typeof operations} name
 * @param {{ users: import('./user.mjs').User[], seconds?: number, times?: number }} how
 * @returns {Promise<Measurement>}
 */
export async function measure(server, name, { users, seconds = Infinity, times = Infinity }) {
  const { run } = operations[name];
  const latencies = [];
  const wrong = {};
  const before = { server: usageOf(server.pid), machine: usageOfMachine(), load: process.cpuUsage() };
  const began = performance.now();
  await Promise.all(users.map(async (user) => {
    for (let done = 0; done < times && performance.now() - began < seconds * 1000; done++) {
      const asked = performance.now();
      try {
        await run(user);
        latencies.push(performance.now() - asked);
      } catch (error) {
        wrong[error.message] = (wrong[error.message] ?? 0) + 1;
        // A broken chain of refresh tokens must not count again and again.
        await user.codeFlow().catch(() => {});
      }
    }
  }));
  const elapsed = (performance.now() - began) / 1000;
  const after = usageOf(server.pid);
  const cpu = after.cpu - before.server.cpu;
  const { user, system } = process.cpuUsage(before.load);
  return {
    right: latencies.length,
    wrong,
    seconds: elapsed,
    latencies,
    cpu,
    memory: after.memory,
    others: Math.max(0, usageOfMachine() - before.machine - cpu - (user + system) / 1e6),
  };
}
