import { createClient } from 'gatepass';
import { walk } from './walk.js';

walk(createClient, { fallback: () => import('/assets/fallback.js') });
