// A failure that the person at the keyboard can act on: one line, and what a tool said about it.

import { stopLiveLine } from './progress.mjs';

/** What went wrong and what to do, in one line; `output` is what the failed tool printed. */
export class Failure extends Error {
  /** @param {string} message @param {string} [output] */
  constructor(message, output = '') {
    super(message);
    this.output = output;
  }
}

/** The product itself does not build: nothing that follows can work. */
export class BuildFailure extends Failure {}

/** Runs a script's main function; a failure is told plainly, and the exit code is 1. @param {() => Promise<unknown>} main */
export async function runMain(main) {
  try {
    await main();
  } catch (error) {
    tell(error);
    process.exitCode = 1;
  }
}

/** Prints a failure: a stack trace only for what nobody foresaw. @param {unknown} error */
export function tell(error) {
  stopLiveLine();
  if (!(error instanceof Failure)) {
    console.error(error);
    return;
  }
  if (error.output.trim()) console.error(`${error.output.trimEnd()}\n`);
  console.error(`✗ ${error.message}`);
}
