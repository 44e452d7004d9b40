// What a Worker says to D1: a module between workerd and the built Worker that gives it a `DB` which
// notes every statement, and what D1 reports of it.

import { dirname, join } from 'node:path';

const path = '/recorded';

const entry = `
import Worker from './index.js';
export * from './index.js';

const batches = [];
let running = 0;

class Statement {
  constructor(sql, statement, values = []) {
    Object.assign(this, { sql, statement, values });
  }
  bind(...values) {
    return new Statement(this.sql, this.statement.bind(...values), values);
  }
}

const recording = (db) => ({
  prepare: (sql) => new Statement(sql, db.prepare(sql)),
  batch: async (statements) => {
    running += 1;
    const batch = { atOnce: running, statements: statements.map(({ sql, values }) => ({ sql, values })) };
    batches.push(batch);
    try {
      const results = await db.batch(statements.map(({ statement }) => statement));
      results.forEach(({ meta }, i) => {
        Object.assign(batch.statements[i], { read: meta.rows_read, written: meta.rows_written });
      });
      return results;
    } finally {
      running -= 1;
    }
  },
});

const handlers = Object.entries(Worker).map(([name, handle]) => [name, (event, env, context) =>
  handle(event, { ...env, DB: recording(env.DB) }, context)]);
const { fetch, ...others } = Object.fromEntries(handlers);

export default {
  ...others,
  async fetch(request, env, context) {
    if (new URL(request.url).pathname === '${path}') return Response.json(batches.splice(0));
    return fetch(request, env, context);
  },
};
`;

/** The entry module that stands before the built Worker. @param {string} main the Worker's own */
export function recorded(main) {
  return { type: 'ESModule', path: join(dirname(main), 'recorded.js'), contents: entry };
}

/**
 * A statement as it was run.
 *
 * @typedef {object} Statement
 * @property {string} sql
 * @property {(string | number | null)[]} values
 * @property {number} read how many rows D1 read; undefined if it failed
 * @property {number} written how many rows it wrote, index entries included
 */

/**
 * What the provider of this stack (started with `record`) has sent to D1 since this was last asked:
 * its batches, each with how many were under way at once.
 *
 * @param {import('./stack.mjs').Stack} stack
 * @returns {Promise<{ atOnce: number, statements: Statement[] }[]>}
 */
export async function takeRecord(stack) {
  return (await fetch(`${stack.provider}${path}`)).json();
}
