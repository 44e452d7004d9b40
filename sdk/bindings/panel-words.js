// What an entry of `client.explain()` means, in a sentence.

const VERDICTS = {
  early: 'The token is about to expire: it is renewed ahead of time.',
  refresh: 'The rejected token is the current one: it is renewed.',
  repeat: 'The rejected token was renewed meanwhile: the call is made again with the new one.',
  return: 'Nothing can renew the rejected token: the 401 is the answer.',
};

const SENTENCES = {
  started: ({ core }) => (core === 'javascript'
    ? 'The client started as JavaScript: WebAssembly is missing here, or refused.'
    : 'The client started as WebAssembly.'),
  restarted: ({ error }) => `The core failed (${error}), and another took its place. Please report it.`,
  request: ({ method, url, status, durationMs, kind }) => [
    method, shortened(url), status ? `answered ${status}` : 'had no answer', `after ${Math.round(durationMs)} ms`,
    kind === 'api' ? '' : `(${kind})`,
  ].join(' ').trim(),
  decided: ({ call, verdict, wait, error, reason }) => {
    if (VERDICTS[verdict]) return VERDICTS[verdict];
    if (wait) return `The answer is of no use yet: tried again in ${wait} ms.`;
    if (error) return `Refused: ${error}${reason ? `, because ${reason}` : ''}.`;
    return `Decided about ${call}.`;
  },
  signed_in: () => 'Signed in.',
  signed_out: ({ reason }) => (reason ? `Signed out by the provider: ${reason}.` : 'Signed out here.'),
  refreshed: () => 'The tokens were renewed.',
  refresh_failed: ({ code }) => `The tokens could not be renewed: ${code}. Nobody is signed out by that.`,
  failed: ({ call, error }) => `The application’s call of ${call} failed: ${error}.`,
};

export function describeEntry(entry) {
  return SENTENCES[entry.event]?.(entry) ?? entry.event.replaceAll('_', ' ');
}

/** How serious an entry is: `bad`, `good`, or nothing of note. */
export function weightOf({ event, status, error, verdict }) {
  if (event === 'failed' || event === 'restarted' || event === 'refresh_failed' || status === 0 || status >= 500 || error) return 'bad';
  if (status >= 400 || verdict || event === 'signed_out') return 'notable';
  return event === 'signed_in' || event === 'refreshed' ? 'good' : '';
}

function shortened(url) {
  return String(url).replace(/^https?:\/\//, '');
}
