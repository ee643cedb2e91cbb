import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Entry, findEntry, sortEntries } from '../../src/core/entry.js';
import { EntryTable } from '../../src/core/entry-table.js';
import { decodeSnapshot, encodeSnapshot } from '../../src/core/index-codec.js';
import { covers, placesOf } from '../../src/core/places.js';
import type { RelPath } from '../../src/core/relpath.js';
import { atOnce } from '../../src/core/work.js';
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
      fc.property(
        manyEntries,
        anyChanges,
        anyChanges,
        anyPath,
        fc.boolean(),
        (entries, first, second, sought, isListed) => {
          const table = (isListed ? EntryTable.listing(entries) : EntryTable.of(entries)).with(first).with(second);
          const list = changed(changed(entries, first), second);
          expect([...table]).toEqual(list);
          expect([table.length, table.fileBytes]).toEqual([list.length, totalBytes(list)]);
          for (const each of [...list.map(({ path: at }) => at), ...first.keys(), sought]) {
            expect(table.find(each)).toEqual(findEntry(list, each));
            expect(table.holdsBelow(each)).toBe(list.some(({ path: at }) => at.startsWith(`${each}/`)));
            expect(table.below(each)).toEqual(list.filter(({ path: at }) => at.startsWith(`${each}/`)));
          }
          expect([...table.from(sought)]).toEqual(list.filter(({ path: at }) => at >= sought));
          const digests = new Set(list.slice(0, 2).map(({ digest }) => digest));
          const fitting = list.filter(({ digest }) => digests.has(digest));
          const found: Entry[] = [];
          atOnce(table.seeking(digests, (each) => found.push(each)));
          expect(sortEntries(found)).toEqual(fitting);
          expect(atOnce(table.countingWithout(first.keys()))).toEqual(
            (({ length, fileBytes }) => ({ length, fileBytes }))(table.without(first.keys())),
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  it('selects what a list selects, and is itself where that is all of it', () => {
    fc.assert(
      fc.property(manyEntries, anyChanges, anyPath, fc.boolean(), (entries, changes, last, isListed) => {
        const table = (isListed ? EntryTable.listing(entries) : EntryTable.of(entries)).with(changes);
        const accepts = (at: RelPath): boolean => at <= last;
        const list = [...table].filter((each) => accepts(each.path)).map((each) => ({ ...each, mode: 0o640 }));
        const selected = atOnce(table.selecting(accepts, 0o640));
        expect([...selected]).toEqual(list);
        expect(selected.length).toBe(list.length);
        expect(atOnce(selected.selecting(accepts, 0o640))).toBe(selected);
      }),
    );
  });

  it('holds in places what a list holds there', () => {
    fc.assert(
      fc.property(manyEntries, anyChanges, fc.array(anyPath, { maxLength: 5 }), (entries, changes, paths) => {
        const places = placesOf(paths);
        const fitting = changed(entries, changes).filter(({ path: at }) => covers(places, at));
        for (const table of [EntryTable.of(entries), EntryTable.listing(entries)])
          expect(table.with(changes).in(places)).toEqual(fitting);
      }),
    );
  });

  it('is the same when it was written and read', () => {
    fc.assert(
      fc.property(manyEntries, anyChanges, fc.boolean(), (entries, changes, isListed) => {
        const table = (isListed ? EntryTable.listing(entries) : EntryTable.of(entries)).with(changes);
        expect([...atOnce(table.packed())]).toEqual([...table]);
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

  it.each([
    ['of few', 5000, 2],
    ['of many', 40_000, 2],
    ['made of nothing', 0, 1],
  ])('%s is the same when a good part of it is changed', (_kind, count, every) => {
    const many = sortEntries(Array.from({ length: count }, (_, at) => entry(`folder-${at % 7}/${at}`)));
    const added = Array.from({ length: 20_000 }, (_, at) => entry(`folder-${at % 9}/${at}.new`));
    const modified = many.filter((_, at) => at % every === 0).map((each) => ({ ...each, size: 9 }));
    const changes = new Map([...modified, ...added].map((each) => [each.path, each]));
    const table = EntryTable.of(many).with(changes);
    const list = changed(many, changes);
    expect([...table]).toEqual(list);
    expect([table.length, table.fileBytes]).toEqual([list.length, totalBytes(list)]);
  });

  it('is packed once most of it has changed', () => {
    const added = new Map(Array.from({ length: 20_000 }, (_, at) => [path(`${at}`), entry(`${at}`)]));
    const table = EntryTable.EMPTY.with(added);
    expect(atOnce(table.packing())).toBe(atOnce(table.packing()));
  });
});

function totalBytes(entries: readonly Entry[]): number {
  return entries.reduce((bytes, { size }) => bytes + size, 0);
}
