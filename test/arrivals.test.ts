import { expect, it } from 'vitest';
import { Arrivals } from '../src/collect/thread/arrivals.js';
import type { Entry } from '../src/core/entry.js';
import { Pacer } from '../src/fs/pace.js';
import { entry } from './support/entries.js';

it('gives every reader all batches, those that came before it and those to come', async () => {
  const arrivals = new Arrivals();
  arrivals.add([entry('a')]);
  const early = pathsOf(arrivals);
  arrivals.add([entry('c'), entry('b')]);
  const late = pathsOf(arrivals);
  arrivals.end();
  expect(await Promise.all([early, late, pathsOf(arrivals)])).toEqual([
    ['a', 'c', 'b'],
    ['a', 'c', 'b'],
    ['a', 'c', 'b'],
  ]);
});

it('keeps to itself what is for later, until all is there', async () => {
  const arrivals = new Arrivals();
  arrivals.add([entry('b')]);
  arrivals.addForLater([entry('a'), entry('d')]);
  arrivals.add([entry('c')]);
  arrivals.end();
  expect(await pathsOf(arrivals)).toEqual(['b', 'c']);
  expect((await arrivals.sorted(new Pacer())).map(({ path }) => path)).toEqual(['a', 'b', 'c', 'd']);
});

it('puts all that came in the order of a snapshot', async () => {
  const arrivals = new Arrivals();
  arrivals.add([entry('b'), entry('c')]);
  arrivals.add([entry('a')]);
  expect((await arrivals.sorted(new Pacer())).map(({ path }) => path)).toEqual(['a', 'b', 'c']);
});

async function pathsOf(arrivals: AsyncIterable<readonly Entry[]>): Promise<string[]> {
  const paths: string[] = [];
  for await (const batch of arrivals) paths.push(...batch.map(({ path }) => path));
  return paths;
}
