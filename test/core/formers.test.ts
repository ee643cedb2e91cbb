import { expect, it } from 'vitest';
import { Formers } from '../../src/core/formers.js';
import { entry, index } from '../support/entries.js';

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
  const former = (name: string): string | undefined => new Formers(entries).of(entry(name, 'x'.repeat(30_000)))?.path;
  expect(former('app.css')).toBe('app.css');
  expect(former('app.ffffffffffff.css')).toBe('app.1123456789ab.css');
  expect(former('app.min.ffffffffffff.css')).toBe('app.min.3123456789ab.css');
  expect(former('vite/index-AAAAAAAA.js')).toBe('vite/index-DiwrgTda.js');
  expect(former('vite/index-AAAAAAAA.css')).toBe('vite/index-_1b-Xy90.css');
  expect(former('LICENSE.ffffffffffff')).toBe('LICENSE.5123456789ab');
  expect(former('deep/app.ffffffffffff.js')).toBe('app.2123456789ab.js');
  for (const name of ['other.css', 'app.js', 'other.ffffffffffff.css', 'app.fff.css'])
    expect([name, former(name)]).toEqual([name, undefined]);
});

it('looks for no former version of what is small, very large, or compressed by its kind', () => {
  const { entries } = index(entry('a.css', 'x'), entry('a.png', 'x'), entry('a.WOFF2', 'x'));
  const former = (name: string, size: number): string | undefined =>
    new Formers(entries).of({ ...entry(name), size })?.path;
  expect(former('a.css', 4096)).toBe('a.css');
  expect([former('a.css', 4095), former('a.css', 2 ** 28 + 1)]).toEqual([undefined, undefined]);
  expect([former('a.png', 8192), former('a.WOFF2', 8192)]).toEqual([undefined, undefined]);
});

it('takes one of that name in another folder, if its size is no quite other one', () => {
  const { entries } = index(
    entry('lib-1.1/dist/lib.js', 'x'.repeat(40_000)),
    entry('lib-1.2/dist/lib.js', 'x'.repeat(50_000)),
    entry('lib-1.2/dist/lib.min.js', 'x'.repeat(20_000)),
    entry('lib-1.2/dist/lib.0123456789ab.js', 'x'.repeat(60_000)),
    entry('other/lib.js', 'x'.repeat(200_000)),
    entry('small/tiny.js', 'x'),
  );
  const former = (name: string, size: number): string | undefined =>
    new Formers(entries).of({ ...entry(name), size })?.path;
  expect(former('lib-1.3/dist/lib.js', 61_000)).toBe('lib-1.2/dist/lib.js');
  expect(former('lib-1.3/dist/lib.js', 43_000)).toBe('lib-1.1/dist/lib.js');
  expect(former('lib-1.3/dist/lib.ffffffffffff.js', 55_000)).toBe('lib-1.2/dist/lib.0123456789ab.js');
  expect(former('lib-1.3/dist/lib.js', 450_000)).toBeUndefined();
  expect(former('lib-1.3/dist/tiny.js', 9000)).toBeUndefined();
});
