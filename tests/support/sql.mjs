// The SQL that stands in a Worker's source.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Every statement that the Rust files under this folder write down: the tables that it names, and a pattern
 * of what is run. `{}` stands for anything: that is put together at run time.
 *
 * @param {string} folder from the top folder
 * @returns {{ file: string, text: string, tables: string[], pattern: RegExp }[]}
 */
export function statementsIn(folder) {
  const files = readdirSync(join(top, folder), { recursive: true }).filter((file) => file.endsWith('.rs'));
  return files.flatMap((file) => {
    const source = readFileSync(join(top, folder, file), 'utf8').replaceAll(/^\s*\/\/.*$/gm, '');
    const literals = [...source.matchAll(/"((?:[^"\\]|\\.)*)"/gs)].map(([, text]) => text.replaceAll(/\\\n\s*/g, ''));
    return literals
      .filter((text) => /^(SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH)\s/.test(text))
      .map((text) => ({ file, text, tables: tablesIn(text), pattern: patternOf(text) }));
  });
}

/** @param {string} text */
function tablesIn(text) {
  return [...text.matchAll(/\b(?:FROM|JOIN|INTO|UPDATE)\s+([a-z_]+|\{)/g)].map(([, table]) => table);
}

/** @param {string} text */
function patternOf(text) {
  const parts = text.split(/\{\w*\}/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's');
}

/**
 * What a line of `EXPLAIN QUERY PLAN` scans from end to end, if that is a table: not what `json_each` or a
 * subquery makes up.
 *
 * @param {string} detail
 * @param {string} sql
 */
export function scanned(detail, sql) {
  const [, name, rest] = /^SCAN (\S+)(.*)$/.exec(detail) ?? [];
  if (/AUTOMATIC/.test(detail)) return detail;
  if (!name || name === 'CONSTANT' || name.startsWith('(') || rest.includes('VIRTUAL TABLE')) return undefined;
  const isMadeUp = new RegExp(`\\b${name}\\b\\s*(\\([^)]*\\)\\s*)?AS\\s*\\(`).test(sql);
  const [, table] = new RegExp(`\\b(?:FROM|JOIN)\\s+(\\w+)\\s+(?:AS\\s+)?${name}\\b`).exec(sql) ?? [];
  return isMadeUp ? undefined : table ?? name;
}
