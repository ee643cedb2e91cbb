import { expect, it } from 'vitest';
import { sorting } from '../../src/core/sorting.js';
import { atOnce } from '../../src/core/work.js';

interface Item {
  readonly key: number;
  readonly at: number;
}

const byKey = (a: Item, b: Item): number => a.key - b.key;

it.each([0, 1, 2, 2047, 2048, 2049, 4096, 6144, 10_000])('sorts %i items as sort does', (length) => {
  const items = Array.from({ length }, (_, at): Item => ({ key: (at * 7919) % 100, at }));
  const before = [...items];
  expect(atOnce(sorting(items, byKey))).toEqual(items.toSorted(byKey)); // equal ones in their order
  expect(items).toEqual(before);
});
