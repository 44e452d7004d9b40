// How often a sign-in may begin: each is a request to the provider, and anybody may.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { GatewayUser } from '../support/gateway-user.mjs';
import { startIdentityProvider } from '../support/identity-provider.mjs';
import { startStack } from '../support/stack.mjs';

const LIMIT = 5;
const times = (count, make) => Promise.all(Array.from({ length: count }, (_, index) => make(index)));
let addresses = 0;
const newAddress = () => ({ 'cf-connecting-ip': `198.51.100.${addresses += 1}` });

let stack;
let provider;
const pushed = () => provider.count('POST /request');
const begin = (headers, path = '/login?return_to=/here') => new GatewayUser(stack).request(path, { headers });

async function start(limit) {
  stack = await startStack({ only: ['gateway'], limits: { RATE_LIMIT_SIGN_INS: limit } });
  provider = await startIdentityProvider(stack);
}
const stop = async () => {
  await stack?.stop();
  await provider?.stop();
};

describe('a flood of sign-ins that begin', () => {
  beforeAll(() => start(LIMIT));
  afterAll(stop);

  test('at one address costs the provider so many requests, and says when to come again', async () => {
    const [address, before] = [newAddress(), pushed()];
    const answers = await times(40, () => begin(address));
    const refused = answers.filter(({ status }) => status === 429);
    // A window may end meanwhile.
    expect(pushed() - before).toBeLessThanOrEqual(2 * LIMIT);
    expect(refused).toHaveLength(40 - (pushed() - before));
    for (const response of refused) {
      expect(response.headers.get('retry-after')).toBe('30');
      expect(response.headers.getSetCookie()).toEqual([]);
      const html = await response.text();
      expect(html).toContain('<dd data-testid="error-code">too_many_sign_ins</dd>');
      expect(html).toContain('href="/login?return_to=%2Fhere"');
    }
  });

  test('keeps nobody at another address from signing in, and nobody there who is signed in', async () => {
    const [address, user] = [newAddress(), new GatewayUser(stack)];
    await user.signIn();
    await expect.poll(async () => (await begin(address)).status).toBe(429);
    expect((await begin(newAddress())).status).toBe(303);
    const session = await user.get('/api/session', { headers: address });
    expect(session.user.sub).toBe('anna');
    expect((await user.post('/api/session/refresh', { headers: address })).status).toBe(200);
  });

  test('or that come back, with invented codes, costs the provider so many requests, and who waits comes back with the right one', async () => {
    const [address, user] = [newAddress(), new GatewayUser(stack)];
    const callback = new URL(await user.untilCallback());
    const redeemed = () => provider.count('POST /token');
    const [before, jar] = [redeemed(), [...user.jar()]];
    const back = (code) => {
      const url = new URL(callback);
      url.searchParams.set('code', code);
      const other = new GatewayUser(stack);
      for (const [name, value] of jar) other.jar().set(name, value);
      return other.request(url, { headers: address });
    };
    const answers = await times(40, (index) => back(`invented-${index}`));
    const refused = answers.filter(({ status }) => status === 429);
    expect(redeemed() - before).toBeLessThanOrEqual(2 * LIMIT);
    expect(refused).toHaveLength(40 - (redeemed() - before));
    for (const response of refused) expect([response.headers.get('retry-after'), response.headers.getSetCookie()]).toEqual(['30', []]);
    expect((await user.request(callback, { headers: newAddress() })).status).toBe(200);
  });

  test('from one IPv6 network is one address’s', async () => {
    const from = (index) => ({ 'cf-connecting-ip': `2001:db8:1:2::${index + 1}` });
    const answers = await times(40, (index) => begin(from(index)));
    expect(answers.filter(({ status }) => status === 303).length).toBeLessThanOrEqual(2 * LIMIT);
    expect((await begin({ 'cf-connecting-ip': '2001:db8:1:3::1' })).status).toBe(303);
  });

  test('that say nothing of where they come from, or come from where all Workers do, is not limited', async () => {
    for (const headers of [{}, { 'cf-connecting-ip': '2a06:98c0:3600::103' }]) {
      const answers = await times(20, () => begin(headers));
      expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(303));
    }
  });
});

describe('without the limiter', () => {
  beforeAll(() => start(undefined));
  afterAll(stop);

  test('nothing is limited, and the log says so once', async () => {
    const address = newAddress();
    const answers = await times(70, () => begin(address));
    expect(answers.map(({ status }) => status)).toEqual(Array(70).fill(303));
    const lines = () => stack.logs().filter((line) => line.includes('not_rate_limited'));
    await expect.poll(() => lines().length).toBe(1);
    expect(lines()[0]).toContain('RATE_LIMIT_SIGN_INS is not bound to a rate limiter');
  });
});
