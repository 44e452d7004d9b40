import { createClient, vault } from 'gatepass';
import worker from 'gatepass/vault-worker?url&no-inline';
import { walk } from './walk.js';

walk(createClient, { storage: vault(worker) });
