// What the panel looks like. It is light or dark as the page around it (`color-scheme`), and takes the page's
// own colours where they are given.

export const style = `
:host {
  --ink: var(--gatepass-ink, light-dark(#1b2427, #e7ebe9));
  --muted: var(--gatepass-muted, light-dark(#556165, #a5b0b3));
  --surface: var(--gatepass-surface, light-dark(#ffffff, #1b2326));
  --line: var(--gatepass-line, light-dark(#dcd9cf, #333e42));
  --good: var(--gatepass-good, light-dark(#0d6657, #74d3be));
  --notable: var(--gatepass-notable, light-dark(#7a4b00, #f2c87a));
  --bad: var(--gatepass-bad, light-dark(#9c2a1e, #ffa89c));
  display: flex;
  flex-direction: column;
  min-height: 0;
  color: var(--ink);
  background: var(--surface);
  font: 0.8125rem/1.5 system-ui, sans-serif;
}
:host([hidden]) { display: none; }
* { box-sizing: border-box; margin: 0; }
[hidden] { display: none; }
.head { display: flex; align-items: center; gap: 0.75rem; padding: 0.5rem 0; }
.status { flex: 1; font-weight: 600; }
.status::before {
  content: ''; display: inline-block; width: 0.5625rem; height: 0.5625rem; margin-right: 0.5rem; border-radius: 50%;
  border: 2px solid var(--muted);
}
.status[data-signed-in=true]::before { border-color: var(--good); background: var(--good); }
.copied { color: var(--muted); }
button {
  min-height: 2rem; padding: 0.25rem 0.75rem; border: 1px solid var(--muted); border-radius: 0.5rem; background: none; color: inherit; font: inherit;
  cursor: pointer;
}
button:hover { border-color: var(--ink); }
:focus-visible { outline: 2px solid var(--good); outline-offset: 2px; }
.box { overflow: auto; max-height: var(--gatepass-height, 24rem); border-top: 1px solid var(--line); }
.empty { padding: 0.75rem 0; color: var(--muted); }
.list { padding: 0; list-style: none; }
li { display: grid; grid-template-columns: 7rem minmax(0, 1fr); gap: 0 0.5rem; padding: 0.375rem 0 0.375rem 0.625rem; border-left: 3px solid transparent; }
li + li { box-shadow: 0 -1px var(--line); }
time { color: var(--muted); font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 0.75rem; line-height: 1.6; }
.what { overflow-wrap: anywhere; }
.good { border-left-color: var(--good); }
.notable { border-left-color: var(--notable); }
.bad { border-left-color: var(--bad); }
.bad .what { color: var(--bad); }
.notable .what { color: var(--notable); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 30rem) { li { grid-template-columns: minmax(0, 1fr); } }
@media (forced-colors: active) { .good, .notable, .bad { border-left-color: CanvasText; } }
`;
