import { expect, test } from 'vitest';
import { idleReport, type SyncReport, statusOfReport } from '../src/cycle/report.js';

const COLLECT: SyncReport['collect'] = { files: 1, copied: 0, removed: 0, hashed: 0, durationMs: 0, problems: [] };
const UNREADABLE = { path: 'a', step: 'collect', code: 'UNREADABLE', message: 'permission denied' } as const;

test.each<[number, string | undefined, SyncReport['collect']['problems']]>([
  [4, 'LOCKED', []],
  [5, 'REFUSED', []],
  [1, 'LOCKED', [UNREADABLE]],
  [1, undefined, [UNREADABLE]],
])('of a run elsewhere it is %i, as of the same run here: %s, %j', (status, code, problems) => {
  const target = idleReport('web', { generation: 1, files: 1 }, code === undefined ? undefined : { code, message: '' });
  expect(statusOfReport({ ok: false, collect: { ...COLLECT, problems }, targets: [target] })).toBe(status);
});
