// The panel "You": who is signed in, signing in and out.

import { showNotice } from './notices.js';
import { ending, signInFailure } from './words.js';

const byId = (id) => document.getElementById(id);

/** Connects the panel to the client; the returned function draws it anew. */
export function connectAccount(client, scope) {
  const signIn = () => beginSignIn(client);
  const draw = () => drawAccount(client, scope);

  byId('sign-in').addEventListener('click', signIn);
  byId('sign-out').addEventListener('click', () => signOut(client));

  client.on('signed_out', ({ reason }) => {
    draw();
    if (reason) showNotice({ ...ending(reason), reason, signIn });
  });
  return draw;
}

/** Shows why a sign-in did not succeed, with a way to try again. */
export function showSignInFailure(client, error) {
  showNotice({
    title: 'You are not signed in',
    text: signInFailure(error),
    reason: error.code,
    signIn: () => beginSignIn(client),
  });
}

async function beginSignIn(client) {
  try {
    await client.login({ returnTo: '/' });
  } catch (error) {
    showSignInFailure(client, error);
  }
}

async function signOut(client) {
  try {
    await client.logout();
  } catch (error) {
    showNotice({
      title: 'You are signed out here',
      text: `This page has forgotten its tokens, but the provider could not be told: ${error.message}`,
      reason: error.code,
    });
  }
}

async function drawAccount(client, scope) {
  const { signedIn } = client;
  byId('you-loading').hidden = true;
  byId('you-signed-in').hidden = !signedIn;
  byId('you-signed-out').hidden = signedIn;
  byId('token-signed-out').hidden = signedIn;
  byId('expire-token').disabled = !signedIn;
  byId('refresh-now').disabled = !signedIn;
  if (!signedIn) return;

  // What was asked for: the client does not tell what was granted.
  byId('user-scopes').replaceChildren(...scope.split(' ').map(chip));
  try {
    const user = await client.user();
    if (!user) return;
    byId('user-name').textContent = user.name ?? user.preferred_username ?? 'not given';
    byId('user-sub').textContent = user.sub;
  } catch (error) {
    byId('user-name').textContent = `not known: ${error.message}`;
  }
}

function chip(text) {
  const element = document.createElement('code');
  element.className = 'chip';
  element.textContent = text;
  return element;
}
