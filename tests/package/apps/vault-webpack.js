import { createClient, vault } from 'gatepass';
import { walk } from './walk.js';

walk(createClient, { storage: vault(new URL('gatepass/vault-worker', import.meta.url)) });
