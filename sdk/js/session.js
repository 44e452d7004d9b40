// The session as the core said it last, and its place in the storage.

import { ask, parsed, prefixed } from './core.js';
import { emit } from './events.js';
import { elapsed, now } from './host.js';

/** Keeps what the core says of the session, and tells the listeners what that means. */
export async function keep(client, { soon, stale, ...record }) {
  const before = client.session;
  const { access, sign_in: signIn, ended: reason } = record;
  client.session = { record, access, soon, stale, since: [now(), elapsed()] };
  if (before.since) {
    // How old a token is does not change with the clock.
    if (access === before.access) Object.assign(client.session, { ...before, record });
    if (access && signIn !== before.record.sign_in) emit(client, 'signed_in');
  }
  if (before.access && !access) emit(client, 'signed_out', { reason });
  // In order, and by then the newest.
  client.saving = client.saving.then(() => save(client));
  await client.saving;
}

/** Brings the storage up to date. If it refuses, nothing has ended; but it must not be outdated. */
async function save(client) {
  const { storage, key, session: { record } } = client;
  const text = JSON.stringify(record);
  if (!storage || !record.v || text === client.saved) return;
  client.saved = text;
  const write = async () => {
    try {
      await storage.write(key, text);
    } catch {
      if (client.saved !== text) return;
      client.saved = undefined;
      await storage.remove(key);
    }
    // One that took long may have undone a newer one.
    if (client.saved && client.saved !== text) {
      client.saved = undefined;
      await save(client);
    }
  };
  await client.patiently(write).catch(() => {
    // It is tried again with the next change, or done late.
  });
}

/** Takes what another tab, or another client in this one, has put into the storage. */
export async function adoptStored(client) {
  await keep(client, ask(client, 'adopt', await recall(client)));
}

/** What is in the storage, as the core wants it. What cannot be read says nothing. */
export async function recall(client) {
  let text;
  try {
    text = await client.patiently(() => client.storage?.read(client.key));
    client.saved = text ?? client.saved;
  } catch {
    // As if there were none.
  }
  return prefixed('stored.', parsed(text));
}

/** Whether the access token has reached the age `soon` or `stale`, by whichever clock went further. */
export function isDue({ session }, age) {
  if (!session[age]) return false;
  const [wall, steady] = session.since;
  return Math.max(now() - wall, (elapsed() - steady) / 1000) >= session[age];
}
