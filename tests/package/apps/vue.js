// An app in Vue. Two components ask who the user is.

import { createClient, createGatewayClient } from 'gatepass';
import { gatepass, useGatepass, useSession, useUser } from 'gatepass/vue';
import { createApp, h } from 'vue';

const { issuer, api } = JSON.parse(document.querySelector('meta[name=provider]').content);
const client = location.search.includes('gateway') ? createGatewayClient() : createClient({ issuer, clientId: 'app', redirectUri: `${location.origin}/callback`, scope: 'read', apis: [api], storage: 'session' });

const Account = {
  setup() {
    const { login, logout } = useGatepass();
    const session = useSession();
    return () => h('main', { 'data-status': session.value.status }, [
      h('p', { id: 'error' }, session.value.error?.code),
      h('p', { id: 'reason' }, session.value.reason),
      h(Name), h(Name),
      session.value.signedIn
        ? h('button', { id: 'sign-out', onClick: () => logout({ provider: false }) }, 'Sign out')
        : h('button', { id: 'sign-in', onClick: () => login({ returnTo: '/after?page=2' }) }, 'Sign in'),
    ]);
  },
};

const Name = {
  setup() {
    const user = useUser();
    return () => h('p', { class: 'name' }, user.value.loading ? '…' : (user.value.user?.name ?? user.value.error?.code ?? 'nobody'));
  },
};

window.client = client;
createApp(Account).use(gatepass(client, { callbackPath: '/callback' })).mount(document.body.appendChild(document.createElement('div')));
