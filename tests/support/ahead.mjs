// The gateway with a clock that a test sets ahead of everybody else's: a module between workerd and the built Worker.

import { dirname, join } from 'node:path';

const path = '/ahead';

const entry = `
import Worker from './index.js';
export * from './index.js';

const Clock = Date;
let ahead = 0;

globalThis.Date = class extends Clock {
  constructor(...values) {
    if (values.length > 0) super(...values);
    else super(Clock.now() + ahead);
  }
  static now() {
    return Clock.now() + ahead;
  }
};

export default {
  ...Worker,
  async fetch(request, env, context) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== '${path}') return Worker.fetch(request, env, context);
    ahead = 1000 * Number(searchParams.get('by'));
    return new Response(null, { status: 204 });
  },
};
`;

/** The entry module that stands before the built Worker. @param {string} main the Worker's own */
export function settable(main) {
  return { type: 'ESModule', path: join(dirname(main), 'ahead.js'), contents: entry };
}

/**
 * Sets the clock of the gateway of this stack (started with `ahead`) ahead of the others'.
 *
 * @param {import('./stack.mjs').Stack} stack
 * @param {number} seconds how far
 */
export async function setAhead(stack, seconds) {
  const { status } = await fetch(`${stack.gateway}${path}?by=${seconds}`);
  if (status !== 204) throw new Error(`the clock cannot be set: ${status}`);
}
