// That the cost of `client.fetch` can be measured. What it is, `npm run bench` says, on a quiet machine.

import { expect, test } from 'vitest';

import { measureSdk } from '../bench/sdk.mjs';

test('what a call costs is measured in Chromium', async () => {
  const { plain, client, overhead } = await measureSdk({ batches: 20 });
  console.log(`client.fetch: ${overhead.toFixed(0)} µs over fetch`);
  expect(plain).toBeGreaterThan(0);
  expect(client).toBeGreaterThan(plain);
  expect(overhead).toBeLessThan(5_000);
});
