// The panels that make requests: "Call the API" and the token controls. What came back goes to "Last answer".

import { count, milliseconds } from './log.js';
import { callFailure } from './words.js';

const BURST = 20;
const byId = (id) => document.getElementById(id);

/** Connects the buttons to the client and the API's origin. */
export function connectCalls(client, api) {
  for (const button of document.querySelectorAll('[data-call]')) {
    button.addEventListener('click', () => call(client, api, button.dataset.call));
  }
  byId('call-burst').addEventListener('click', () => burst(client, api));
  byId('update-form').addEventListener('submit', (event) => {
    event.preventDefault();
    update(client, api);
  });
  byId('expire-token').addEventListener('click', () =>
    control(() => client.expireAccessToken(), 'The provider has revoked the access token. Now call the API.'),
  );
  byId('refresh-now').addEventListener('click', () =>
    control(() => client.refresh(), 'There are new tokens.'),
  );
}

/** One call, with its answer on show. Gives back the answer, or nothing if there was none. */
async function call(client, api, path, init) {
  const name = `${init?.method ?? 'GET'} ${path}`;
  const began = performance.now();
  try {
    const response = await client.fetch(api + path, init);
    const body = await response.text();
    const took = milliseconds(performance.now() - began);
    showResult(`${name} answered ${response.status} after ${took}.`, readable(body));
    return { response, body };
  } catch (error) {
    showResult(`${name}: ${callFailure(error)}`);
    return undefined;
  }
}

async function burst(client, api) {
  let tokens = 0;
  const stop = client.on('request', ({ kind }) => {
    if (kind === 'token') tokens += 1;
  });
  const began = performance.now();
  const calls = Array.from({ length: BURST }, () => client.fetch(`${api}/api/protected`));
  const answers = await Promise.allSettled(calls);
  stop();

  const statuses = answers.map(({ value }) => value?.status ?? 0);
  const good = statuses.filter((status) => status >= 200 && status < 300).length;
  const took = milliseconds(performance.now() - began);
  showResult(
    `${good} of ${count(BURST, 'call')} succeeded after ${took}, with ${count(tokens, 'token request')}.`,
    JSON.stringify({ statuses }),
  );
}

async function update(client, api) {
  const field = byId('display-name');
  const answer = await call(client, api, '/api/user/update', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ display_name: field.value }),
  });

  const problem = answer?.response.status === 400 ? fieldProblem(answer.body) : '';
  byId('display-name-error').textContent = problem;
  field.setAttribute('aria-invalid', problem !== '');
  if (problem) field.focus();
}

/** What the API says about bad input: `error_description`, with the `field` it is about. */
function fieldProblem(body) {
  try {
    return JSON.parse(body).error_description ?? 'The API refused this value.';
  } catch {
    return 'The API refused this value.';
  }
}

async function control(action, done) {
  try {
    await action();
    showResult(done);
  } catch (error) {
    showResult(callFailure(error));
  }
}

function showResult(line, body = '') {
  byId('result').textContent = line;
  const box = byId('last-body');
  box.textContent = body;
  box.hidden = body === '';
}

/** JSON is laid out; anything else stays as it is. */
function readable(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
