// For every test file: a failed test shows what the Workers logged meanwhile.

import { afterEach, beforeEach } from 'vitest';

import { openLogs } from './logs.mjs';

beforeEach(() => openLogs().forEach((logs) => logs.begin()));

afterEach(({ task }) => {
  if (task.result?.state === 'fail') openLogs().forEach((logs) => logs.tell());
});
