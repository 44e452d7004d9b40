// The [build] command of wrangler.toml: lets `npx wrangler dev` start the provider alone, and
// rebuilds it when its source changes.

import { build } from './build.mjs';
import { migrate } from './lib/database.mjs';
import { prepareDevVars } from './lib/dev-vars.mjs';
import { runMain } from './lib/failure.mjs';
import { prepareNode } from './lib/node.mjs';
import { setUp } from './setup.mjs';

await runMain(async () => {
  await prepareNode();
  await setUp();
  prepareDevVars();
  await build({ only: ['provider'] });
  await migrate(['provider']);
});
