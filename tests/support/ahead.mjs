// The gateway with a clock that a test sets ahead of everybody else's, and with a look at its sessions: a module between
// workerd and the built Worker.

import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';

const path = '/ahead';

const entry = `
import Worker, { SessionIndex as Index, SessionObject as Session } from './index.js';
export * from './index.js';

const Clock = Date;
let ahead = 0;

globalThis.Date = class extends Clock {
  constructor(...values) {
    if (values.length > 0) super(...values);
    else super(Clock.now() + ahead);
  }
  static now() {
    return Clock.now() + ahead;
  }
};

let asked = 0;
let failing = '';
let stuck = '';
let full = '';
const resetting = { before: 0, after: 0 };

/** Objects that the platform restarts when they are asked, or just before their answer leaves. */
const restarting = (namespace) => ({
  getByName: (name) => ({
    fetch: async (...question) => {
      const reset = () => { throw Object.assign(new Error('Durable Object reset because its code was updated.'), { retryable: true }); };
      if (resetting.before > 0 && resetting.before--) reset();
      const answer = await namespace.getByName(name).fetch(...question);
      if (resetting.after > 0 && resetting.after--) reset();
      return answer;
    },
  }),
});

export class SessionObject extends Session {
  #sql;
  #name;
  #storage;
  constructor(state, env) {
    super(state, env);
    this.#name = state.id.name;
    this.#storage = state.storage;
    this.#sql = state.storage.sql;
  }
  async alarm(...told) {
    if (stuck && this.#name === stuck) this.#sql.exec = () => { throw new Error('as the test wants'); };
    try {
      return await super.alarm(...told);
    } finally {
      delete this.#sql.exec;
    }
  }
  async fetch(request) {
    if (request.method === 'GET') {
      const { searchParams } = new URL(request.url);
      if (searchParams.has('alarm')) {
        if (searchParams.get('alarm')) await this.#storage.setAlarm(Clock.now());
        return Response.json(await this.#storage.getAlarm());
      }
      const tables = [...this.#sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'session'")];
      return Response.json(tables.length > 0 ? [...this.#sql.exec('SELECT * FROM session')] : []);
    }
    asked += 1;
    if (failing && this.#name === failing) throw new Error('as the test wants');
    const sql = this.#sql;
    delete sql.exec;
    if (full && this.#name === full) {
      const exec = sql.exec.bind(sql);
      sql.exec = (statement, ...values) => {
        if (statement.startsWith('INSERT')) throw new Error('as the test wants');
        return exec(statement, ...values);
      };
    }
    return super.fetch(request);
  }
}

export class SessionIndex extends Index {
  #storage;
  constructor(state, env) {
    super(state, env);
    this.#storage = state.storage;
  }
  async fetch(request) {
    return request.method === 'GET' ? Response.json(await this.#storage.getAlarm()) : super.fetch(request);
  }
}

export default {
  ...Worker,
  async fetch(request, env, context) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== '${path}') {
      const { SESSIONS, SESSION_INDEX, REFRESHES } = env;
      if (resetting.before + resetting.after === 0) return Worker.fetch(request, env, context);
      return Worker.fetch(request, { ...env, SESSIONS: restarting(SESSIONS), SESSION_INDEX: restarting(SESSION_INDEX), REFRESHES: restarting(REFRESHES) }, context);
    }
    if (searchParams.has('by')) ahead = 1000 * Number(searchParams.get('by'));
    if (searchParams.has('failing')) failing = searchParams.get('failing');
    for (const when of ['before', 'after']) if (searchParams.has(when)) resetting[when] = Number(searchParams.get(when));
    if (searchParams.has('full')) full = searchParams.get('full');
    if (searchParams.has('stuck')) stuck = searchParams.get('stuck');
    if (searchParams.has('index')) return env.SESSION_INDEX.getByName(searchParams.get('index')).fetch('https://object/');
    const name = searchParams.get('session');
    const session = async (path) => (await env.SESSIONS.getByName(name).fetch('https://object' + path)).json();
    if (searchParams.has('alarm')) return Response.json(await session('/?alarm=' + searchParams.get('alarm')));
    return Response.json({ asked, stored: name ? await session('/') : [] });
  },
};
`;

/** The entry module that stands before the built Worker. @param {string} main the Worker's own */
export function settable(main) {
  return { type: 'ESModule', path: join(dirname(main), 'ahead.js'), contents: entry };
}

/**
 * Sets the clock of the gateway of this stack (started with `ahead`) ahead of the others'.
 *
 * @param {import('./stack.mjs').Stack} stack
 * @param {number} seconds how far
 */
export async function setAhead(stack, seconds) {
  const { status } = await fetch(`${stack.gateway}${path}?by=${seconds}`);
  if (status !== 200) throw new Error(`the clock cannot be set: ${status}`);
}

/**
 * Has questions to the session of this cookie fail, and no other's.
 *
 * @param {import('./stack.mjs').Stack} stack
 * @param {string} [cookie]
 */
export async function setFailing(stack, cookie = '') {
  const { status } = await fetch(`${stack.gateway}${path}?failing=${sessionName(cookie)}`);
  if (status !== 200) throw new Error(`the session cannot be made to fail: ${status}`);
}

/**
 * Has the database of the session of this cookie take nothing, and no other's.
 *
 * @param {import('./stack.mjs').Stack} stack
 * @param {string} [cookie]
 */
export async function setFull(stack, cookie = '') {
  const { status } = await fetch(`${stack.gateway}${path}?full=${sessionName(cookie)}`);
  if (status !== 200) throw new Error(`the database cannot be made full: ${status}`);
}

/**
 * Has the platform restart the objects that are asked next, so many times, before they answer or when they just have.
 *
 * @param {import('./stack.mjs').Stack} stack
 * @param {{ before?: number, after?: number }} times
 */
export async function setResetting(stack, { before = 0, after = 0 }) {
  const { status } = await fetch(`${stack.gateway}${path}?before=${before}&after=${after}`);
  if (status !== 200) throw new Error(`objects cannot be restarted: ${status}`);
}

/**
 * Has the alarms of the session of this cookie fail, and no other's.
 *
 * @param {import('./stack.mjs').Stack} stack
 * @param {string} [cookie]
 */
export async function setStuck(stack, cookie = '') {
  const { status } = await fetch(`${stack.gateway}${path}?stuck=${sessionName(cookie)}`);
  if (status !== 200) throw new Error(`the alarm cannot be made to fail: ${status}`);
}

/**
 * When the alarm of the session of this cookie comes, after it is made to come now if that is wanted.
 *
 * @param {import('./stack.mjs').Stack} stack
 * @param {string} cookie
 * @returns {Promise<number | null>} milliseconds since the epoch
 */
export async function alarm(stack, cookie, { now = false } = {}) {
  return (await fetch(`${stack.gateway}${path}?session=${sessionName(cookie)}&alarm=${now ? 'now' : ''}`)).json();
}

/**
 * When the alarm of the index of a user's sessions comes.
 *
 * @param {import('./stack.mjs').Stack} stack
 * @param {string} subject
 * @returns {Promise<number | null>} milliseconds since the epoch
 */
export async function indexAlarm(stack, subject) {
  const name = createHash('sha256').update(`gatepass sub ${subject}`).digest('base64url');
  return (await fetch(`${stack.gateway}${path}?index=${name}`)).json();
}

/**
 * How often sessions were asked, and the rows of the one of this cookie.
 *
 * @param {import('./stack.mjs').Stack} stack
 * @param {string} [cookie]
 * @returns {Promise<{ asked: number, stored: object[] }>}
 */
export async function look(stack, cookie = '') {
  return (await fetch(`${stack.gateway}${path}?session=${sessionName(cookie)}`)).json();
}

function sessionName(cookie) {
  const secret = cookie.split('.')[0];
  return secret && createHash('sha256').update(secret).digest('base64url');
}
