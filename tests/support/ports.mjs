// Ports that nobody listens on.

import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below those that the system lends to outgoing connections, which could take one again at once.
const lowest = 20_000;
const highest = 32_000;

/** @param {number} count */
export async function freePorts(count) {
  const ports = new Set();
  while (ports.size < count) {
    const port = randomInt(lowest, highest);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

/** @param {number} port @returns {Promise<boolean>} */
function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, 'localhost', () => server.close(() => resolve(true)));
  });
}
