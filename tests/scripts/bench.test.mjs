// The benchmark measures what it says: a few operations, counted, not timed.

import { expect, test } from 'vitest';

import { bench } from '../bench/bench.mjs';
import { measureGuard } from '../bench/guard.mjs';
import { measure, operations } from '../bench/measure.mjs';
import { summarize, tables } from '../bench/report.mjs';
import { isMeasurable } from '../bench/usage.mjs';
import { Wrong } from '../bench/user.mjs';

const server = { pid: process.pid };

test.runIf(isMeasurable)('every operation of Gatepass gets right answers', async () => {
  const plan = { servers: ['gatepass'], operations: Object.keys(operations), users: 2, rounds: 1, times: 3, warmUp: 0, coldStarts: 0 };
  const result = await bench(plan);
  const found = result.measurements.map(({ operation, right, wrong }) => ({ operation, right, wrong }));
  expect(found).toEqual(Object.keys(operations).map((operation) => ({ operation, right: 6, wrong: {} })));
  expect(tables(result)).toContain('0 of 6');
});

test.runIf(isMeasurable)('the guard is what a guarded call costs over an open one', async () => {
  const found = await measureGuard({ turns: 2, seconds: 0.1, users: 1, warmUp: 0 });
  expect(found.requests).toBeGreaterThan(4);
  expect(found.overhead).toBe(found.guarded - found.open);
});

test('a wrong answer is counted by what is wrong with it, and is no latency', async () => {
  let asked = 0;
  const user = {
    discovery: async () => { if (asked++ % 2 === 0) throw new Wrong('discovery', { status: 500, text: 'no' }); },
    codeFlow: async () => {},
  };
  const found = await measure(server, 'discovery', { users: [user], times: 4 });
  expect(found).toMatchObject({ right: 2, wrong: { 'discovery: 500 no': 2 } });
  expect(found.latencies).toHaveLength(2);
});

test('a ratio is taken within its round, and the middle one counts', () => {
  const round = (round, server, cpu) => ({
    round, server, operation: 'refresh', cpu, right: 1000, wrong: {}, seconds: 1, latencies: [1], memory: 1, others: 0,
  });
  const measurements = [
    round(1, 'gatepass', 1), round(1, 'workers-oauth-provider', 4),
    round(2, 'gatepass', 30), round(2, 'workers-oauth-provider', 60),
    round(3, 'gatepass', 1), round(3, 'workers-oauth-provider', 1),
  ];
  const servers = [{ name: 'gatepass' }, { name: 'workers-oauth-provider' }];
  const [gatepass] = summarize({ servers, measurements });
  expect(gatepass).toMatchObject({ ratios: [0.25, 0.5, 1], ratio: 0.5, cpuPer1000: 1 });
});

test('an operation that the other does not have is compared with what it does instead', () => {
  const of = (server, operation, cpu) => ({
    round: 1, server, operation, cpu, right: 1000, wrong: {}, seconds: 1, latencies: [1], memory: 1, others: 0,
  });
  const measurements = [of('gatepass', 'introspection', 1), of('workers-oauth-provider', 'api', 2)];
  const servers = [{ name: 'gatepass' }, { name: 'workers-oauth-provider' }];
  expect(summarize({ servers, measurements })[0]).toMatchObject({ operation: 'introspection', ratio: 0.5 });
});
