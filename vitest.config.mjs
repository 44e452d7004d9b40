// Tests that see only HTTP and JavaScript. `npm test` runs them after it has built what they need.

import { defineConfig } from 'vitest/config';

const shared = {
  setupFiles: ['tests/support/setup.mjs'],
  hookTimeout: 60_000,
  // A busy machine may take its time to draw a page.
  expect: { poll: { timeout: 15_000 } },
  env: { WRANGLER_LOG: 'warn', WRANGLER_SEND_METRICS: 'false' },
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: 'integration',
          include: ['tests/{provider,api,gateway,conformance,scripts}/**/*.test.mjs'],
          testTimeout: 30_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          ...shared,
          name: 'package',
          include: ['tests/package/**/*.test.mjs'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          ...shared,
          name: 'interop',
          include: ['tests/interop/*.test.mjs'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          ...shared,
          name: 'e2e',
          include: ['tests/browser/**/*.test.mjs'],
          testTimeout: 60_000,
          // One Chromium and one workerd at a time: on a small machine two would only wait for each other.
          fileParallelism: false,
        },
      },
    ],
  },
});
