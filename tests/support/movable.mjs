// The provider with a clock that stands still until a test moves it, and with a look at its password hashers: a module between
// workerd and the built Worker.

import { dirname, join } from 'node:path';

const path = '/moved';

const entry = `
import Worker, { PasswordHasher as Hasher } from './index.js';
export * from './index.js';

const Clock = Date;
let began = 0;
let ahead = 0;
const questions = [];

const now = () => (began ||= Clock.now()) + ahead;

globalThis.Date = class extends Clock {
  constructor(...values) {
    if (values.length > 0) super(...values);
    else super(now());
  }
  static now() {
    return now();
  }
};

export class PasswordHasher extends Hasher {
  #sql;
  constructor(state, env) {
    super(state, env);
    this.#sql = state.storage.sql;
  }
  async fetch(request) {
    if (request.method === 'GET') {
      const tables = [...this.#sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'places'")];
      return Response.json(tables.length > 0 ? [...this.#sql.exec('SELECT * FROM places')] : []);
    }
    const [hash, cost, ...places] = (await request.clone().text()).split(/[ \\n]/).slice(0, 5);
    const response = await super.fetch(request);
    questions.push({ hash, cost, places, answer: Number(await response.clone().text()) });
    return response;
  }
}

export default {
  ...Worker,
  async fetch(request, env, context) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== '${path}') return Worker.fetch(request, env, context);
    ahead += 1000 * Number(searchParams.get('by'));
    const hashers = env.PASSWORD_HASHER;
    const ask = (name) => hashers.get(hashers.idFromName(name)).fetch('https://password-hasher/');
    const answers = await Promise.all(Array.from({ length: 16 }, (_, i) => ask('hasher-' + i)));
    const places = (await Promise.all(answers.map((answer) => answer.json()))).flat();
    return Response.json({ questions: questions.splice(0), places });
  },
};
`;

/** The entry module that stands before the built Worker. @param {string} main the Worker's own */
export function movable(main) {
  return { type: 'ESModule', path: join(dirname(main), 'movable.js'), contents: entry };
}

/**
 * Moves the clock of the provider of this stack (started with `movable`).
 *
 * @param {import('./stack.mjs').Stack} stack
 * @param {number} [seconds] how far
 * @returns {Promise<{ questions: { hash: string, cost: string, places: string[], answer: number }[], places: object[] }>}
 *   what the password hashers were asked since this was last called, and every row that they hold
 */
export async function advance(stack, seconds = 0) {
  return (await fetch(`${stack.provider}${path}?by=${seconds}`)).json();
}
