// How much of a visitor's download the SDK is, as a bundler ships it: kB of 1000 bytes, compressed.

import { expect, test } from 'vitest';

import { bundle, gzipped } from './bundle.mjs';

const budgets = {
  'sign-in, fetch and refresh, everything inlined': {
    kilobytes: 20,
    source: `
      import { createClient } from 'gatepass';
      const client = createClient({ issuer: 'https://id.example', clientId: 'app', redirectUri: '/callback' });
      if (location.pathname === '/callback') await client.handleCallback();
      if (!client.signedIn) await client.login();
      await client.fetch('https://api.example/');
      await client.refresh();`,
  },
  'imported and not used': { kilobytes: 0.1, source: `import { createClient } from 'gatepass';` },
};

test.each(Object.entries(budgets))('%s', (name, { kilobytes, source }) => {
  const size = gzipped(bundle(source)) / 1000;
  console.log(`${name}: ${size.toFixed(2)} kB of ${kilobytes} kB`);
  expect(size).toBeLessThanOrEqual(kilobytes);
});
