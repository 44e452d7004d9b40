// What a waiting person sees: one line per step, with the time it took.

const live = process.stdout.isTTY === true && !process.env.CI;
const heartbeat = 30_000;
const colour = /\x1b\[[0-9;]*m/g;
let liveLine = false;

/**
 * Runs one step and prints its line. The step is given a function that shows its latest output:
 * on a terminal in place, elsewhere every 30 seconds. It failed if it throws or its result has a `code`
 * other than 0.
 *
 * @template T
 * @param {string} title
 * @param {(show: (line: string) => void) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(title, work) {
  const started = performance.now();
  let spoke = started;
  const show = (line) => {
    const text = `  ${title} … ${seconds(started)}  ${line.replaceAll(colour, '').trim()}`;
    if (live) {
      liveLine = true;
      process.stdout.write(`\r\x1b[K${text.slice(0, (process.stdout.columns ?? 80) - 1)}`);
    } else if (performance.now() - spoke > heartbeat) {
      spoke = performance.now();
      console.log(text);
    }
  };
  let latest = '';
  show('');
  const timer = setInterval(() => show(latest), 1_000);
  try {
    const result = await work((line) => {
      latest = line;
      show(line);
    });
    stopLiveLine();
    console.log(`${result?.code ? '✗' : '✓'} ${title} (${seconds(started)})`);
    return result;
  } finally {
    clearInterval(timer);
    stopLiveLine();
  }
}

/** Clears the line that is being rewritten, before anything else is printed. */
export function stopLiveLine() {
  if (liveLine) process.stdout.write('\r\x1b[K');
  liveLine = false;
}

/** The time since `started`, to read. @param {number} started */
export function seconds(started) {
  return `${((performance.now() - started) / 1000).toFixed(1)} s`;
}
