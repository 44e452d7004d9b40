// Runs one vitest project, and counts what it tested.

import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { top } from '../lib/paths.mjs';
import { step, stopLiveLine } from '../lib/progress.mjs';
import { attempt } from '../lib/run.mjs';
import { toolEnv } from '../lib/tools.mjs';

/** @param {string} project @param {string[]} filters parts of file names, or vitest's own flags @returns {Promise<import('./result.mjs').Result>} */
export async function vitest(project, filters) {
  const report = join(top, 'target', 'test', `${project}.json`);
  mkdirSync(join(report, '..'), { recursive: true });
  rmSync(report, { force: true });
  const args = [
    'run', '--project', project, '--passWithNoTests',
    '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...filters,
  ];
  const { code, output } = await step(`vitest ${project}`, (show) => attempt('vitest', args, { env: toolEnv(), onLine: show }));
  if (code !== 0) {
    stopLiveLine();
    console.log(output);
  }
  return count(report, code);
}

function count(report, code) {
  try {
    const { numPassedTests: passed, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
    // A file that cannot be loaded, or whose set-up fails, reports no test.
    const broken = testResults.filter(({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((test) => test.status === 'failed')).length;
    const failed = numFailedTests + broken;
    return { passed, failed: code !== 0 && failed === 0 ? 1 : failed };
  } catch {
    return { passed: 0, failed: code === 0 ? 0 : 1 };
  }
}
