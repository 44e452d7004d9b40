// `npm run docs`: the API documentation of the SDK, from its types, as the package has it.

import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { apiOfSdk } from './build-sdk.mjs';
import { runMain } from './lib/failure.mjs';
import { top } from './lib/paths.mjs';

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    const { values } = parseArgs({ options: { out: { type: 'string' } } });
    const file = values.out ?? join(top, 'target', 'API.md');
    writeFileSync(file, apiOfSdk());
    console.log(relative(process.cwd(), file));
  });
}
