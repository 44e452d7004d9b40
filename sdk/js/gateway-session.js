// Who is signed in, as the gateway said it last, and the renewal.

import { tellTabs } from './channel.js';
import { emit } from './events.js';
import { arrived } from './gateway-arrival.js';
import { question } from './gateway-question.js';
import { elapsed, now } from './host.js';
import { holdLock } from './lock.js';
import { isDue } from './session.js';

/** How long it is left alone after a failure, at first and at most, in milliseconds. */
const PAUSE = 1_000;
const LONGEST_PAUSE = 10_000;

/** How long it can ask to be left alone, in seconds. */
const LONGEST_WISH = 600;

/** How long before its end a session is kept alive: a fifth of what is left, but so many seconds at most. */
const EARLY = 300;

/** Takes in what the gateway said, unless the answer to a later question is in already. */
export function settle(client, { user, provider, ended, expires_at: expiresAt, date = now() }, number, tell) {
  if (number < client.settled) return;
  client.settled = number;
  const { session: before, setback } = client;
  const left = expiresAt - date;
  const who = user && `${provider} ${user.sub}`;
  const session = { user, who, ended: ended ?? undefined, expiresAt, soon: left - Math.min(left / 5, EARLY), since: [now(), elapsed()], at: elapsed() };
  // The same end comes no later for being told again.
  if (before && before.expiresAt === expiresAt) Object.assign(session, { soon: before.soon, since: before.since });
  client.session = session;
  if (user && before?.who === who) return;
  const isNews = before ? before.user : !user && (tell || ended || setback);
  if (isNews) emit(client, 'signed_out', { reason: user ? 'replaced' : session.ended });
  if (!user) return;
  arrived(client);
  emit(client, 'signed_in');
}

/** Asks who is signed in; `reason` is why nobody is, if the gateway does not know. */
export async function look(client, reason) {
  try {
    const [found, number] = await question(client, '/api/session');
    settle(client, { ...found, ended: found.ended ?? (found.user ? undefined : reason) }, number);
  } catch (error) {
    if (!client.session) client.setback = error;
    throw error;
  }
}

/** Resolves when it is known who is signed in. */
export async function ready(client) {
  if (client.session) return;
  client.looking ??= look(client).finally(() => {
    client.looking = undefined;
  });
  await client.looking;
}

/** Renews the session, or joins the renewal under way. */
export function joinRenewal(client) {
  client.renewal ??= renew(client).finally(() => {
    client.renewal = undefined;
  });
  return client.renewal;
}

async function renew(client) {
  if (elapsed() < client.until) throw client.setback;
  const { renewals } = client;
  const release = await holdLock({ storage: { shared: true }, key: client.key });
  // Another tab had the lock before, and said what came of it.
  const isDone = client.renewals !== renewals && client.session;
  try {
    if (!isDone) await renewNow(client);
  } finally {
    release(!isDone);
  }
}

async function renewNow(client) {
  let found;
  let number;
  try {
    [found, number] = await question(client, '/api/session/refresh', 'POST');
  } catch (error) {
    fail(client, error);
    throw error;
  }
  endBreak(client);
  if (!found.user) {
    // Why, and whether that is so still: another tab may have signed in meanwhile.
    const { ended } = found;
    [found, number] = await question(client, '/api/session').catch(() => [found, number]);
    if (!found.user) found.ended ??= ended;
  }
  settle(client, found, number, true);
  // Whoever has signed out meanwhile stays signed out.
  if (client.session.user) {
    client.renewals++;
    emit(client, 'refreshed');
    tellTabs(client, { what: 'renewed' });
  } else {
    tellTabs(client, { what: 'out', reason: found.ended });
  }
}

/** Nobody is signed out by it; the gateway is left alone for a while. */
function fail(client, error) {
  const pause = Math.min(PAUSE * 2 ** client.failures++, LONGEST_PAUSE) * (0.75 + Math.random() / 4);
  const wish = Math.min(Number(error.retryAfter) || 0, LONGEST_WISH) * 1_000;
  client.until = elapsed() + Math.max(pause, wish);
  client.setback = error;
  emit(client, 'refresh_failed', { code: error.code });
}

export function endBreak(client) {
  client.failures = 0;
  client.until = 0;
}

export const endsSoon = (client) => !!client.session?.user && isDue(client, 'soon');

/** Keeps a session alive that ends soon; once for each end that the gateway has told. */
export async function keepAlive(client) {
  const { session } = client;
  if (!endsSoon(client)) return;
  const { soon } = session;
  session.soon = undefined;
  await joinRenewal(client).catch(() => {
    session.soon = soon;
  });
}
