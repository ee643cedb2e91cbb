import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  changed,
  failed,
  newStanding,
  pauseAfter,
  pushing,
  released,
  type Standing,
  succeeded,
  type TargetState,
} from '../../src/core/standing.js';
import type { Failure } from '../../src/errors.js';

const GONE: Failure = { code: 'UNREACHABLE', message: 'nobody answers' };
const [EARLIER, NOW] = [1_000_000, 2_000_000];
const STATES: readonly TargetState[] = ['starting', 'in-sync', 'pushing', 'behind', 'unreachable', 'halted'];

/** As it comes into each state. */
function standing(state: TargetState): Standing {
  const known = succeeded(newStanding(EARLIER), EARLIER, 'nothing');
  const all: Readonly<Record<TargetState, Standing>> = {
    starting: newStanding(EARLIER),
    'in-sync': known,
    behind: changed(known, EARLIER),
    pushing: pushing(known, EARLIER),
    unreachable: failed(known, EARLIER, GONE, 'connection', 1),
    halted: failed(known, EARLIER, GONE, 'person', 1),
  };
  return all[state];
}

/** Where each event leads from each state; '=' where nothing changes. */
const WAYS: readonly (readonly [
  event: string,
  act: (from: Standing) => Standing,
  to: readonly (TargetState | '=')[],
])[] = [
  ['a change', (from) => changed(from, NOW), ['=', 'behind', '=', '=', '=', '=']],
  ['a cycle that begins', (from) => pushing(from, NOW), ['pushing', 'pushing', '=', 'pushing', 'pushing', 'pushing']],
  ['the end of all work', (from) => succeeded(from, NOW, 'nothing'), Array<TargetState>(6).fill('in-sync')],
  ['the end of a part', (from) => succeeded(from, NOW, 'something'), Array<TargetState>(6).fill('behind')],
  ['a lost connection', (from) => failed(from, NOW, GONE, 'connection', 1), Array<TargetState>(6).fill('unreachable')],
  ['a failure that passes', (from) => failed(from, NOW, GONE, 'time', 1), Array<TargetState>(6).fill('behind')],
  ['one for a person', (from) => failed(from, NOW, GONE, 'person', 1), Array<TargetState>(6).fill('halted')],
  ['the word of a person', (from) => released(from, NOW), ['=', '=', '=', '=', 'behind', 'behind']],
];

describe.each(WAYS)('%s', (_, act, to) => {
  test.each(STATES.map((state, i) => [state, to[i] ?? '='] as const))('leads from %s to %s', (from, target) => {
    const before = standing(from);
    const after = act(before);
    if (target === '=') return expect(after).toBe(before);
    expect(after.state).toBe(target);
    expect(after.since).toBe(from === target ? EARLIER : NOW);
  });
});

describe('a target', () => {
  test('is in sync as of the last success that left nothing to do, or of the moment at which that ended', () => {
    for (const after of [changed(standing('in-sync'), NOW), pushing(standing('in-sync'), NOW)])
      expect(after.inSyncAt).toBe(NOW);
    expect(pushing(standing('behind'), NOW).inSyncAt).toBe(EARLIER);
    const some = succeeded(standing('in-sync'), NOW, 'something');
    expect(some.inSyncAt).toBe(EARLIER);
    expect(failed(some, NOW, GONE, 'connection', 1).inSyncAt).toBe(EARLIER);
    expect(succeeded(some, NOW, 'nothing').inSyncAt).toBe(NOW);
    expect(newStanding(NOW).inSyncAt).toBeUndefined();
  });

  test('keeps saying what went wrong until a success, and counts', () => {
    const once = failed(standing('in-sync'), NOW, GONE, 'connection', 1);
    const twice = failed(pushing(once, NOW), NOW, { ...GONE, code: 'AUTH' }, 'connection', 1);
    expect([once.failures, twice.failures, twice.error?.code]).toEqual([1, 2, 'AUTH']);
    expect(pushing(twice, NOW).error?.code).toBe('AUTH');
    expect(released(twice, NOW).error?.code).toBe('AUTH');
    expect(succeeded(twice, NOW, 'nothing')).toMatchObject({ failures: 0, error: undefined, retryAt: undefined });
  });

  test('is tried again soon when it fails in another way than before', () => {
    let at = newStanding(0);
    for (let times = 0; times < 12; times++) at = failed(at, NOW, GONE, 'connection', 1);
    at = failed(at, NOW, { code: 'DENIED', message: 'no' }, 'mending', 1);
    expect([at.retryAt, at.failures]).toEqual([NOW + 1000, 13]);
  });

  test('has a time for its next try where time can help, and none where a person must', () => {
    const retries = (['connection', 'time', 'mending', 'person'] as const).map(
      (remedy) => failed(standing('unreachable'), NOW, GONE, remedy, 1).retryAt,
    );
    expect(retries).toEqual([NOW + 2000, NOW + 2000, NOW + 1000, undefined]);
    expect(released(standing('unreachable'), NOW).retryAt).toBeUndefined();
  });

  test('that stays unreachable has been so since it first was', () => {
    const once = standing('unreachable');
    expect(failed(once, NOW, GONE, 'connection', 1).since).toBe(EARLIER);
  });

  test.each([
    ['a minute', 'connection', [60_000, 60_000, 60_000, 60_000, 60_000, 60_000]],
    [
      'a quarter of an hour where files are what a person must see to',
      'mending',
      [64_000, 128_000, 256_000, 512_000, 900_000, 900_000],
    ],
  ] as const)('is tried again after pauses that double up to %s', (_, remedy, last) => {
    let at = newStanding(0);
    const pauses = Array.from({ length: 12 }, () => {
      at = failed(at, NOW, GONE, remedy, 1);
      return (at.retryAt ?? 0) - NOW;
    });
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, ...last]);
  });
});

test('a pause lies between half of its length and all of it, wherever chance puts it, however often it failed', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (failures, chance) => {
        const longest = Math.min(60_000, 1000 * 2 ** (failures - 1));
        const pause = pauseAfter(failures, chance);
        expect(pause).toBeGreaterThanOrEqual(longest / 2);
        expect(pause).toBeLessThanOrEqual(longest);
        expect(Number.isInteger(pause)).toBe(true);
      },
    ),
  );
  expect([pauseAfter(3, 0), pauseAfter(3, 0.5), pauseAfter(3, 1)]).toEqual([2000, 3000, 4000]);
});
