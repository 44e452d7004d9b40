// Development secrets are made once and then left alone.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { prepareDevVars } from '../../scripts/lib/dev-vars.mjs';

let folder;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatepass-dev-vars-'));
  for (const name of ['api', 'gateway']) mkdirSync(join(folder, name));
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = (name) => join(folder, name);
const lines = (name) => readFileSync(file(name), 'utf8').split('\n').filter((line) => line.includes('='));
const value = (name, key) => lines(name).find((line) => line.startsWith(`${key}=`))?.slice(key.length + 1);

test('every secret is 32 bytes, differs, and is for the owner alone', () => {
  prepareDevVars(folder);
  const values = lines('.dev.vars').map((line) => line.split('=')[1]);
  expect(values).toHaveLength(5);
  expect(new Set(values).size).toBe(5);
  for (const secret of values) expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
  for (const name of ['.dev.vars', 'api/.dev.vars', 'gateway/.dev.vars']) expect(statSync(file(name)).mode & 0o777).toBe(0o600);
});

test('the API has the secret that the provider expects', () => {
  prepareDevVars(folder);
  expect(value('api/.dev.vars', 'GATEPASS_API_SECRET')).toBe(value('.dev.vars', 'GATEPASS_API_SECRET'));
  expect(lines('api/.dev.vars')).toHaveLength(1);
});

test('the gateway has the secret that the provider expects, and a key of its own', () => {
  prepareDevVars(folder);
  expect(value('gateway/.dev.vars', 'GATEPASS_GATEWAY_SECRET')).toBe(value('.dev.vars', 'GATEPASS_GATEWAY_SECRET'));
  expect(Buffer.from(value('gateway/.dev.vars', 'GATEPASS_SESSION_KEY'), 'base64url')).toHaveLength(32);
  expect(lines('gateway/.dev.vars')).toHaveLength(2);
});

test('a second start changes nothing', () => {
  const all = () => ['.dev.vars', 'api/.dev.vars', 'gateway/.dev.vars'].map((name) => readFileSync(file(name), 'utf8'));
  prepareDevVars(folder);
  const before = all();
  prepareDevVars(folder);
  expect(all()).toEqual(before);
});

test('lines of the developer stay, missing ones are added', () => {
  writeFileSync(file('.dev.vars'), '# mine\nGATEPASS_API_SECRET="chosen"\nOTHER=1');
  prepareDevVars(folder);
  const text = readFileSync(file('.dev.vars'), 'utf8');
  expect(text.startsWith('# mine\nGATEPASS_API_SECRET="chosen"\nOTHER=1\n')).toBe(true);
  expect(text.match(/GATEPASS_API_SECRET/g)).toHaveLength(1);
  expect(lines('.dev.vars')).toHaveLength(6);
  expect(value('api/.dev.vars', 'GATEPASS_API_SECRET')).toBe('chosen');
});
