// What the guard costs a request: the sample API's resource behind it beside the same one in front of it, in turns, a
// moment each, so that whatever else the machine does meets both alike. The token is checked by its signature and its
// status, and all that is needed for that is known: no request goes to the provider.

import { measure } from './measure.mjs';
import { Server } from './server.mjs';

/** The most that it may cost, in milliseconds of CPU. */
export const BUDGET = 0.3;

/**
 * @param {{ turns?: number, seconds?: number, users?: number, warmUp?: number }} [options] how often each is measured,
 *   how long each time, and by how many who ask at once
 * @returns {Promise<{ guarded: number, open: number, overhead: number, requests: number }>} milliseconds of CPU a request, of the
 *   server's whole process tree, and how many requests there were
 */
export async function measureGuard({ turns = 60, seconds = 0.5, users = 8, warmUp = 2 } = {}) {
  const server = await Server.start('gatepass');
  try {
    const all = await server.users(users);
    const sums = { api: { cpu: 0, right: 0 }, open: { cpu: 0, right: 0 } };
    const names = Object.keys(sums);
    for (const name of names) await measure(server, name, { users: all, seconds: warmUp });
    for (let turn = 0; turn < turns; turn++) {
      for (const name of turn % 2 === 0 ? names : names.toReversed()) {
        const { cpu, right, wrong } = await measure(server, name, { users: all, seconds });
        if (Object.keys(wrong).length > 0) throw new Error(`wrong answers: ${JSON.stringify(wrong)}`);
        sums[name].cpu += cpu;
        sums[name].right += right;
      }
    }
    const [guarded, open] = names.map((name) => (sums[name].cpu / sums[name].right) * 1000);
    return { guarded, open, overhead: guarded - open, requests: sums.api.right + sums.open.right };
  } finally {
    await server.stop();
  }
}
