import { describe, expect, test } from 'vitest';
import { type Counted, guardSources, isMuchLost } from '../../src/core/shrink.js';
import { SafetyError } from '../../src/errors.js';

function counted(counts: Readonly<Record<string, number>>): Counted[] {
  return Object.entries(counts).map(([path, files]) => ({ key: `key of ${path}`, path, files }));
}

function before(counts: Readonly<Record<string, number>>): Map<string, number> {
  return new Map(Object.entries(counts).map(([path, files]) => [`key of ${path}`, files]));
}

describe('guardSources', () => {
  test.each([
    ['nothing changed', { '/a': 120 }, { '/a': 120 }],
    ['half of the files are left', { '/a': 60 }, { '/a': 120 }],
    ['it grew', { '/a': 1200 }, { '/a': 120 }],
    ['it had too few files to judge', { '/a': 1 }, { '/a': 9 }],
    ['one of several is empty at its first run', { '/a': 1, '/b': 0 }, {}],
    ['one was empty at the last run too', { '/a': 1, '/b': 0 }, { '/a': 1, '/b': 0 }],
    ['all were empty at the last run too', { '/a': 0 }, { '/a': 0 }],
    ['one with many files is no source any more', { '/a': 3 }, { '/a': 3, '/gone': 500 }],
  ])('lets pass: %s', (_, now, then) => {
    expect(() => guardSources(counted(now), before(then))).not.toThrow();
  });

  test('counts for more than half only what was collected and is in no source any more', () => {
    const guarding = (lost: number) => () => guardSources(counted({ '/a': 12 }), before({ '/a': 100 }), () => lost);
    expect(guarding(12)).not.toThrow(); // the others went little by little
    expect(guarding(13)).toThrow(SafetyError);
    expect(() => guardSources(counted({ '/a': 0, '/b': 1 }), before({ '/a': 100 }), () => 0)).toThrow(SafetyError);
  });

  test.each([
    [
      'a source lost all its files',
      { '/ok': 3, '/a': 0 },
      { '/ok': 3, '/a': 120 },
      'cannot collect from /a: it had 120 files at the last run and has 0 now; if that is right, sync or collect with --force',
    ],
    [
      'a source lost its only file',
      { '/ok': 3, '/a': 0 },
      { '/ok': 3, '/a': 1 },
      'cannot collect from /a: it had 1 files at the last run and has 0 now; if that is right, sync or collect with --force',
    ],
    [
      'a source lost more than half of its files',
      { '/a': 59 },
      { '/a': 120 },
      'cannot collect from /a: it had 120 files at the last run and has 59 now; if that is right, sync or collect with --force',
    ],
    [
      'a source of ten lost six',
      { '/a': 4 },
      { '/a': 10 },
      'cannot collect from /a: it had 10 files at the last run and has 4 now; if that is right, sync or collect with --force',
    ],
    [
      'every source is empty at the first run',
      { '/a': 0, '/b': 0 },
      {},
      'cannot collect: no source holds a file (/a, /b); if that is right, sync or collect with --force',
    ],
    [
      'there is no source',
      {},
      { '/a': 5 },
      'cannot collect: no source holds a file (there is no source); if that is right, sync or collect with --force',
    ],
  ])('refuses: %s', (_, now: Record<string, number>, then: Record<string, number>, message) => {
    const guarding = () => guardSources(counted(now), before(then));
    expect(guarding).toThrow(SafetyError);
    expect(guarding).toThrow(message);
  });
});

test.each([
  ['a few of unknown many', 5, undefined, false],
  ['more of unknown many', 6, undefined, true],
  ['a few of few', 5, 6, false],
  ['a tenth', 12, 120, false],
  ['more than a tenth', 13, 120, true],
])('what is to be judged by all that is left: %s', (_, lost, had, expected) => {
  expect(isMuchLost(lost, had)).toBe(expected);
});
