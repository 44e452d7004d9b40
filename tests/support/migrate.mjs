// Brings the empty D1 database of a Worker to its newest migration.

import { readFileSync, readdirSync } from 'node:fs';

import { unstable_splitSqlQuery as statements } from 'wrangler';

const folders = {
  provider: new URL('../../worker/migrations/', import.meta.url),
  api: new URL('../../api/migrations/', import.meta.url),
};

/** @param {import('miniflare').Miniflare} runtime @param {keyof typeof folders} name */
export async function migrate(runtime, name) {
  const database = await runtime.getD1Database('DB', name);
  const files = readdirSync(folders[name]).filter((file) => file.endsWith('.sql')).sort();
  for (const file of files) {
    const sql = readFileSync(new URL(file, folders[name]), 'utf8');
    await database.batch(statements(sql).map((statement) => database.prepare(statement)));
  }
}
