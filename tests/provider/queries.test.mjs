// What the provider asks D1: no statement looks through a table, and none writes more rows than the
// storage schema says. A statement that nothing here runs fails, too: make the walk below run it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NEVER, fill } from '../support/fill.mjs';
import { ProvingApp } from '../support/dpop.mjs';
import { Browser, pkce } from '../support/oauth.mjs';
import { startReceiver } from '../support/receiver.mjs';
import { takeRecord } from '../support/recorder.mjs';
import { scanned, statementsIn } from '../support/sql.mjs';
import { startStack } from '../support/stack.mjs';

// More than anything may read of one table, in years or at once.
const ROWS = 4_000;

const adminToken = 'an-operators-token-of-32-characters';

// So few rows that looking through them is the quickest.
const tiny = ['signing_keys'];

// Tables in the database of a Durable Object, not in D1: by their key, and by `places_by_expiry`.
const elsewhere = ['places'];

/** A provider with full tables, whose statements are recorded. @param {{ contract?: boolean }} [options] */
async function startFull(options) {
  const provider = {
    GATEPASS_ADMIN_TOKEN: adminToken,
    GATEPASS_WEBHOOK_URL: `${receiver.origin}/events`,
    GATEPASS_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32).toString('base64')}`,
  };
  const full = await startStack({ only: ['provider'], record: true, queue: true, provider, ...options });
  await fill(await full.database('provider'), ROWS, { name: 'many', end: NEVER });
  return full;
}

let stack;
let db;
let receiver;
beforeAll(async () => {
  receiver = await startReceiver();
  stack = await startFull();
  db = await stack.database('provider');
  // Development data and a signing key come with the first requests.
  await new Browser(stack).signIn();
});
afterAll(async () => {
  await stack?.stop();
  await receiver?.stop();
});

/** Every run of every statement. @type {Map<string, import('../support/recorder.mjs').Statement[]>} */
const runs = new Map();

/** Notes what was run; it is given back, too. */
async function take(from = stack) {
  const statements = (await takeRecord(from)).flatMap((batch) => batch.statements);
  for (const statement of statements) runs.set(statement.sql, [...(runs.get(statement.sql) ?? []), statement]);
  return statements;
}

/** Runs `step`; how many rows it wrote. */
async function written(step) {
  await take();
  const result = await step();
  const statements = await take();
  return { result, rows: statements.reduce((sum, statement) => sum + statement.written, 0) };
}

describe('rows written, index entries included', () => {
  const user = () => new Browser(stack);

  test('by signing in: the sign-in, the code, the grant and its first generation, and what the audit log says of it', async () => {
    const browser = user();
    const { verifier, challenge } = pkce();
    const { stateToken } = await browser.openLogin(browser.authorizeUrl({ challenge }));
    const signedIn = await written(() => browser.submitLogin(stateToken));
    expect(signedIn.rows).toBe(3);
    const callback = await written(() => browser.request('GET', signedIn.result.headers.get('location')));
    expect(callback.rows).toBe(2);
    const code = new URL(callback.result.headers.get('location')).searchParams.get('code');
    const redeemed = await written(() => browser.redeem(code, verifier));
    expect(redeemed.result.status).toBe(200);
    expect(redeemed.rows).toBe(7);
    expect((await written(() => browser.redeem(code, verifier))).rows).toBe(0);
  });

  test('by a refresh: the spent generation and the new one; by its retry: none; by a replay: the grant and the audit log', async () => {
    const browser = user();
    const { tokens } = await browser.signIn();
    const refresh = () => browser.refresh(tokens.refresh_token);
    const first = await written(refresh);
    expect(first.result.status).toBe(200);
    expect(first.rows).toBe(2);
    expect((await written(refresh)).rows).toBe(0);
    await db.prepare('UPDATE sessions SET refreshed_at = refreshed_at - 31 WHERE refreshed_at > 0').run();
    expect((await written(refresh)).rows).toBe(3);
  });

  test('by a refresh of a client with opaque access tokens: the token too', async () => {
    const browser = user();
    const { tokens } = await browser.signIn();
    const settle = (format) => db.prepare("UPDATE clients SET settings = json_set(settings, '$.access_token_format', ?) WHERE client_id = 'gatepass-demo'").bind(format).run();
    await settle('opaque');
    const refreshed = await written(() => browser.refresh(tokens.refresh_token));
    await settle('jwt');
    expect((await refreshed.result.json()).access_token).not.toContain('.');
    expect(refreshed.rows).toBe(3);
  });

  test('by a refresh with a proof: the proof too', async () => {
    const app = new ProvingApp(stack);
    const { tokens } = await app.signIn();
    const refreshed = await written(() => app.send(app.refreshForm(tokens.refresh_token)));
    expect(refreshed.result.status).toBe(200);
    expect(refreshed.rows).toBe(3);
  });

  test('by asking about a token: none; by revoking one: the grant or the token, and the audit log', async () => {
    const browser = user();
    const { tokens } = await browser.signIn();
    expect((await written(() => browser.introspect(tokens.access_token))).rows).toBe(0);
    expect((await written(() => browser.introspect(tokens.refresh_token))).rows).toBe(0);
    expect((await written(() => browser.revoke(tokens.access_token))).rows).toBe(4);
    expect((await written(() => browser.revoke(tokens.refresh_token))).rows).toBe(3);
  });

  test('by signing out: each grant, sign-in and code of that browser, and the audit log', async () => {
    const browser = user();
    const { tokens } = await browser.signIn();
    await browser.authorize({ challenge: pkce().challenge });
    const { rows } = await written(() => browser.request('GET', `/oauth/logout?id_token_hint=${tokens.id_token}`));
    expect(rows).toBe(5);
  });
});

describe('every statement', () => {
  beforeAll(async () => {
    // Every method of every port; contracts bring users of their own.
    const contract = await startFull({ contract: true });
    try {
      for (const name of await (await fetch(`${contract.provider}/contract`)).json()) {
        const held = await fetch(`${contract.provider}/contract/${name}`, { method: 'POST' });
        expect(held.status, name).toBe(200);
      }
      await take(contract);
    } finally {
      await contract.stop();
    }
    // What has no port. Development data came first, by itself.
    await fetch(`${stack.provider}/health`);
    await fetch(`${stack.provider}/oauth/userinfo`, { headers: { origin: stack.gateway } });
    for (const view of ['audit', 'metrics']) {
      expect((await fetch(`${stack.provider}/admin/${view}`, { headers: { authorization: `Bearer ${adminToken}` } })).status).toBe(200);
    }
    await stack.clean();
    // The grants that ended above, as the webhook is told of them.
    await receiver.times(1, '/events');
    await take();
  }, 120_000);

  test('that stands in the source was run here', () => {
    const inSource = statementsIn('worker/src');
    expect(inSource.length).toBeGreaterThan(30);
    const run = [...runs.keys()];
    const missing = inSource.filter(({ pattern }) => !run.some((sql) => pattern.test(sql)));
    const large = missing.filter(({ tables }) => !tables.every((table) => [...tiny, ...elsewhere].includes(table)));
    expect(large.map(({ file, text }) => `${file}: ${text}`)).toEqual([]);
  });

  test('finds its rows by a key or an index', async () => {
    const scans = [];
    for (const [sql, [{ values }]] of runs) {
      const { results } = await db.prepare(`EXPLAIN QUERY PLAN ${sql}`).bind(...values).all();
      const tables = results.map(({ detail }) => scanned(detail, sql)).filter(Boolean);
      scans.push(...tables.filter((table) => !tiny.includes(table)).map((table) => ({ table, sql })));
    }
    expect(scans).toEqual([]);
  });

  // What a plan does not show: triggers, and foreign keys that a deleted row is looked up in.
  test(`reads few rows of tables that have ${ROWS}`, () => {
    // Every token that was revoked alone and has not expired is in each status list.
    const listed = 'SELECT access_jti, issued_until FROM revoked_access_tokens WHERE expires_at > ?';
    const most = (sql) => (sql === listed ? ROWS + 150 : sql.includes('clean_up_windows') ? 2_500 : 150);
    const greedy = [...runs].flatMap(([sql, all]) => {
      const read = Math.max(...all.map((statement) => statement.read ?? 0));
      return read > most(sql) ? [{ read, sql }] : [];
    });
    expect(greedy).toEqual([]);
  });
});

describe('the search for scans', () => {
  test('finds them, and takes nothing else for one', async () => {
    const plan = async (sql) => {
      const { results } = await db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
      return results.map(({ detail }) => scanned(detail, sql)).filter(Boolean);
    };
    expect(await plan('SELECT * FROM grants g WHERE g.user_id = 1')).toEqual(['grants']);
    expect(await plan('SELECT count(*) FROM sessions')).toEqual(['sessions']);
    expect(await plan('SELECT g.grant_id FROM grants g JOIN sessions s ON s.access_jti = g.scope')).not.toEqual([]);
    expect(await plan("SELECT value FROM json_each('[]') WHERE value > 1")).toEqual([]);
    expect(await plan("SELECT * FROM grants WHERE grant_id = 'x'")).toEqual([]);
    expect(await plan('WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n')).toEqual([]);
  });
});
