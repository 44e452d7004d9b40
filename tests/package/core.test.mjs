// The core as it is shipped, asked what nobody would ask: as WebAssembly and as JavaScript it says the same of everything,
// and what it has no room for harms nothing.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

import { makeCore } from '../../sdk/js/wasm.js';
import { makeFallbackCore } from '../../sdk/dist/fallback.js';
import { dist } from './bundle.mjs';

const bytes = readFileSync(`${dist}/gatepass.wasm`);
const coreOf = (bytes) => {
  const module = new WebAssembly.Module(bytes);
  return makeCore(() => new WebAssembly.Instance(module).exports);
};
const text = (fields) => Object.entries(fields).flat().map((part) => `${part}\0`).join('');
const prefixed = (prefix, fields) => Object.fromEntries(Object.entries(fields).map(([name, value]) => [prefix + name, value]));

const options = { issuer: 'https://id.example', clientId: 'app', redirectUri: 'https://app.example/callback', scope: 'openid read' };
const always = { ...options, now: '1800000000', elapsed: '100000', jitter: '128', fresh_key: 'key' };
const answered = { status: '200', json: '1' };
const document = prefixed('json.', {
  issuer: options.issuer, authorization_endpoint: `${options.issuer}/authorize`, token_endpoint: `${options.issuer}/token`, end_session_endpoint: `${options.issuer}/end`,
});
const tokens = prefixed('json.', { access_token: 'a2', token_type: 'Bearer', refresh_token: 'r2', expires_in: '300' });
const record = { v: '2', sign_in: '1799999000', renewals: '3', access: 'a', refresh: 'r', id_token: 'a.b.c', lifetime: '300', expires_at: '1800000100', skew: '0', key: 'k' };
const flight = { flight_sign_in: record.sign_in, flight_renewals: record.renewals, flight_tries: '1', flight_first: '99000' };
const secrets = { state: 'A'.repeat(22), nonce: 'A'.repeat(22), verifier: 'v'.repeat(43), challenge: 'c'.repeat(43) };
const claims = prefixed('claims.', { iss: options.issuer, aud: 'app', iat: '1800000000', exp: '1800000300', nonce: secrets.nonce });
const calls = {
  configure: {}, learn: { ...answered, ...document }, authorize: { ...document, ...secrets, returnTo: '/x', maxAge: '5' },
  redeem: { ...document, ...prefixed('query.', { code: 'c', state: secrets.state, iss: options.issuer }) },
  sign_in: { ...answered, ...tokens, ...claims, nonce: secrets.nonce, date: '1800000001' },
  adopt: { ...record, ...prefixed('stored.', { ...record, renewals: '4' }) }, begin: record,
  next: { ...record, ...flight, ...prefixed('stored.', record), ...answered, ...tokens, answered: '1' },
  hint: { circuit_failures: '3', circuit_until: '200000' }, pause: { tries: '1', status: '503', retry_after: '2' }, check: { status: '200' },
  sign_out: record, expire: record, end_session: { ...document, next: 'https://app.example/', hint: 'a.b.c' },
};
const names = [...new Set(Object.values({ always, ...calls }).flatMap(Object.keys)), 'json.error', 'json.gatepass_reason', 'ended', 'query.error', 'max_age', 'claims.auth_time'];
const values = [
  '', '0', '-1', '60', '999999999999999', '9223372036854775807', '4294967295', '65536', '1.5', '+1', '\u0663', '\u{1F600}', '\uD800', 'a\uDFFFb', '\uFFFF', '\n', 'a b',
  'x'.repeat(300), '\u{1F600}'.repeat(64), '=&%00', 'https://id.example/', '//evil.example', '/?b#c', 'invalid_grant', 'DPoP', 'true', '400', '503', '"\\', '\x7f',
];

/** The same numbers for the same seed. */
function randomly(seed) {
  return (below) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
}

function* questions(count) {
  const below = randomly(20);
  const any = (list) => list[below(list.length)];
  for (let i = 0; i < count; i++) {
    const call = any(Object.keys(calls));
    const fields = { ...always, call, ...calls[call] };
    for (let changes = below(6); changes > 0; changes--) fields[any(names)] = any(values);
    for (let fewer = below(3); fewer > 0; fewer--) delete fields[any(names)];
    const whole = text(fields);
    yield below(100) ? whole : whole.slice(0, below(whole.length));
  }
}

test('both say the same of ten thousand questions, in a memory that does not grow', () => {
  const exports = [];
  const module = new WebAssembly.Module(bytes);
  const wasm = makeCore(() => (exports[0] = new WebAssembly.Instance(module).exports));
  const script = makeFallbackCore();
  const answers = new Set();
  for (const question of questions(10_000)) {
    const answer = wasm.call(question);
    expect(script.call(question), JSON.stringify(question)).toBe(answer);
    answers.add(answer);
  }
  expect(answers.size).toBeGreaterThan(300);
  expect(exports[0].memory.buffer.byteLength).toBeLessThan(2_000_000);
});

test('a question for which there is no room is not answered, and the next one is', () => {
  const core = coreOf(withoutMore(bytes));
  const question = text({ ...always, call: 'configure' });
  const answer = core.call(question);
  expect(answer).toContain('/.well-known/openid-configuration');
  for (const size of [70_000, 500_000, 1_000_000, 2_000_000]) {
    expect(() => core.call(text({ more: 'x'.repeat(size) }) + question)).toThrow();
    expect(core.call(question)).toBe(answer);
  }
});

/** The module, with no more memory than it begins with. */
function withoutMore(module) {
  const MEMORY = 5;
  const bytes = [...module];
  for (let at = 8; ;) {
    // LEB128 of two bytes at most, until there.
    const [size, body] = bytes[at + 1] < 0x80 ? [bytes[at + 1], at + 2] : [(bytes[at + 1] & 0x7f) | (bytes[at + 2] << 7), at + 3];
    if (bytes[at] === MEMORY) {
      const pages = bytes.slice(body + 2, body + size);
      bytes.splice(at, body + size - at, MEMORY, 2 + 2 * pages.length, 1, 1, ...pages, ...pages);
      return Uint8Array.from(bytes);
    }
    at = body + size;
  }
}
