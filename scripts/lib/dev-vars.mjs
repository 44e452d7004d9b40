// Secrets for development: made on this machine, kept out of git, never changed once made.

import { randomBytes } from 'node:crypto';
import { appendFileSync, chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { top } from './paths.mjs';

const providerSecrets = [
  'GATEPASS_TOKEN_KEY',
  'GATEPASS_KEY_ENCRYPTION_KEY',
  'GATEPASS_GATEWAY_SECRET',
  'GATEPASS_API_SECRET',
  'GATEPASS_SERVICE_SECRET',
];
// The API authenticates at the provider's introspection endpoint.
const apiSecrets = ['GATEPASS_API_SECRET'];
// The gateway authenticates at its token endpoint, and has a secret of its own.
const gatewaySecrets = ['GATEPASS_GATEWAY_SECRET', 'GATEPASS_SESSION_KEY'];

/** Adds the missing lines to the `.dev.vars` of each Worker. @param {string} [folder] where the Workers are */
export function prepareDevVars(folder = top) {
  const provider = complete(join(folder, '.dev.vars'), providerSecrets, newSecret);
  complete(join(folder, 'api', '.dev.vars'), apiSecrets, (name) => provider[name]);
  complete(join(folder, 'gateway', '.dev.vars'), gatewaySecrets, (name) => provider[name] ?? newSecret());
}

/** New secrets for a provider, by their names. @returns {Record<string, string>} */
export function developmentSecrets() {
  return Object.fromEntries(providerSecrets.map((name) => [name, newSecret()]));
}

/** 256 random bits, as the Workers expect them. */
export function newSecret() {
  return randomBytes(32).toString('base64url');
}

/** @param {string} file @param {string[]} names @param {(name: string) => string} valueOf */
function complete(file, names, valueOf) {
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const values = parse(before);
  const missing = names.filter((name) => !values[name]).map((name) => [name, valueOf(name)]);
  if (missing.length === 0) return values;
  if (!existsSync(file)) {
    writeFileSync(file, '# Secrets for development, made by `npm start`. Never commit them, never use them elsewhere.\n', { mode: 0o600 });
  }
  const gap = before === '' || before.endsWith('\n') ? '' : '\n';
  appendFileSync(file, gap + missing.map(([name, value]) => `${name}=${value}\n`).join(''));
  chmodSync(file, 0o600);
  return { ...values, ...Object.fromEntries(missing) };
}

/** @param {string} text @returns {Record<string, string>} */
function parse(text) {
  const lines = text.split('\n').map((line) => line.match(/^\s*([A-Z0-9_]+)\s*=\s*"?([^"]*?)"?\s*$/));
  return Object.fromEntries(lines.filter((match) => match !== null).map(([, name, value]) => [name, value]));
}
