// What the Workers write to their log, shown when a test fails.

const shown = 60;
const open = new Set();

/** The log of one stack. */
export class Logs {
  #lines = [];
  #seen = 0;

  constructor() {
    open.add(this);
  }

  /** @param {{ level: string, message: string, timestamp: number }} log */
  add({ level, message, timestamp }) {
    this.#lines.push(`${new Date(timestamp).toISOString().slice(11, 23)} ${level} ${message}`);
  }

  /** All lines, oldest first. */
  lines() {
    return [...this.#lines];
  }

  /** Forgets for `tell` what came before. */
  begin() {
    this.#seen = this.#lines.length;
  }

  /** Prints what came since `begin`. */
  tell() {
    const lines = this.#lines.slice(this.#seen).slice(-shown);
    if (lines.length > 0) console.error(`The Workers' log:\n${lines.join('\n')}`);
  }

  close() {
    open.delete(this);
  }
}

/** The logs of the stacks that run. */
export function openLogs() {
  return [...open];
}
