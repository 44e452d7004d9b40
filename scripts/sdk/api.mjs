// The API documentation, from the types: `API.md` of the npm package. The types are written to be read, one
// declaration after the other, so a reader of lines is enough; what it cannot read is an error.

import { readFileSync } from 'node:fs';

import { Failure } from '../lib/failure.mjs';

/**
 * @typedef {object} Described
 * @property {string} name
 * @property {string} signature
 * @property {string} doc
 * @property {Described[]} members
 */

/** @param {{ entry: string, file: string }[]} files what is imported, and the file with its types @returns {string} */
export function apiOf(files) {
  const entries = files.map(({ entry, file }) => ({ entry, ...read(file) }));
  addAnchors(entries);
  const all = new Map(entries.toReversed().flatMap(({ declared }) => declared.map(({ name, anchor }) => [name, anchor])));
  // Where two entries have a thing of one name, each speaks of its own.
  const parts = entries.map((entry) => section(entry, new Map([...all, ...entry.declared.map(({ name, anchor }) => [name, anchor])])));
  const contents = entries.map(({ entry, declared }) => `- \`${entry}\`: ${declared.map(({ name, anchor }) => `[${name}](#${anchor})`).join(', ')}`);
  return ['# API', '', 'Made from the types.', '', ...contents, '', ...parts].join('\n');
}

/** Where the section of each thing is: as sites that show Markdown make it of the headings, which are not all different. */
function addAnchors(entries) {
  const times = new Map();
  const anchorOf = (heading) => {
    const plain = heading.toLowerCase().replaceAll('/', '');
    const before = times.get(plain) ?? 0;
    times.set(plain, before + 1);
    return before > 0 ? `${plain}-${before}` : plain;
  };
  anchorOf('API');
  for (const { entry, declared } of entries) {
    anchorOf(entry);
    for (const each of declared) {
      each.anchor = anchorOf(each.name);
      if (isCodes(each)) for (const { name } of each.members) if (anchorOf(name) !== name) throw new Failure(`${name} is the heading of two sections`);
    }
  }
}

/** Whether it is a type of named values, each of which has a section: what the message of an error names. */
const isCodes = ({ members }) => members.length > 0 && members.every((member) => member.signature === '');

/** What a file declares, in its order. @param {string} file */
export function read(file) {
  const lines = readFileSync(file, 'utf8').split('\n');
  const declared = [];
  let front = '';
  let doc = '';
  for (let at = 0; at < lines.length; at++) {
    if (lines[at].startsWith('/**')) {
      [doc, at] = comment(lines, at);
      if (doc.includes('@packageDocumentation')) [front, doc] = [doc.replace('@packageDocumentation', '').trim(), ''];
      continue;
    }
    const [, kind, name] = /^export (?:declare )?(interface|class|function|type|const) (\w+)/.exec(lines[at]) ?? [];
    if (!kind) {
      if (lines[at] !== '' && !/^(import|export \*|export \{|export type \{)/.test(lines[at])) throw new Failure(`${file}:${at + 1} cannot be read: ${lines[at]}`);
      continue;
    }
    const begun = at;
    if (kind === 'interface' || kind === 'class') while (lines[at] !== '}') at++;
    else at = endOf(lines, at, file);
    const body = lines.slice(begun, at + 1);
    const members = kind === 'function' ? [] : membersOf(body, `${file}: ${name}`);
    const signature = (members.length > 0 ? lines[begun].replace(/ =$/, '') : body.join('\n')).replace(/^export (declare )?/, '').replace(/ \{$/, '');
    // The same name once more is another way to call it.
    const again = declared.find((other) => other.name === name);
    if (again && kind === 'function') again.signature += `\n${signature}`;
    else declared.push({ name, signature, doc, members, kind });
    doc = '';
  }
  return { front, declared };
}

/** The members of an interface or class, or the named values of a type. @param {string[]} body @param {string} where */
function membersOf(body, where) {
  const members = [];
  let doc = '';
  for (let at = 1; at < body.length - (body.at(-1) === '}' ? 1 : 0); at++) {
    const line = body[at];
    if (line.trim() === '') continue;
    if (/^ {2}\/\*\*/.test(line)) {
      [doc, at] = comment(body, at);
      continue;
    }
    const begun = at;
    if (line.startsWith('  |')) {
      const [, name] = /^ {2}\| '(\w+)'/.exec(line) ?? [];
      if (!name) return [];
      members.push({ name, signature: '', doc, members: [] });
    } else {
      at = endOf(body, at, where);
      const signature = body.slice(begun, at + 1).map((text) => text.slice(2)).join('\n');
      const name = /^(?:readonly )?(\[?\w+)/.exec(signature)?.[1].replace('[', '');
      if (!name) throw new Failure(`${where} cannot be read from: ${line}`);
      members.push({ name, signature, doc, members: [] });
    }
    doc = '';
  }
  return members;
}

/** The last line of what begins at a line: the first with a semicolon that is in no bracket. */
function endOf(lines, at, where) {
  for (let end = at, depth = 0; end < lines.length; end++) {
    for (const [bracket] of lines[end].matchAll(/[()[\]{}]/g)) depth += '([{'.includes(bracket) ? 1 : -1;
    if (depth === 0 && lines[end].endsWith(';')) return end;
  }
  throw new Failure(`${where} cannot be read from: ${lines[at]}`);
}

/** What has no description, by name. @param {string} file */
export function undescribed(file) {
  const all = read(file).declared.flatMap(({ name, doc, members }) => [{ name, doc }, ...members.map((member) => ({ name: `${name}.${member.name}`, doc: member.doc }))]);
  return all.filter(({ doc }) => !doc).map(({ name }) => name);
}

/** The text of a comment, and its last line. @param {string[]} lines @param {number} at */
function comment(lines, at) {
  const begun = at;
  while (!lines[at].includes('*/')) at++;
  const text = lines.slice(begun, at + 1).join('\n').replace(/^\s*\/\*\*/, '').replace(/\*\/\s*$/, '');
  return [text.split('\n').map((line) => line.replace(/^\s*\* ?/, '')).join('\n').trim(), at];
}

function section({ entry, front, declared }, names) {
  return [`## \`${entry}\``, '', prose(front, names), '', ...declared.flatMap((each) => declaration(each, names))].join('\n');
}

function declaration(declared, names) {
  const { name, signature, doc } = declared;
  const members = declared.members.filter((member) => member.doc !== '@internal');
  const codes = isCodes(declared);
  return [
    `### ${name}`, '', '```ts', signature, '```', '', prose(doc, names), '',
    ...members.flatMap((member) => codes
      ? [`#### ${member.name}`, '', prose(member.doc, names), '']
      : [`- \`${member.signature.replace(/\s+/g, ' ').replace(/;$/, '')}\`  `, indented(prose(member.doc, names)), '']),
  ];
}

/** A description as Markdown. */
function prose(doc, names) {
  const link = (name, text = name) => {
    const [first] = name.split('.');
    return names.has(first) ? `[${text}](#${names.get(first)})` : `\`${text}\``;
  };
  return doc
    .replace(/\{@link ([\w.]+)(?: \| ([^}]+))?\}/g, (_, name, text) => link(name, text))
    .replace(/^@defaultValue ?/gm, '\nDefault: ')
    .replace(/^@param (\w+) ?/gm, '\n`$1`: ')
    .replace(/^@returns ?/gm, '\nReturns ')
    .replace(/^@throws ?/gm, '\nThrows ')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

const indented = (text) => text.split('\n').map((line) => (line ? `  ${line}` : '')).join('\n');
