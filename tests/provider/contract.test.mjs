// The store contract (testing/src/contract) on D1: the same functions that hold the store in memory
// to it, run inside a Worker against its real binding.
import { afterAll, describe, expect, test } from 'vitest';
import { takeRecord } from '../support/recorder.mjs';
import { startStack } from '../support/stack.mjs';

// Named before any test runs, so that each is a test of its own.
const stack = await startStack({ only: ['provider'], contract: true, record: true });
const names = await (await fetch(`${stack.provider}/contract`)).json();
afterAll(() => stack.stop());

describe('D1 keeps that', () => {
  test.each(names)('%s', async (name) => {
    await takeRecord(stack);
    const response = await fetch(`${stack.provider}/contract/${name}`, { method: 'POST' });
    expect(await response.text()).toBe('kept');
    const batches = await takeRecord(stack);
    expect(batches).not.toHaveLength(0);
    // These really are at D1 at the same time, or they would show nothing.
    if (name.endsWith('_by_one_of_many')) expect(Math.max(...batches.map(({ atOnce }) => atOnce))).toBe(5);
  });
});
