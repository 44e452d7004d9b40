// The demo page: an ordinary client of the npm package, and of nothing else.

import { createClient } from 'gatepass';
import { definePanel } from 'gatepass/panel';
import { connectAccount, showSignInFailure } from './account.js';
import { connectCalls } from './calls.js';
import { watchRequests } from './log.js';
import { showNotice } from './notices.js';

const SCOPE = 'openid profile email offline_access read write';
const CALLBACK = '/callback';

try {
  await start(await configuration());
} catch (error) {
  document.getElementById('you-loading').textContent = 'Not available.';
  showNotice({ title: 'The demo could not start', text: error.message });
}

async function start({ issuer, api, clientId }) {
  const client = createClient({
    issuer,
    clientId,
    redirectUri: location.origin + CALLBACK,
    scope: SCOPE,
    apis: [api],
    storage: 'session',
  });

  watchRequests(client);
  definePanel();
  document.getElementById('why').client = client;
  connectCalls(client, api);
  const drawAccount = connectAccount(client, SCOPE);
  if (location.pathname === CALLBACK) await completeSignIn(client);
  drawAccount();
}

async function completeSignIn(client) {
  let returnTo = '/';
  try {
    ({ returnTo } = await client.handleCallback());
  } catch (error) {
    // A reload of this address harms nobody who is signed in.
    if (!client.signedIn) showSignInFailure(client, error);
  }
  history.replaceState(null, '', returnTo);
}

async function configuration() {
  const response = await fetch('/config.json');
  if (!response.ok) throw new Error(`The gateway answered ${response.status} for /config.json.`);
  return response.json();
}
