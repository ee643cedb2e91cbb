import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settlePending, withPending, withTruths, withUnsettled } from '../../src/core/target-index.js';
import type { Problem } from '../../src/errors.js';
import { applyOutcomes } from '../support/apply-outcomes.js';
import { anyTree, entry, index, path } from '../support/entries.js';

const a = path('a');
const old = entry('a', 'old', { mtime: 1 });
const fresh = entry('a', 'fresh', { mtime: 2 });
const problem: Problem = { path: 'a', step: 'publish', code: 'FAILED', message: '' };

it('claims nothing of a path from the moment it is announced until the truth is known', () => {
  const pending = withPending(index(old), new Map([[a, fresh]]));
  expect([...pending.entries]).toEqual([]);
  expect(pending.pending.get(a)).toEqual({ path: 'a', candidates: [old, fresh] });
  const settled = withTruths(pending, new Map([[a, fresh]]));
  expect([...settled.entries]).toEqual([fresh]);
  expect(settled.pending.size).toBe(0);
});

it('remembers every content that a path announced twice may hold', () => {
  const other = entry('a', 'other', { mtime: 3 });
  const twice = withPending(withPending(index(old), new Map([[a, fresh]])), new Map([[a, other]]));
  expect(twice.pending.get(a)?.candidates).toEqual([old, fresh, other]);
});

it('keeps its entries sorted whatever becomes known', () => {
  fc.assert(
    fc.property(anyTree, anyTree, (have, learned) => {
      const next = withTruths(index(...have), new Map(learned.map((each) => [each.path, each])));
      const paths = [...next.entries].map((each) => each.path);
      expect(paths).toEqual([...new Set([...have, ...learned].map((each) => each.path))].sort());
    }),
  );
});

describe('applyOutcomes', () => {
  const before = index(old);
  const announced = new Map([[a, fresh]]);
  const step = { kind: 'upload', path: a, entry: fresh, old } as const;

  it('records what was done', () => {
    const after = applyOutcomes(before, announced, [{ kind: 'done', step }]);
    expect([[...after.entries], after.pending.size]).toEqual([[fresh], 0]);
  });

  it('stays with what was there when nothing was touched', () => {
    const after = applyOutcomes(before, announced, [{ kind: 'untouched', step, problem }]);
    expect([[...after.entries], after.pending.size]).toEqual([[old], 0]);
  });

  it('knows that a new file which was not touched is not there', () => {
    const after = applyOutcomes(index(), announced, [
      { kind: 'untouched', step: { ...step, old: undefined }, problem },
    ]);
    expect([[...after.entries], after.pending.size]).toEqual([[], 0]);
  });

  it('leaves a path pending when it is uncertain, or was never reached', () => {
    for (const outcomes of [[{ kind: 'uncertain', step, problem } as const], []]) {
      const after = applyOutcomes(before, announced, outcomes);
      expect([[...after.entries], after.pending.get(a)?.candidates]).toEqual([[], [old, fresh]]);
    }
  });

  it('leaves a path pending that was uncertain before a step that did not touch it', () => {
    const uncertain = withPending(before, announced);
    const again = { ...step, old: undefined };
    const after = applyOutcomes(uncertain, announced, [{ kind: 'untouched', step: again, problem }]);
    expect(after.pending.size).toBe(1);
  });
});

describe('withUnsettled', () => {
  const recorded = withPending(index(old), new Map([[a, fresh]])).pending;

  it('forgets what a look told of a pending path that is still to be changed', () => {
    const after = withUnsettled(index(old), recorded, [{ path: a }]);
    expect([[...after.entries], after.pending.get(a)?.candidates]).toEqual([[], [old, fresh]]);
  });

  it('leaves what a look told of a path that is as it should be', () => {
    const after = withUnsettled(index(old), recorded, []);
    expect([[...after.entries], after.pending.size]).toEqual([[old], 0]);
  });
});

it('keeps each content that a path may hold once, however often it is announced', () => {
  const announced = new Map([[a, fresh]]);
  const often = withPending(withPending(withPending(index(old), announced), announced), announced);
  expect(often.pending.get(a)?.candidates).toEqual([old, fresh]);
});

describe('settlePending', () => {
  const settle = (
    candidates: readonly (typeof old)[],
    observed: { size: number; mtime: number; mode: number } | undefined,
  ) => settlePending([{ path: a, candidates }], () => observed);

  it('knows the old file and the new one by size and time', () => {
    expect(settle([old, fresh], old)).toEqual(new Map([['a', old]]));
    expect(settle([old, fresh], fresh)).toEqual(new Map([['a', fresh]]));
  });

  it('knows that nothing is there', () => {
    expect(settle([old, fresh], undefined)).toEqual(new Map([['a', undefined]]));
  });

  it('decides nothing between two contents of one size and time', () => {
    const twin = entry('a', 'OLD', { mtime: 1 });
    expect(settle([old, twin], { size: 3, mtime: 1, mode: 0o644 }).size).toBe(0);
  });

  it('decides nothing about a file of that size and another time', () => {
    expect(settle([old, fresh], { size: 3, mtime: 9, mode: 0o644 }).size).toBe(0);
  });

  it("knows that a file of another size than all of them is somebody else's", () => {
    expect(settle([old, fresh], { size: 9, mtime: 9, mode: 0o644 })).toEqual(new Map([['a', undefined]]));
  });

  it('records the mode that was seen', () => {
    expect(settle([old], { ...old, mode: 0o600 }).get(a)?.mode).toBe(0o600);
  });
});
