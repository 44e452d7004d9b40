// Many rows at once, as a database has them after years.

/** The expiry of what does not expire (`core/src/time.rs`). */
export const NEVER = 253_402_300_799;

/**
 * Adds clients with an origin and a consent each, sign-ins, codes, device codes, grants of one client, their spent
 * and newest generations, opaque access tokens, pushed requests, revoked access tokens and what was used once, `count` of each. Keys are random, as real ones are.
 *
 * @param {D1Database} db
 * @param {number} count
 * @param {{ name: string, end: number }} rows `name` begins the keys' other columns, `end` is when everything
 *   expires or ended, in seconds, or `NEVER`
 */
export async function fill(db, count, { name, end }) {
  const numbers = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)';
  const key = 'hex(randomblob(16))';
  const statements = [
    `INSERT INTO users (user_id, username, password_hash, created_at) VALUES (?2, ?2, '', ?3 - ?1)`,
    `INSERT INTO clients (client_id, name, auth_method, origins, created_at, ended_at)
     ${numbers} SELECT iif(i = 1, ?2, ${key}), ?2, 'none', 'https://' || i || '.' || ?2, 0, nullif(?3, ${NEVER}) FROM n`,
    `INSERT INTO consents (user_id, client_id, scopes, created_at, updated_at)
     SELECT name, client_id, '{}', ?1, ?3 FROM clients WHERE name = ?2`,
    `INSERT INTO sign_ins (sign_in_id, browser_id, user_id, auth_time, amr, expires_at)
     ${numbers} SELECT ${key}, ?2 || i, ?2, 0, 'pwd', ?3 FROM n`,
    `INSERT INTO codes (code_hash, client_id, redirect_uri, browser_id, user_id, auth_time, scope, audience, challenge, expires_at)
     ${numbers} SELECT ${key}, ?2, '', ?2 || i, ?2, 0, '', '', '', ?3 FROM n`,
    `INSERT INTO device_codes (device_code_hash, user_code_hash, client_id, scope, audience, poll_interval, expires_at)
     ${numbers} SELECT ${key}, ${key}, ?2, '', '', 5, ?3 FROM n`,
    `INSERT INTO grants (grant_id, browser_id, user_id, client_id, scope, audience, auth_time, created_at, expires_at, status_index)
     ${numbers} SELECT ?2 || '-' || i, ?2 || i, ?2, ?2, '', '', 0, 0, ?3 + 86400, (SELECT coalesce(max(status_index), 0) FROM grants) + i FROM n`,
    `INSERT INTO sessions (refresh_jti, grant_id, access_jti, generation, issued_at, expires_at, last_expires_at)
     ${numbers} SELECT ${key}, ?2 || '-' || i, '', 2, 0, ?3, ?3 FROM n`,
    `INSERT INTO sessions (refresh_jti, grant_id, access_jti, generation, status, issued_at, expires_at, last_expires_at, refreshed_at, successor)
     SELECT ${key}, grant_id, '', 1, 'refreshed', 0, ?3, ?3, ?1, refresh_jti FROM sessions WHERE grant_id LIKE ?2 || '-%'`,
    `INSERT INTO revoked_access_tokens (access_jti, expires_at) ${numbers} SELECT ${key}, ?3 FROM n`,
    `INSERT INTO opaque_access_tokens (token_hash, claims, issued_at, expires_at) ${numbers} SELECT ${key}, '{}', 0, ?3 FROM n`,
    `INSERT INTO pushed_requests (reference_hash, client_id, parameters, expires_at) ${numbers} SELECT ${key}, ?2, '', ?3 FROM n`,
    `INSERT INTO audit_log (event_id, at, event, outcome, reason, request_id) ${numbers} SELECT (unixepoch() - 86400) || '000-' || ${key}, unixepoch() - 86400, 'signed_in', 'done', '', ?2 || ?3 FROM n`,
    `INSERT INTO used_once (id_hash, expires_at) ${numbers} SELECT ${key}, ?3 FROM n`,
  ];
  await db.batch(statements.map((sql) => db.prepare(sql).bind(count, name, end)));
}
