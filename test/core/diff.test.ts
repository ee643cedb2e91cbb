import { expect, it } from 'vitest';
import { diff } from '../../src/core/diff.js';
import type { Entry } from '../../src/core/entry.js';
import { EntryTable } from '../../src/core/entry-table.js';
import { withPending } from '../../src/core/target-index.js';
import { entry, index, path, snapshot } from '../support/entries.js';

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
