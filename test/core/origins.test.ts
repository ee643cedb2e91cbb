import { expect, it } from 'vitest';
import { EntryTable } from '../../src/core/entry-table.js';
import { formerOf, originsIn, wayFrom } from '../../src/core/origins.js';
import { entry, index } from '../support/entries.js';

const BOTH = { hardlink: true, serverCopy: true };
const LONG = 'x'.repeat(2048);

it('finds all that holds the content of what is wanted', () => {
  const held = [entry('a', 'one'), entry('b', 'two'), entry('c', 'one', { mtime: 1 }), entry('d', 'six')];
  const found = originsIn(EntryTable.of(held), [entry('x', 'one'), entry('y', 'three')]);
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

it('takes the one of the same name for the former version, or the one of another hash whose size is nearest', () => {
  const { entries } = index(
    entry('app.css', 'x'.repeat(50_000)),
    entry('app.0123456789ab.css', 'x'.repeat(10_000)),
    entry('app.1123456789ab.css', 'x'.repeat(40_000)),
    entry('app.2123456789ab.js', 'x'.repeat(30_000)),
    entry('app.min.3123456789ab.css', 'x'.repeat(30_000)),
    entry('deep/app.4123456789ab.css', 'x'.repeat(30_000)),
    entry('LICENSE.5123456789ab', 'x'),
    entry('vite/index-DiwrgTda.js', 'x'),
    entry('vite/index-_1b-Xy90.css', 'x'),
    entry('vite/some-page-Diwrg_da.js', 'x'),
  );
  const former = (name: string): string | undefined => formerOf(entries, entry(name, 'x'.repeat(30_000)))?.path;
  expect(former('app.css')).toBe('app.css');
  expect(former('app.ffffffffffff.css')).toBe('app.1123456789ab.css');
  expect(former('app.min.ffffffffffff.css')).toBe('app.min.3123456789ab.css');
  expect(former('vite/index-AAAAAAAA.js')).toBe('vite/index-DiwrgTda.js');
  expect(former('vite/index-AAAAAAAA.css')).toBe('vite/index-_1b-Xy90.css');
  expect(former('LICENSE.ffffffffffff')).toBe('LICENSE.5123456789ab');
  for (const name of ['other.css', 'app.js', 'other.ffffffffffff.css', 'deep/app.ffffffffffff.js', 'app.fff.css'])
    expect([name, former(name)]).toEqual([name, undefined]);
});

it('looks for no former version of what is small, very large, or compressed by its kind', () => {
  const { entries } = index(entry('a.css', 'x'), entry('a.png', 'x'), entry('a.WOFF2', 'x'));
  const former = (name: string, size: number): string | undefined => formerOf(entries, { ...entry(name), size })?.path;
  expect(former('a.css', 8192)).toBe('a.css');
  expect([former('a.css', 8191), former('a.css', 2 ** 28 + 1)]).toEqual([undefined, undefined]);
  expect([former('a.png', 8192), former('a.WOFF2', 8192)]).toEqual([undefined, undefined]);
});
