// The entry `gatepass/panel`: an element that shows what a client does and why. For developers.

import { style } from './panel-style.js';
import { describeEntry, weightOf } from './panel-words.js';

export { describeEntry } from './panel-words.js';

const SHOWN = 100;
/** How often it looks for what no event has told, in milliseconds. */
const LOOK = 1_000;
const EVENTS = ['request', 'signed_in', 'signed_out', 'refreshed', 'refresh_failed'];

export function definePanel(name = 'gatepass-panel') {
  if (!customElements.get(name)) customElements.define(name, makePanel());
}

/** The class, made only where there are elements. */
function makePanel() {
  return class extends HTMLElement {
    #client;
    #latest;
    #stops = [];
    #parts;

    get client() {
      return this.#client;
    }

    set client(client) {
      this.#client = client;
      this.#latest = undefined;
      this.#parts?.list.replaceChildren();
      if (this.isConnected) this.#watch();
    }

    connectedCallback() {
      this.#parts ??= drawPanel(this.shadowRoot ?? this.attachShadow({ mode: 'open' }), () => this.#client?.explain() ?? []);
      this.#watch();
    }

    disconnectedCallback() {
      for (const stop of this.#stops.splice(0)) stop();
    }

    #watch() {
      this.disconnectedCallback();
      if (!this.#client) return;
      const look = () => this.#look();
      this.#stops = EVENTS.map((event) => this.#client.on(event, () => queueMicrotask(look)));
      const timer = setInterval(look, LOOK);
      this.#stops.push(() => clearInterval(timer));
      look();
    }

    #look() {
      const entries = this.#client.explain();
      const { list, status, empty } = this.#parts;
      const known = entries.findLastIndex((entry) => JSON.stringify(entry) === this.#latest);
      for (const entry of entries.slice(known + 1)) list.prepend(row(entry));
      while (list.children.length > SHOWN) list.lastElementChild.remove();
      this.#latest = entries.length > 0 ? JSON.stringify(entries.at(-1)) : undefined;
      empty.hidden = entries.length > 0;
      const text = this.#client.signedIn ? 'Signed in' : 'Signed out';
      if (status.textContent !== text) status.textContent = text;
      status.dataset.signedIn = this.#client.signedIn;
    }
  };
}

/** The parts that change, in a shadow tree of their own: no style of the page reaches them. */
function drawPanel(shadow, entries) {
  // A stylesheet that is made here is no inline style, which a content security policy may refuse.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  shadow.adoptedStyleSheets = [sheet];

  const status = element('p', { className: 'status', role: 'status' });
  const copy = element('button', { type: 'button', textContent: 'Copy' });
  copy.append(element('span', { className: 'unseen', textContent: ' what happened' }));
  const copied = element('span', { className: 'copied', role: 'status' });
  copy.addEventListener('click', async () => {
    const done = await navigator.clipboard.writeText(JSON.stringify(entries(), null, 2)).then(() => true, () => false);
    copied.textContent = done ? 'Copied' : 'The browser refused';
    setTimeout(() => { copied.textContent = ''; }, 3_000);
  });
  const head = element('div', { className: 'head' });
  head.append(status, copied, copy);

  const empty = element('p', { className: 'empty', textContent: 'Nothing has happened yet.' });
  const list = element('ol', { className: 'list' });
  const box = element('div', { className: 'box', role: 'region', ariaLabel: 'What the client did, the newest first', tabIndex: 0 });
  box.append(empty, list);
  shadow.replaceChildren(head, box);
  return { status, list, empty };
}

function row(entry) {
  const item = element('li', { className: weightOf(entry) });
  item.dataset.event = entry.event;
  const time = element('time', { dateTime: new Date(entry.at).toISOString(), textContent: clock(entry.at) });
  item.append(time, element('span', { className: 'what', textContent: describeEntry(entry) }));
  return item;
}

function clock(at) {
  const date = new Date(at);
  const two = (number) => String(number).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function element(name, properties) {
  return Object.assign(document.createElement(name), properties);
}
