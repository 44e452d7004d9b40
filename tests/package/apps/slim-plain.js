import { createClient, init } from 'gatepass/slim';
import { walk } from './walk.js';

init(fetch('/gatepass/gatepass.wasm'));
walk(createClient);
