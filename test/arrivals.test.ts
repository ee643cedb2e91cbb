import { expect, it } from 'vitest';
import { Arrivals } from '../src/collect/thread/arrivals.js';
import type { Entry } from '../src/core/entry.js';
import { Pacer } from '../src/fs/pace.js';
import { entry, path as pathOf } from './support/entries.js';

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
  arrivals.add([entry('a'), entry('d')], 'later');
  arrivals.add([entry('e')], 'hardly');
  arrivals.add([entry('c')]);
  arrivals.end();
  expect(await pathsOf(arrivals)).toEqual(['b', 'c']);
  expect([...(await arrivals.table(new Pacer()))].map(({ path }) => path)).toEqual(['a', 'b', 'c', 'd', 'e']);
});

it('puts all that came in the order of a snapshot', async () => {
  const arrivals = new Arrivals();
  arrivals.add([entry('b'), entry('c')]);
  arrivals.add([entry('a')]);
  expect([...(await arrivals.table(new Pacer()))].map(({ path }) => path)).toEqual(['a', 'b', 'c']);
});

it('gives all of very many, most of them packed, whatever the order in which they come', async () => {
  const arrivals = new Arrivals();
  const [one, batches, size] = [entry('one'), 100, 1500];
  const entriesOf = (batch: number): Entry[] =>
    Array.from({ length: size }, (_, at) => ({
      ...one,
      path: pathOf(`folder-${1000 + batch}/file-${1000 + at}`),
      size: batch,
    }));
  const odd = [3, 50, 51, 98];
  for (let batch = 0; batch < batches; batch++) {
    if (!odd.includes(batch)) arrivals.add(entriesOf(batch), batch < 2 ? 'now' : 'hardly');
  }
  for (const batch of odd) arrivals.add(entriesOf(batch).toReversed(), batch === 3 ? 'later' : 'hardly');
  arrivals.end();
  const table = await arrivals.table(new Pacer());
  expect(table.length).toBe(batches * size);
  const inOrder = Array.from({ length: batches }, (_, batch) => entriesOf(batch)).flat();
  expect([...table]).toEqual(inOrder);
  expect(table.find(pathOf('folder-1098/file-2000'))).toMatchObject({ size: 98 });
});

async function pathsOf(arrivals: AsyncIterable<readonly Entry[]>): Promise<string[]> {
  const paths: string[] = [];
  for await (const batch of arrivals) paths.push(...batch.map(({ path }) => path));
  return paths;
}
