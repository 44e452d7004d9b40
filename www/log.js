// "What happened": one row for each request on the wire, the newest first.

const ROWS_KEPT = 200;

const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
});

/** Fills the list from the client's `request` events. */
export function watchRequests(client) {
  const rows = document.getElementById('log');
  const box = document.getElementById('log-box');
  const summary = document.getElementById('log-summary');
  const intro = summary.textContent;
  let total = 0;
  let tokens = 0;

  client.on('request', (event) => {
    total += 1;
    if (event.kind === 'token') tokens += 1;
    rows.prepend(row(event));
    if (rows.children.length > ROWS_KEPT) rows.lastElementChild.remove();
    box.hidden = false;
    summary.textContent = `${count(total, 'request')}, of which ${count(tokens, 'token request')}`;
  });

  document.getElementById('log-clear').addEventListener('click', () => {
    rows.replaceChildren();
    box.hidden = true;
    total = 0;
    tokens = 0;
    summary.textContent = intro;
  });
}

/** `1 call`, `20 calls`. */
export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** `12 ms`. */
export function milliseconds(duration) {
  return `${Math.round(duration)} ms`;
}

function row({ method, url, status, durationMs, kind }) {
  const element = document.getElementById('log-row').content.firstElementChild.cloneNode(true);
  const path = new URL(url).pathname;
  Object.assign(element.dataset, { kind, method, path, status });

  const began = new Date(Date.now() - durationMs);
  const time = element.querySelector('time');
  time.dateTime = began.toISOString();
  time.textContent = clock.format(began);

  const what = element.querySelector('.log-what');
  what.title = url;
  what.querySelector('b').textContent = method;
  what.querySelector('span').textContent = path;
  if (kind !== 'api') {
    const tag = document.createElement('small');
    tag.textContent = kind;
    what.append(' ', tag);
  }

  const answered = status !== 0;
  const outcome = element.querySelector('.log-status');
  outcome.textContent = answered ? status : 'none';
  outcome.classList.toggle('bad', !answered || status >= 400);
  element.querySelector('.log-took').textContent = milliseconds(durationMs);
  return element;
}
