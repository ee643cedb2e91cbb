import { expect, it } from 'vitest';
import { EntryTable } from '../../src/core/entry-table.js';
import { originsIn, wayFrom } from '../../src/core/origins.js';
import { atOnce } from '../../src/core/work.js';
import { entry } from '../support/entries.js';

const BOTH = { hardlink: true, serverCopy: true };
const LONG = 'x'.repeat(2048);

it('finds all that holds the content of what is wanted', () => {
  const held = [entry('a', 'one'), entry('b', 'two'), entry('c', 'one', { mtime: 1 }), entry('d', 'six')];
  const found = atOnce(originsIn(EntryTable.of(held), [entry('x', 'one'), entry('y', 'three')]));
  expect([...found.values()].map((entries) => entries.map(({ path }) => path))).toEqual([['a', 'c']]);
});

it('links what is to have the same time and mode, and copies other content where that is worth the requests', () => {
  const wanted = entry('x', LONG);
  expect(wayFrom(entry('a', LONG), wanted, BOTH)).toBe('link');
  expect(wayFrom(entry('a', ''), entry('x', ''), BOTH)).toBe('link');
  for (const other of [{ mtime: 1 }, { mode: 0o600 }]) {
    expect(wayFrom(entry('a', LONG, other), wanted, BOTH)).toBe('copy');
    expect(wayFrom(entry('a', 'short', other), entry('x', 'short'), BOTH)).toBeUndefined();
  }
});

it('asks for nothing that the target does not do', () => {
  const [origin, wanted] = [entry('a', LONG), entry('x', LONG)];
  expect(wayFrom(origin, wanted, { hardlink: false, serverCopy: true })).toBe('copy');
  expect(wayFrom(origin, wanted, { hardlink: false, serverCopy: false })).toBeUndefined();
  expect(wayFrom({ ...origin, mtime: 1 }, wanted, { hardlink: true, serverCopy: false })).toBeUndefined();
});
