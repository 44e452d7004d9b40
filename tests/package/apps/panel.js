// An app with the panel: it signs in, makes a call, and one that comes to nothing.

import { createClient } from 'gatepass';
import { definePanel } from 'gatepass/panel';
import { walk } from './walk.js';

definePanel();
definePanel();
const panel = document.createElement('gatepass-panel');
document.body.append(panel);
walk((options) => {
  panel.client = createClient(options);
  return panel.client;
});
