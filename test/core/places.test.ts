import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sortEntries } from '../../src/core/entry.js';
import { EntryTable } from '../../src/core/entry-table.js';
import { covers, indexPartOf, partOf, placesOf, replaceIn } from '../../src/core/places.js';
import { isWithin } from '../../src/core/relpath.js';
import type { Snapshot } from '../../src/core/snapshot.js';
import type { TargetIndex } from '../../src/core/target-index.js';
import type { Problem } from '../../src/errors.js';
import { anyPath, anyTree, entry, index, path, snapshot } from '../support/entries.js';

const anyPlaces = fc.array(anyPath, { maxLength: 5 }).map(placesOf);

function problem(at: string): Problem {
  return { path: at, step: 'collect', code: 'UNREADABLE', message: 'cannot read it' };
}

const anyProblems = fc.array(fc.oneof(anyPath, fc.constant('')).map(problem), { maxLength: 4 });
const anySnapshot: fc.Arbitrary<Snapshot> = fc.record({
  entries: anyTree.map((tree) => EntryTable.of(tree)),
  problems: anyProblems,
});

function isIn(places: readonly string[], at: string): boolean {
  return places.some((place) => at === place || at.startsWith(`${place}/`));
}

function paths({ entries }: Snapshot): string[] {
  return [...entries].map((one) => one.path);
}

describe('places', () => {
  test('are sorted, and hold none that lies within another one', () => {
    const found = placesOf(['b', 'a/b/c', 'a-b', 'a', 'a/b', 'b'].map(path));
    expect(found).toEqual(['a', 'a-b', 'b']);
  });

  test('cover what they were made of, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(anyPath, { maxLength: 8 }), anyPath, (made, other) => {
        const places = placesOf(made);
        expect(places.every((place) => places.every((each) => each === place || !isWithin(place, each)))).toBe(true);
        expect(made.every((each) => covers(places, each))).toBe(true);
        expect(covers(places, other)).toBe(isIn(made, other));
      }),
    );
  });
});

describe('the entries in places', () => {
  test('are what lies at or below them, and not what stands between', () => {
    const tree = ['a', 'a-b', 'a.b', 'a/b', 'a0', 'b'].map((name) => entry(name));
    expect(
      EntryTable.of(sortEntries(tree))
        .in([path('a')])
        .map((each) => each.path),
    ).toEqual(['a', 'a/b']);
  });

  test('are those that a look at each of them would find', () => {
    fc.assert(
      fc.property(anyTree, anyPlaces, (tree, places) => {
        expect(EntryTable.of(tree).in(places)).toEqual(tree.filter((each) => isIn(places, each.path)));
      }),
    );
  });
});

describe('a part of a snapshot', () => {
  test('has the problems of its places, of what is above them, and of the root', () => {
    const whole: Snapshot = {
      entries: EntryTable.EMPTY,
      problems: ['', 'css', 'css/a', 'css/a/b', 'css/b', 'cs'].map(problem),
    };
    expect(partOf(whole, [path('css/a')]).problems.map((each) => each.path)).toEqual(['', 'css', 'css/a', 'css/a/b']);
  });

  test('put back in its place changes nothing', () => {
    fc.assert(
      fc.property(anySnapshot, anyPlaces, (whole, places) => {
        const again = replaceIn(whole, places, partOf(whole, places));
        expect([...again.entries]).toEqual([...whole.entries]);
        expect(new Set(again.problems.map((each) => each.path))).toEqual(
          new Set(whole.problems.map((each) => each.path)),
        );
      }),
    );
  });

  test('that is replaced leaves the rest as it was, in order', () => {
    fc.assert(
      fc.property(anySnapshot, anySnapshot, anyPlaces, (whole, other, places) => {
        const inPlaces = [...other.entries].filter((each) => isIn(places, each.path));
        const fresh = { ...other, entries: EntryTable.listing(inPlaces) };
        const kept = [...whole.entries].filter((each) => !isIn(places, each.path));
        expect([...replaceIn(whole, places, fresh).entries]).toEqual(sortEntries([...kept, ...inPlaces]));
      }),
    );
  });

  test('that is replaced has a problem above it but once', () => {
    const whole: Snapshot = { entries: EntryTable.EMPTY, problems: [problem('css'), problem('css/a'), problem('js')] };
    const fresh: Snapshot = { entries: EntryTable.EMPTY, problems: [problem('css')] };
    const after = replaceIn(whole, [path('css/a')], fresh);
    expect(after.problems.map((each) => each.path).toSorted()).toEqual(['css', 'js']);
  });

  test('that is replaced by nothing is gone', () => {
    const whole = snapshot(entry('a'), entry('a/b'), entry('b'));
    expect(paths(replaceIn(whole, [path('a')], snapshot()))).toEqual(['b']);
  });
});

describe('a part of an index', () => {
  test('has the entries and the pending paths of its places', () => {
    const pending = new Map(['a/x', 'b'].map((at) => [path(at), { path: path(at), candidates: [] }]));
    const whole: TargetIndex = { ...index(entry('a/y'), entry('b/y')), pending };
    const part = indexPartOf(whole, [path('a')]);
    expect([...part.entries].map((each) => each.path)).toEqual(['a/y']);
    expect([...part.pending.keys()]).toEqual(['a/x']);
    expect(part.generation).toBe(whole.generation);
  });
});
