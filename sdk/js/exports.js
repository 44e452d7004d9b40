// What `gatepass` and `gatepass/slim` both give besides `createClient`. Each is a value of its own, so that
// a bundler leaves out what an application does not import.

export { GatepassError } from './error.js';
export { createGatewayClient } from './gateway.js';
export { dpop } from './dpop.js';
export { indexedDbStorage } from './indexed-db.js';
export { vault } from './vault.js';
export { password } from './password.js';
export { popup, silent } from './window.js';
