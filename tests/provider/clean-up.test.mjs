// Growth: what nobody can ask for any more is deleted by the cron trigger, a bounded number of rows a run,
// and nobody who is signed in and no replay ever misses it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fill } from '../support/fill.mjs';
import { Browser, atOnce, claims, refusal } from '../support/oauth.mjs';
import { startStack } from '../support/stack.mjs';

const HOUR = 3_600;
const DAY = 24 * HOUR;
const seconds = () => Math.floor(Date.now() / 1000);
const at = (time) => new Date(time * 1000);

let stack;
let db;
beforeAll(async () => {
  stack = await startStack({ only: ['provider'] });
  db = await stack.database('provider');
});
afterAll(() => stack?.stop());

/** How many rows each of these tables has. */
async function rows(...tables) {
  const sql = tables.map((table) => `(SELECT count(*) FROM ${table}) AS ${table}`);
  return (await db.prepare(`SELECT ${sql}`).all()).results[0];
}

const cleaned = ['clients', 'codes', 'device_codes', 'grants', 'opaque_access_tokens', 'pushed_requests', 'revoked_access_tokens', 'sessions', 'sign_ins', 'used_once'];

/** What the last clean-up says in the log. */
function lastLine() {
  const lines = stack.logs().filter((line) => line.includes('"cleaned_up"'));
  return JSON.parse(lines.at(-1).slice(lines.at(-1).indexOf('{')));
}

/** Lets the trigger fire, at this time, until a run finds nothing more. */
async function cleanAll(time) {
  const runs = [];
  do {
    await stack.clean(at(time));
    runs.push(lastLine());
  } while (Object.values(runs.at(-1).forgotten).some((count) => count > 0));
  return runs;
}

describe('the clean-up', () => {
  test('deletes what is over, leaves what is in use, and says how much that was', async () => {
    const user = new Browser(stack);
    const { tokens } = await user.signIn();
    const live = await rows(...cleaned);
    await fill(db, 2_000, { name: 'long-ago', end: seconds() - 2 * DAY });
    const runs = await cleanAll(seconds());
    expect(await rows(...cleaned)).toEqual(live);
    const sum = (name) => runs.reduce((count, { forgotten }) => count + forgotten[name], 0);
    expect(Object.fromEntries(cleaned.map((name) => [name, sum(name)]))).toEqual({
      clients: 2_000, codes: 2_000, device_codes: 2_000, grants: 2_000, opaque_access_tokens: 2_000, pushed_requests: 2_000, revoked_access_tokens: 2_000, sessions: 4_000, sign_ins: 2_000, used_once: 2_000,
    });
    expect((await user.refresh(tokens.refresh_token)).status).toBe(200);
    expect((await user.introspect(tokens.access_token)).status).toBe(200);
  });

  test('deletes a bounded number of rows a run, and goes on in the next', async () => {
    const count = 26_000;
    await db.prepare('WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) '
      + 'INSERT INTO revoked_access_tokens (access_jti, expires_at) SELECT hex(randomblob(16)), 1 FROM n').bind(count).run();
    const runs = await cleanAll(seconds());
    const deleted = runs.map(({ forgotten }) => forgotten.revoked_access_tokens);
    expect(deleted[0]).toBe(25_000);
    expect(runs[0].rounds).toBe(50);
    expect(deleted.reduce((a, b) => a + b)).toBe(count);
    expect(await rows('revoked_access_tokens')).toEqual({ revoked_access_tokens: 0 });
  });

  test('keeps rows in proportion to the grants in use, however many come and go', async () => {
    const user = new Browser(stack);
    const { tokens } = await user.signIn();
    await cleanAll(seconds());
    const before = await rows(...cleaned);
    for (let day = 30; day > 3; day -= 3) {
      await fill(db, 300, { name: `day-${day}`, end: seconds() - day * DAY });
      await stack.clean();
    }
    await cleanAll(seconds());
    expect(await rows(...cleaned)).toEqual(before);
    expect((await user.refresh(tokens.refresh_token)).status).toBe(200);
  });

  test('signs nobody out, to the last second of a refresh token', async () => {
    const user = new Browser(stack);
    const { tokens } = await user.signIn();
    const { refresh_token: newest } = await (await user.refresh(tokens.refresh_token)).json();
    await cleanAll(claims(newest).exp);
    // In the table, not in the past: the clean-up looked from two weeks ahead.
    expect((await user.refresh(newest)).status).toBe(200);
  });

  test('leaves a replay known for one, as long as the stolen token can be presented', async () => {
    const user = new Browser(stack);
    const { tokens } = await user.signIn();
    const stolen = tokens.refresh_token;
    const next = await (await user.refresh(stolen)).json();
    await db.prepare('UPDATE sessions SET refreshed_at = refreshed_at - 31 WHERE refresh_jti = ?').bind(claims(stolen).jti).run();
    // The grace time, in which even an expired token counts.
    await cleanAll(claims(stolen).exp + 30);
    const ended = { status: 400, error: 'invalid_grant', gatepass_reason: 'replayed' };
    expect(await refusal(await user.refresh(stolen))).toMatchObject(ended);
    await cleanAll(claims(stolen).exp + 30);
    expect(await refusal(await user.refresh(next.refresh_token))).toMatchObject(ended);
  });

  test('leaves a used code known for one, as long as its grant lives', async () => {
    const user = new Browser(stack);
    const { code, verifier, tokens } = await user.signIn();
    await cleanAll(seconds() + 10 * DAY);
    await db.prepare('UPDATE codes SET redeemed_at = redeemed_at - 31 WHERE redeemed_at IS NOT NULL').run();
    expect((await user.redeem(code, verifier)).status).toBe(400);
    expect(await refusal(await user.refresh(tokens.refresh_token))).toMatchObject({ gatepass_reason: 'code_replayed' });
  });

  test('takes everything of a grant that nothing can continue', async () => {
    const user = new Browser(stack);
    const { tokens } = await user.signIn();
    await user.refresh(tokens.refresh_token);
    await cleanAll(claims(tokens.refresh_token).exp + 2 * HOUR);
    expect(await rows('codes', 'grants', 'sessions', 'sign_ins')).toEqual({ codes: 0, grants: 0, sessions: 0, sign_ins: 0 });
  });

  test('and requests at the same time do not disturb each other', async () => {
    const user = new Browser(stack);
    let { tokens } = await user.signIn();
    await fill(db, 3_000, { name: 'meanwhile', end: seconds() - 2 * DAY });
    const cleaning = Promise.all([stack.clean(), stack.clean(), cleanAll(seconds())]);
    for (let i = 0; i < 10; i++) {
      const answers = await atOnce(5, () => user.refresh(tokens.refresh_token));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1);
      tokens = answers[0].body;
    }
    await cleaning;
    await cleanAll(seconds());
    expect(await rows('clients', 'grants')).toMatchObject({ grants: 1 });
    expect((await user.refresh(tokens.refresh_token)).status).toBe(200);
  });

  test('says in the log when it fails, and does what it can the next time', async () => {
    await db.prepare('ALTER TABLE sign_ins RENAME TO gone').run();
    await stack.clean();
    expect(lastLine()).toMatchObject({ rounds: 0 });
    const failed = stack.logs().filter((line) => line.includes('"scheduled_task_failed"'));
    expect(failed.at(-1)).toMatch(/"about":"clean_up","reason":"D1: .*sign_ins/);
    await db.prepare('ALTER TABLE gone RENAME TO sign_ins').run();
    await stack.clean();
    expect(lastLine()).toMatchObject({ rounds: 1 });
  });
});

describe('every table', () => {
  test('is cleaned up, or grows only with what an administrator does', async () => {
    const { results } = await db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' "
      + "AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*' AND name NOT GLOB 'd1_*'").all();
    // Add a new table to `clean_up_windows` and worker/src/store/clean_up.rs, or say here why it stays small.
    const small = {
      audit_log: 'kept for a while: audit.test.mjs',
      clean_up_windows: 'one row a table that is cleaned',
      client_origins: 'goes with its client',
      consents: 'one for each user and client, goes with either',
      signing_keys: 'a few',
      users: 'made by an administrator',
    };
    expect(results.map(({ name }) => name).sort()).toEqual([...cleaned, ...Object.keys(small)].sort());
    const windows = await db.prepare('SELECT table_name FROM clean_up_windows ORDER BY table_name').all();
    expect(windows.results.map(({ table_name: name }) => name)).toEqual(cleaned);
  });
});
