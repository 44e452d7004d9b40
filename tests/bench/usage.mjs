// CPU time and memory of a process and its descendants, from Linux's /proc.

import { existsSync, readFileSync, readdirSync } from 'node:fs';

/** Whether this system can tell. */
export const isMeasurable = existsSync('/proc/self/stat');

// USER_HZ, which Linux never changed for programs.
const TICKS_PER_SECOND = 100;

/**
 * CPU seconds used so far by everything that `pid` started and has not lost sight of, and the memory
 * that it occupies, in bytes.
 *
 * @param {number} pid
 */
export function usageOf(pid) {
  const processes = [pid, ...descendants(pid)].map(statusOf).filter(Boolean);
  return {
    cpu: processes.reduce((sum, { cpu }) => sum + cpu, 0),
    memory: processes.reduce((sum, { memory }) => sum + memory, 0),
  };
}

/** CPU seconds used so far by everything on this machine. */
export function usageOfMachine() {
  const [user, nice, system, , , interrupt, softInterrupt] = read('/proc/stat').split('\n')[0].match(/\d+/g).map(Number);
  return (user + nice + system + interrupt + softInterrupt) / TICKS_PER_SECOND;
}

/** @returns {number[]} */
function descendants(pid) {
  const children = tasks(pid).flatMap((task) => read(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean).map(Number));
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function tasks(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

function statusOf(pid) {
  // The name in parentheses may hold anything, even parentheses.
  const fields = read(`/proc/${pid}/stat`).split(') ').at(-1).split(' ');
  if (fields.length < 20) return undefined;
  // utime, stime, and the same of children that ended and were waited for: proc_pid_stat(5) 14 to 17.
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  const kilobytes = Number(/^VmRSS:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
  return { cpu: ticks / TICKS_PER_SECOND, memory: kilobytes * 1024 };
}

/** Empty if the process is gone. */
function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
