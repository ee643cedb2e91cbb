import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Change, diff } from '../../src/core/diff.js';
import { type Entry, findEntry, sameContent, sortEntries } from '../../src/core/entry.js';
import { EntryTable } from '../../src/core/entry-table.js';
import { comparePaths, type RelPath } from '../../src/core/relpath.js';
import { withPending } from '../../src/core/target-index.js';
import { anyEntry, entry, index, path, snapshot } from '../support/entries.js';

it('finds what was added, modified and removed, sorted by path', () => {
  const have = index(entry('a'), entry('b', 'old'), entry('d'));
  const wanted = snapshot(entry('a'), entry('b', 'new'), entry('c'));
  expect(diff(have, wanted)).toEqual([
    { kind: 'modified', path: 'b', entry: entry('b', 'new'), old: entry('b', 'old') },
    { kind: 'added', path: 'c', entry: entry('c') },
    { kind: 'removed', path: 'd', old: entry('d') },
  ]);
});

it('takes no notice of a file that was only touched', () => {
  expect(diff(index(entry('a', 'x', { mtime: 1 })), snapshot(entry('a', 'x', { mtime: 2 })))).toEqual([]);
});

it('finds an edit that kept size and time', () => {
  const changes = diff(index(entry('a', 'one')), snapshot(entry('a', 'two')));
  expect(changes.map((change) => change.kind)).toEqual(['modified']);
});

it('keeps the published mtime when only the mode is to change', () => {
  const have = entry('a', 'x', { mtime: 1, mode: 0o600 });
  expect(diff(index(have), snapshot(entry('a', 'x', { mtime: 2 })))).toEqual([
    { kind: 'mode', path: 'a', entry: { ...have, mode: 0o644 }, old: have, where: 'in place' },
  ]);
});

it('changes no mode in place that another name of the same file may keep', () => {
  const names = ['a', 'b', 'c'].map((name) => entry(name, 'x', { mode: 0o600 }));
  const others = [entry('d', 'x', { mtime: 1, mode: 0o600 }), entry('e', 'x', { mode: 0o640 }), entry('f', 'y')];
  const have = index(...names, ...others);
  const places = (...wanted: Entry[]): string[] =>
    diff(have, snapshot(...wanted)).map((change) => (change.kind === 'mode' ? change.where : change.kind));
  const [a, b, c] = names.map((each) => ({ ...each, mode: 0o644 })) as [Entry, Entry, Entry];
  expect(places(a, b, c, ...others)).toEqual(['in place', 'in place', 'in place']);
  const [, , kept] = names as [Entry, Entry, Entry];
  expect(places(a, b, kept, ...others)).toEqual(['apart', 'apart']);
  expect(places(a, b, ...others)).toEqual(['apart', 'apart', 'removed']);
  expect(places(a, b, { ...c, mode: 0o640 }, ...others)).toEqual(['apart', 'apart', 'apart']);
});

it('removes nothing whose state in the sources is unknown, nor anything below an unreadable folder', () => {
  const have = index(entry('a'), entry('dir/b'), entry('dir/deep/c'), entry('dirt'));
  const wanted = {
    entries: EntryTable.EMPTY,
    problems: ['a', 'dir'].map((at) => ({ path: at, step: 'scan' as const, code: 'UNREADABLE' as const, message: '' })),
  };
  expect(diff(have, wanted).map((change) => change.path)).toEqual(['dirt']);
});

it('sends again what is pending, and removes what is pending and not wanted', () => {
  const announced = new Map([
    [path('a'), entry('a', 'new')],
    [path('z'), entry('z')],
  ]);
  const have = withPending(index(entry('a', 'old')), announced);
  expect(diff(have, snapshot(entry('a', 'new')))).toEqual([
    { kind: 'added', path: 'a', entry: entry('a', 'new') },
    { kind: 'removed', path: 'z', old: undefined },
  ]);
});

it('finds the same in whatever form the two are kept, as a look at one path after another does', () => {
  const anyEntries = fc
    .uniqueArray(anyEntry, { selector: (each) => each.path, maxLength: 60 })
    .map((entries) => sortEntries(entries));
  const half = (entries: readonly Entry[], at: number): Entry[] => entries.filter((_, position) => position % 2 === at);
  const others = (entries: readonly Entry[]) => half(entries, 1).map((each) => ({ ...each, mtime: 1 }));
  /** Packed, listed, and each of them changed until it holds the same. */
  const formsOf = (entries: readonly Entry[], odd: readonly Entry[]): EntryTable[] => {
    const strangers = odd.filter(({ path: at }) => !entries.some((each) => each.path === at));
    const renewed = new Map<RelPath, Entry | undefined>(half(entries, 1).map((each) => [each.path, each]));
    for (const { path: at } of strangers) renewed.set(at, undefined);
    const before = sortEntries([...half(entries, 0), ...others(entries), ...strangers]);
    const changed = [EntryTable.of(before), EntryTable.listing(before)].map((table) => table.with(renewed));
    return [EntryTable.of(entries), EntryTable.listing(entries), ...changed];
  };
  fc.assert(
    fc.property(anyEntries, anyEntries, fc.subarray(['first', 'last'] as const), (held, asked, shared) => {
      const same = shared.flatMap((which) => (which === 'first' ? held.slice(0, 20) : held.slice(-20)));
      const wanted = sortEntries(new Map([...asked, ...same].map((each) => [each.path, each])).values());
      const expected = naive(held, wanted);
      for (const entries of formsOf(held, asked)) {
        for (const table of formsOf(wanted, held)) {
          const found = diff({ ...index(), entries }, { entries: table, problems: [] });
          expect(found.map((change) => (change.kind === 'mode' ? { ...change, where: 'in place' } : change))).toEqual(
            expected,
          );
        }
      }
    }),
    { numRuns: 60 },
  );
});

function naive(held: readonly Entry[], wanted: readonly Entry[]): Change[] {
  const paths = new Set([...held, ...wanted].map((each) => each.path));
  return [...paths].sort(comparePaths).flatMap((at): Change[] => {
    const [old, each] = [findEntry(held, at), findEntry(wanted, at)];
    if (each === undefined) return [{ kind: 'removed', path: at, old }];
    if (old === undefined) return [{ kind: 'added', path: at, entry: each }];
    if (!sameContent(old, each)) return [{ kind: 'modified', path: at, entry: each, old }];
    if (old.mode === each.mode) return [];
    return [{ kind: 'mode', path: at, entry: { ...old, mode: each.mode }, old, where: 'in place' }];
  });
}
