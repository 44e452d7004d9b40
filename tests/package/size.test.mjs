// How much of a visitor's download each entry is, as a bundler ships it: kB of 1000 bytes, compressed.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

import { bundle, dist, gzipped } from './bundle.mjs';

const use = `
  const client = createClient({ issuer: 'https://id.example', clientId: 'app', redirectUri: '/callback' });
  if (location.pathname === '/callback') await client.handleCallback();
  if (!client.signedIn) await client.login();
  await client.fetch('https://api.example/');
  await client.refresh();`;

const budgets = {
  'gatepass: sign-in, fetch and refresh, everything inlined': { kilobytes: 20, source: `import { createClient } from 'gatepass'; ${use}` },
  'gatepass: every export': { kilobytes: 45, source: `import * as all from 'gatepass'; console.log(all);` },
  'gatepass: imported and not used': { kilobytes: 0.1, source: `import { createClient } from 'gatepass';` },
  'gatepass: behind the gateway, without WebAssembly': {
    kilobytes: 4.2,
    source: `
      import { createGatewayClient } from 'gatepass';
      const client = createGatewayClient();
      await client.ready();
      if (!client.signedIn) await client.login();
      await client.fetch('/api/');
      await client.logout();`,
  },
  'gatepass/slim': { kilobytes: 7.8, source: `import { createClient, init } from 'gatepass/slim'; init('/gatepass.wasm'); ${use}` },
  'gatepass/react': { kilobytes: 1.5, source: `import * as all from 'gatepass/react'; console.log(all);` },
  'gatepass/vue': { kilobytes: 1.5, source: `import * as all from 'gatepass/vue'; console.log(all);` },
  'gatepass/panel': { kilobytes: 3.5, source: `import { definePanel } from 'gatepass/panel'; definePanel();` },
  'gatepass/fallback': { kilobytes: 20, source: `import { makeFallbackCore } from 'gatepass/fallback'; makeFallbackCore();` },
};

test.each(Object.entries(budgets))('%s', (name, { kilobytes, source }) => within(name, gzipped(bundle(source)), kilobytes));

test('gatepass.wasm', () => within('gatepass.wasm', gzipped(readFileSync(`${dist}/gatepass.wasm`)), 14));

test.each([...readFileSync(new URL('../../sdk/README.md', import.meta.url), 'utf8').matchAll(/^\| `(gatepass[\w/.]*)` \|.*\| (\d+) \|$/gm)].map(([, entry, told]) => [entry, Number(told)]))(
  'the README says how large %s is', (entry, told) => {
    const [, measured] = Object.entries(budgets).find(([name]) => name.split(':')[0] === entry) ?? [];
    const bytes = measured ? gzipped(bundle(measured.source)) : gzipped(readFileSync(`${dist}/${entry.split('/')[1]}`));
    expect(Math.abs(bytes / 1000 - told)).toBeLessThanOrEqual(1);
  },
);

function within(name, bytes, kilobytes) {
  console.log(`${name}: ${(bytes / 1000).toFixed(2)} kB of ${kilobytes} kB`);
  expect(bytes / 1000).toBeLessThanOrEqual(kilobytes);
}
