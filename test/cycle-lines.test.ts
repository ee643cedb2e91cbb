/** Cycles and the state of a daemon, as a person reads them. */
import { describe, expect, test } from 'vitest';
import { daemonLines, liveLine, newsLine, standingLines, statusLine } from '../src/cli/cycle-lines.js';
import { CycleTeller } from '../src/cli/cycle-teller.js';
import { duration } from '../src/cli/units.js';
import type { CycleReport, DaemonStatus } from '../src/daemon/status.js';
import { aCycle, aTarget, REPORT, ScriptedService } from './support/scripted-service.js';

const AT = '2026-11-25T12:00:00.000Z';
const LATER = '2026-11-25T12:00:08.000Z';
const OUTAGE = { code: 'UNREACHABLE', message: 'no route to host' };
const [DONE] = REPORT.targets;
const IDLE = { ...DONE, name: 'static1', ok: true, uploaded: 0, sentBytes: 0 } as CycleReport['targets'][number];
const AWAY = { ...IDLE, ok: false, error: OUTAGE };

function daemonWith(changes: Partial<DaemonStatus>): DaemonStatus {
  return new ScriptedService(changes).status();
}

describe('the line of a cycle', () => {
  const changes = ['a.css', 'b.css', 'c.css', 'd.css'].map((path) => ({ kind: 'added', path, size: 1 }) as const);

  test.each<[string, Partial<CycleReport>, string | undefined]>([
    ['a change', {}, '~css/site.css -> static1 (142 ms from save to served)'],
    ['many', { changes, changed: 1204 }, '+a.css +b.css +c.css and 1,201 more -> static1 (142 ms from save to served)'],
    ['a find of a sweep', { cause: 'sweep' }, '~css/site.css -> static1 (142 ms, found by a sweep)'],
    [
      'a removal that is held back',
      { changes: [{ kind: 'removed', path: 'a.css', size: 1 }], savedToServedMs: null },
      '-a.css -> static1 (removals wait until it is quiet)',
    ],
    ['the end of an outage', { cause: 'retry', savedToServedMs: null }, '~css/site.css -> static1 (caught up)'],
    ['a start that had to push', { cause: 'start' }, '1 file, 4.1 kB -> static1 (142 ms)'],
    ['a start that had not', { cause: 'start', targets: [IDLE] }, 'static1: nothing to do (142 ms)'],
    ['a trigger', { cause: 'trigger', changes: [], changed: 0, targets: [IDLE] }, 'static1: nothing to do (142 ms)'],
    ['nothing', { changes: [], changed: 0, targets: [IDLE] }, undefined],
    ['a cycle that served nobody', { targets: [AWAY] }, undefined],
  ])('%s', (_, circumstances, line) => {
    expect(newsLine(aCycle(circumstances))).toBe(line);
  });

  test('no name breaks it', () => {
    const hostile = aCycle({ changes: [{ kind: 'added', path: 'a\u001b[2J\n.css', size: 1 }] });
    expect(newsLine(hostile)).toContain('+a\\u{1b}[2J\\u{a}.css -> static1');
  });
});

describe('the state in one line', () => {
  test.each<[string, Partial<DaemonStatus>, string]>([
    ['in sync', {}, '10,000 files · static1 in sync'],
    ['paused', { paused: true }, 'paused · 10,000 files · static1 in sync'],
    [
      'halted',
      { local: { state: 'halted', files: 9, unsettled: 0, error: { code: 'SOURCE', message: 'gone' }, problems: [] } },
      'halted: gone · static1 in sync',
    ],
    [
      'starting',
      {
        local: { state: 'starting', files: 0, unsettled: 0, error: null, problems: [] },
        targets: [aTarget({ state: 'starting' })],
      },
      'reading the sources · static1 starting',
    ],
    [
      'with more targets than there is room for',
      {
        targets: [
          aTarget(),
          aTarget({ name: 'b' }),
          aTarget({ name: 'c' }),
          aTarget({ name: 'd', state: 'unreachable' }),
        ],
      },
      '10,000 files · 3 in sync · 1 unreachable: d',
    ],
  ])('%s', (_, circumstances, line) => {
    expect(statusLine(daemonWith(circumstances))).toBe(line);
  });

  test('a push shows how far it is', () => {
    const progress = { phase: 'stage', files: 30, doneFiles: 3, bytes: 0, doneBytes: 0, bytesPerSecond: 0 };
    const targets = [aTarget({ state: 'pushing', progress })];
    expect(statusLine(daemonWith({ targets }))).toBe('10,000 files · static1 pushing 3/30');
  });

  test('what may be done is left out where there is no room for it, and the rest is cut', () => {
    const status = daemonWith({});
    expect(liveLine(status, 'q quit', 80)).toBe('10,000 files · static1 in sync  [q quit]');
    expect(liveLine(status, 'q quit', 32)).toBe('10,000 files · static1 in sync');
    expect(liveLine(status, 'q quit', 20)).toBe('10,000 files · stat…');
  });
});

test('the lines of status say how the daemon stands, and with each target', () => {
  expect(daemonLines(daemonWith({ startedAt: AT, paused: true, configError: 'a.yaml:1:1: urk\nb.py:2' }))).toEqual([
    `daemon: process 4711, since ${AT}; 10,000 files, ready`,
    '  watches 2 folders; one inotify watch for each folder, in a thread of its own',
    '  events lost: 0; changes that only a sweep found: 0',
    '  paused; "pushstatic resume" goes on',
    '  the configuration on the disk is not in force: a.yaml:1:1: urk',
    '    b.py:2',
  ]);
  const away = aTarget({ state: 'unreachable', since: AT, inSyncAt: AT, pending: 3, error: OUTAGE, retryAt: LATER });
  expect(standingLines(away)).toEqual([
    `unreachable since ${AT}; 3 files to bring over; in sync until ${AT}; tried again at ${LATER}`,
    'no route to host',
  ]);
});

test('what stands in the way is said once, and when it is over, and then anew', () => {
  const teller = new CycleTeller();
  const failing = aCycle({ ok: false, targets: [AWAY] });
  expect(teller.tell(failing).troubles).toEqual(['static1: no route to host']);
  expect(teller.tell(failing).troubles).toEqual([]);
  expect(teller.relieved({ status: () => daemonWith({ targets: [aTarget({ state: 'unreachable' })] }) })).toEqual([]);
  expect(teller.relieved({ status: () => daemonWith({}) })).toEqual(['static1: in sync again']);
  expect(teller.relieved({ status: () => daemonWith({}) })).toEqual([]);
  expect(teller.tell(failing).troubles).toEqual(['static1: no route to host']);
});

test('files that failed are told each time', () => {
  const problem = { path: 'a.css', step: 'publish', code: 'DENIED', message: 'it may not be written' } as const;
  const failing = aCycle({ ok: false, targets: [{ ...IDLE, ok: false, problems: [problem] }] });
  const teller = new CycleTeller();
  for (let times = 0; times < 2; times++)
    expect(teller.tell(failing).troubles).toEqual(['static1: a.css: publish: it may not be written']);
});

test.each([
  [12, '12 ms'],
  [999.6, '1.0 s'],
  [59_949, '59.9 s'],
  [59_990, '1 min 0 s'],
  [119_600, '2 min 0 s'],
  [125_000, '2 min 5 s'],
])('%d ms are written %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});
