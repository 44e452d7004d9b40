// Runs other programs.

import { spawn } from 'node:child_process';

import { Failure } from './failure.mjs';
import { top } from './paths.mjs';

/**
 * @typedef {object} Outcome
 * @property {number} code the exit code; 127 if the program does not exist
 * @property {string} output what it printed on both streams
 */

/**
 * Runs a program to its end, whatever that is.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: Record<string, string>, cwd?: string, onLine?: (line: string) => void, echo?: boolean }} [options]
 *   `echo` prints the output as it comes
 * @returns {Promise<Outcome>}
 */
export function attempt(command, args, { env = {}, cwd = top, onLine, echo = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (chunk) => {
        output += chunk;
        if (echo) process.stdout.write(chunk);
        const line = chunk.trimEnd().split(/[\r\n]+/).pop();
        if (onLine && line) onLine(line);
      });
    }
    child.on('error', (error) => resolve({ code: 127, output: `${command}: ${error.message}\n` }));
    child.on('close', (code, signal) => resolve({ code: signal ? 1 : (code ?? 1), output }));
  });
}

/**
 * Runs a program that must succeed, and returns what it printed.
 *
 * @param {string} failure one line for the case that it does not
 * @param {string} command
 * @param {string[]} args
 * @param {Parameters<typeof attempt>[2]} [options]
 */
export async function must(failure, command, args, options) {
  const { code, output } = await attempt(command, args, options);
  if (code !== 0) throw new Failure(failure, options?.echo ? '' : essential(output));
  return output;
}

const chatter = /^\[INFO\]|^\s*(Compiling|Checking|Downloading|Downloaded|Updating|Locking|Finished|Blocking|Fresh|Adding|Installing|Replacing|Removing|Running|Documenting) /;

/** A tool's output without its progress lines. @param {string} output */
export function essential(output) {
  return output.split('\n').filter((line) => !chatter.test(line)).join('\n');
}
