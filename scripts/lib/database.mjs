// Local D1: brings each database to its newest migration, only when there is a new one.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { top } from './paths.mjs';
import { step } from './progress.mjs';
import { must } from './run.mjs';
import { fingerprint } from './stamp.mjs';
import { toolEnv } from './tools.mjs';

const databases = {
  provider: { config: 'wrangler.toml', migrations: 'worker/migrations', state: '.wrangler/state' },
  api: { config: 'api/wrangler.toml', migrations: 'api/migrations', state: 'api/.wrangler/state' },
};

/** Migrates the local databases. @param {(keyof typeof databases)[]} [names] */
export async function migrate(names = ['provider', 'api']) {
  for (const name of names) {
    const { config, migrations, state } = databases[name];
    const print = fingerprint([migrations]);
    // Lies with the data, so that whoever deletes the data deletes it too.
    const stamp = join(top, state, 'migrated');
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === print) continue;
    await step(`database of the ${name}`, () =>
      must(
        `Migrating the local database of the ${name} failed; deleting ${state} starts with an empty one`,
        'wrangler',
        ['d1', 'migrations', 'apply', 'DB', '--local', '--config', config],
        { env: { ...toolEnv(), CI: '1' } },
      ));
    writeFileSync(stamp, print);
  }
}
