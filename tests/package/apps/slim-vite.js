import { createClient, init } from 'gatepass/slim';
import wasm from 'gatepass/gatepass.wasm?url';
import { walk } from './walk.js';

init(wasm);
walk(createClient);
