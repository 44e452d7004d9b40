'use client';

import { createClient, vault } from 'gatepass';
import { GatepassProvider, useSession } from 'gatepass/react';
import { useEffect } from 'react';
import { walk } from './walk.js';

// Made while the server renders, too.
const client = createClient({ issuer: 'https://id.example.com', clientId: 'app', redirectUri: 'https://app.example.com/' });

let begun = false;

export function WalkHere({ provider }) {
  useEffect(() => {
    if (begun) return;
    begun = true;
    if (location.search === '?vault') sessionStorage.vault = 'yes';
    walk(createClient, sessionStorage.vault && { storage: vault(new URL('gatepass/vault-worker', import.meta.url)) });
  }, []);
  return (
    <GatepassProvider client={client}>
      <meta name="provider" content={provider} />
      <Status />
    </GatepassProvider>
  );
}

function Status() {
  return <p id="status">{useSession().status}</p>;
}
