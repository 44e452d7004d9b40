// What `client.explain()` tells of a whole walk: everything that matters, and no secret.

import { afterAll, beforeAll, expect, test } from 'vitest';

import { startInstantProvider } from '../support/instant-provider.mjs';

let provider;
let kept;
beforeAll(async () => {
  provider = await startInstantProvider();
  kept = new Map();
  globalThis.sessionStorage = {
    getItem: (key) => kept.get(key) ?? null, setItem: (key, text) => kept.set(key, text), removeItem: (key) => kept.delete(key),
  };
});
afterAll(async () => {
  delete globalThis.sessionStorage;
  await provider.stop();
});

test('the whole walk is told, without a secret in it', async () => {
  const { createClient } = await import('../../sdk/dist/index.js');
  let next;
  const { issuer } = provider;
  const client = createClient({
    issuer, clientId: 'app', redirectUri: 'https://app.example/callback', scope: 'read', apis: [issuer],
    storage: 'session', navigate: (url) => { next = url; },
  });
  const secrets = new Set();
  const told = () => client.explain().map(({ event, call, error }) => [event, call, error].filter(Boolean).join(' '));

  await client.login({ loginHint: 'secret.hint@example.com' });
  const back = (await fetch(next, { redirect: 'manual' })).headers.get('location');
  for (const address of [next, back]) {
    for (const name of ['state', 'nonce', 'code_challenge', 'code']) secrets.add(new URL(address).searchParams.get(name));
  }
  await client.handleCallback(back);
  await client.fetch(`${issuer}/data?secret=query-of-the-application`);
  await client.user();
  provider.endGrants();
  await expect(client.refresh()).rejects.toMatchObject({ code: 'session_ended' });
  await expect(client.handleCallback(back)).rejects.toMatchObject({ code: 'callback_used' });

  expect(told()).toEqual(expect.arrayContaining(['started', 'signed_in', 'refreshed', 'signed_out', 'failed handleCallback callback_used']));
  expect(client.explain().find(({ event }) => event === 'signed_out')).toMatchObject({ reason: 'invalid_grant' });
  expect(client.explain().filter(({ event, status }) => event === 'request' && status === 401)).toEqual([
    expect.objectContaining({ url: `${issuer}/data`, kind: 'api', method: 'GET' }),
  ]);

  for (const secret of provider.secrets.keys()) secrets.add(secret);
  const text = JSON.stringify(client.explain());
  expect(secrets.size).toBeGreaterThan(8);
  for (const secret of [...secrets, 'hint', 'query-of']) if (secret) expect(text).not.toContain(secret);
});

test('nothing but the last hundred entries is kept, and nobody can change them', async () => {
  const { createClient } = await import('../../sdk/dist/index.js');
  const client = createClient({
    issuer: provider.issuer, clientId: 'app', redirectUri: 'https://app.example/', fetch: async () => new Response(),
  });
  for (let i = 0; i < 150; i++) await client.fetch(`https://elsewhere.example/${i}`);
  expect(client.explain()).toHaveLength(100);
  expect(client.explain().at(-1)).toMatchObject({ event: 'request', url: 'https://elsewhere.example/149' });
  client.explain()[0].event = 'changed';
  expect(client.explain()[0].event).toBe('request');
});
