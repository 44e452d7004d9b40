// The provider's answers, held against its own description: `worker/public/openapi.json`.

import { readFileSync } from 'node:fs';

import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

export const document = JSON.parse(readFileSync(new URL('../../worker/public/openapi.json', import.meta.url), 'utf8'));

const ajv = new Ajv({ allErrors: true, strict: true, strictRequired: false });
addFormats(ajv);
// The whole document, so that its references can be followed.
ajv.addVocabulary(['openapi', 'info', 'servers', 'tags', 'paths', 'components']);
ajv.addSchema({ $id: 'openapi', ...document });

const validators = new Map();
const templates = Object.keys(document.paths).map((path) => ({
  path, pattern: new RegExp(`^${path.replaceAll(/[.+]/g, '\\$&').replaceAll(/\{[^}]+\}/g, '[^/]+')}$`),
}));

/** What `#/…` stands for, however often it refers on. */
export function resolve(value) {
  while (value?.$ref) value = pointed(value.$ref);
  return value;
}

function pointed(ref) {
  const steps = ref.slice(2).split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  return steps.reduce((value, step) => value[step], document);
}

/** The operation at a path, if the document describes it. */
export function operation(method, path) {
  const template = templates.find(({ pattern }) => pattern.test(path));
  return template && resolve(document.paths[template.path])?.[method.toLowerCase()];
}

/**
 * What an answer does that the document does not say; `undefined` if nothing.
 *
 * @param {string} method
 * @param {string} path
 * @param {Response} response whose body is read from a copy
 * @returns {Promise<string | undefined>}
 */
export async function contradiction(method, path, response) {
  const described = operation(method, path);
  // Of a method that the document does not list: not described, so refused.
  if (!described) return undefined;
  // An address that is too long for the runtime never reaches the provider.
  if (response.status === 414) return undefined;
  const answer = resolve(described.responses[response.status]);
  if (!answer) return `the status ${response.status} is not described`;
  const type = response.headers.get('content-type')?.split(';')[0];
  const text = await response.clone().text();
  if (!answer.content) return text && `the status ${response.status} is described without a body`;
  const { schema } = answer.content[type] ?? {};
  if (!schema) return `the content type ${type} is not described`;
  if (type !== 'application/json') return undefined;
  const validate = validator(schema);
  return validate(JSON.parse(text)) ? undefined : ajv.errorsText(validate.errors, { dataVar: 'body' });
}

function validator(schema) {
  const key = JSON.stringify(schema);
  if (!validators.has(key)) {
    const absolute = JSON.parse(key.replaceAll('"$ref":"#/', '"$ref":"openapi#/'));
    validators.set(key, ajv.compile(absolute));
  }
  return validators.get(key);
}
