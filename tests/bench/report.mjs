// From measurements to figures, and to a table.

import { operations } from './measure.mjs';

/** The server that the others are compared with. */
export const BASE = 'workers-oauth-provider';

/**
 * One line for each operation of each server; the middle of the rounds, the latencies of all of them.
 * Ratios are taken within each round, where both met the same machine.
 *
 * @param {Awaited<ReturnType<import('./bench.mjs').bench>>} result
 */
export function summarize({ servers, measurements }) {
  const of = (server, operation) => measurements.filter((each) => each.server === server && each.operation === operation);
  return Object.keys(operations).flatMap((operation) => servers.flatMap(({ name }) => {
    const rounds = of(name, operation);
    if (rounds.length === 0) return [];
    const same = of(BASE, operation);
    const base = same.length > 0 ? same : of(BASE, operations[operation].instead);
    const latencies = rounds.flatMap((round) => round.latencies).sort((a, b) => a - b);
    const ratios = rounds.flatMap((round) => {
      const other = base.find((each) => each.round === round.round);
      return other ? [cpuPer1000(round) / cpuPer1000(other)] : [];
    });
    return [{
      operation,
      server: name,
      perSecond: median(rounds.map(({ right, seconds }) => right / seconds)),
      p50: quantile(latencies, 0.5),
      p99: quantile(latencies, 0.99),
      cpuPer1000: median(rounds.map(cpuPer1000)),
      ratio: median(ratios),
      ratios,
      right: rounds.reduce((sum, { right }) => sum + right, 0),
      wrong: rounds.reduce((sum, round) => sum + wrongOf(round), 0),
      messages: rounds.map(({ wrong }) => wrong).filter((wrong) => Object.keys(wrong).length > 0),
      memory: median(rounds.map(({ memory }) => memory)),
      others: median(rounds.map(({ others, seconds }) => others / seconds)),
    }];
  }));
}

/** The tables that a person reads. */
export function tables(result) {
  const summary = summarize(result);
  const lines = summary.map((line) => [
    operations[line.operation].title,
    line.server,
    number(line.perSecond, 0),
    number(line.p50, 2),
    number(line.p99, 2),
    number(line.cpuPer1000, 3),
    number(line.ratio, 2),
    `${line.wrong} of ${line.wrong + line.right}`,
  ]);
  const ratio = `CPU ÷ ${BASE}`;
  const servers = result.servers.map(({ name, version = '', storage }) => {
    const isolate = result.isolates[name];
    return [
      `${name} ${version}`.trim(),
      storage,
      isolate ? number(isolate.gzip / 1000, 1) : '–',
      isolate ? number(median(isolate.coldStarts), 0) : '–',
      number(summary.findLast(({ server }) => server === name).memory / 1e6, 0),
    ];
  });
  const wrong = summary.filter(({ messages }) => messages.length > 0)
    .map(({ operation, server, messages }) => `${server}, ${operation}: ${JSON.stringify(messages)}`);
  return [
    table(['operation', 'server', 'per second', 'p50 ms', 'p99 ms', 'CPU s per 1000', ratio, 'wrong answers'], lines),
    table(['server', 'runs on', 'isolate kB gzip', 'cold start ms', 'memory MB'], servers),
    ...wrong,
  ].join('\n\n');
}

function cpuPer1000(round) {
  return round.cpu / (round.right + wrongOf(round)) * 1000;
}

function wrongOf({ wrong }) {
  return Object.values(wrong).reduce((sum, times) => sum + times, 0);
}

/** @param {number[]} values @returns {number | undefined} */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Of sorted values. */
function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

function number(value, digits) {
  return Number.isFinite(value) ? value.toFixed(digits) : '–';
}

/** As Markdown, which is as readable on a terminal. */
function table(head, rows) {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
