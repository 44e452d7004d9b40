import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

// Where `next` is installed, some folders up.
const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

export default { turbopack: { root }, outputFileTracingRoot: root };
