import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EntryTable } from '../../src/core/entry-table.js';
import { decodeSnapshot, encodeSnapshot } from '../../src/core/index-codec.js';
import { entriesIn, placesOf } from '../../src/core/places.js';
import type { RelPath } from '../../src/core/relpath.js';
import { type Entry, findEntry, holdsBelow, sortEntries, totalBytes } from '../../src/core/snapshot.js';
import { anyEntry, anyPath, entry, path } from '../support/entries.js';

/** Enough entries for several marks, and paths that share more and less than a mark is apart. */
const manyEntries = fc
  .uniqueArray(anyEntry, { selector: (each) => each.path, maxLength: 80 })
  .map((entries) => sortEntries(entries));

const anyChanges = fc
  .array(
    fc.oneof(
      anyEntry.map((each) => [each.path, each] as const),
      anyPath.map((at) => [at, undefined] as const),
    ),
    { maxLength: 30 },
  )
  .map((pairs) => new Map<RelPath, Entry | undefined>(pairs));

/** What `changes` make of a list. */
function changed(entries: readonly Entry[], changes: ReadonlyMap<RelPath, Entry | undefined>): Entry[] {
  const all = new Map<RelPath, Entry | undefined>([...entries.map((each) => [each.path, each] as const), ...changes]);
  return sortEntries([...all.values()].filter((each) => each !== undefined));
}

describe('a table', () => {
  it('holds what a list with the same changes holds, and finds it', () => {
    fc.assert(
      fc.property(manyEntries, anyChanges, anyChanges, anyPath, (entries, first, second, sought) => {
        const table = EntryTable.of(entries).with(first).with(second);
        const list = changed(changed(entries, first), second);
        expect([...table]).toEqual(list);
        expect([table.length, table.fileBytes]).toEqual([list.length, totalBytes(list)]);
        for (const each of [...list.map(({ path: at }) => at), ...first.keys(), sought]) {
          expect(table.find(each)).toEqual(findEntry(list, each));
          expect(table.holdsBelow(each)).toBe(holdsBelow(list, each));
          expect(table.below(each)).toEqual(list.filter(({ path: at }) => at.startsWith(`${each}/`)));
        }
        expect([...table.from(sought)]).toEqual(list.filter(({ path: at }) => at >= sought));
        const sizes = new Set([0, 5]);
        const fitting = list.filter(({ size }) => sizes.has(size));
        expect(sortEntries(table.ofSizes(sizes))).toEqual(fitting);
      }),
      { numRuns: 300 },
    );
  });

  it('holds in places what a list holds there', () => {
    fc.assert(
      fc.property(manyEntries, anyChanges, fc.array(anyPath, { maxLength: 5 }), (entries, changes, paths) => {
        const places = placesOf(paths);
        expect(EntryTable.of(entries).with(changes).in(places)).toEqual(entriesIn(changed(entries, changes), places));
      }),
    );
  });

  it('is the same when it was written and read', () => {
    fc.assert(
      fc.property(manyEntries, anyChanges, (entries, changes) => {
        const table = EntryTable.of(entries).with(changes);
        for (const from of ['sound', 'anybody'] as const)
          expect([...decodeSnapshot(encodeSnapshot(table), from)]).toEqual([...table]);
      }),
    );
  });

  it('leaves the one that it is made of as it was', () => {
    const before = EntryTable.of([entry('a'), entry('b')]);
    before.with(new Map([[path('a'), undefined]]));
    expect([...before]).toEqual([entry('a'), entry('b')]);
  });

  it('holds paths longer than it expects, and sizes up to the largest number', () => {
    const long = Array.from({ length: 40 }, () => 'é漢😀'.repeat(8)).join('/');
    const all = [entry(long, 'x', { size: Number.MAX_SAFE_INTEGER }), entry(`${long}/a`), entry(`${long}/b`)];
    const table = EntryTable.of(all);
    expect([...table]).toEqual(all);
    for (const each of all) expect(table.find(each.path)).toEqual(each);
  });

  it('is packed again when a good part of it is changed', () => {
    const many = sortEntries(Array.from({ length: 5000 }, (_, at) => entry(`folder-${at % 7}/${at}`)));
    const changes = new Map(many.filter((_, at) => at % 2 === 0).map((each) => [each.path, { ...each, size: 9 }]));
    const table = EntryTable.of(many).with(changes);
    expect([...table]).toEqual(changed(many, changes));
    expect(table.packed()).toBe(table.packed());
  });
});
