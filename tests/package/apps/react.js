// An app in React, in strict mode. Two components ask who the user is.

import { createClient, createGatewayClient } from 'gatepass';
import { GatepassProvider, useGatepass, useSession, useUser } from 'gatepass/react';
import { StrictMode, createElement as h } from 'react';
import { createRoot } from 'react-dom/client';

const { issuer, api } = JSON.parse(document.querySelector('meta[name=provider]').content);
const client = location.search.includes('gateway') ? createGatewayClient() : createClient({ issuer, clientId: 'app', redirectUri: `${location.origin}/callback`, scope: 'read', apis: [api], storage: 'session' });

function Account() {
  const { login, logout } = useGatepass();
  const { status, signedIn, reason, error } = useSession();
  return h('main', { 'data-status': status },
    h('p', { id: 'error' }, error?.code),
    h('p', { id: 'reason' }, reason),
    h(Name), h(Name),
    signedIn
      ? h('button', { id: 'sign-out', onClick: () => logout({ provider: false }) }, 'Sign out')
      : h('button', { id: 'sign-in', onClick: () => login({ returnTo: '/after?page=2' }) }, 'Sign in'));
}

function Name() {
  const { user, loading, error } = useUser();
  return h('p', { className: 'name' }, loading ? '…' : (user?.name ?? error?.code ?? 'nobody'));
}

window.client = client;
const root = createRoot(document.body.appendChild(document.createElement('div')));
root.render(h(StrictMode, null, h(GatepassProvider, { client, callbackPath: '/callback' }, h(Account))));
