import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { changedOrder, foundOrder, sourceOrder } from '../src/collect/hashed/found-order.js';
import { listSources } from '../src/collect/sources.js';
import type { Places } from '../src/core/places.js';
import { Pacer } from '../src/fs/pace.js';
import { path } from './support/entries.js';
import { plant, temporaryFolder } from './support/tree.js';

/** A folder with these sources, listed as a whole and by place. */
async function makeSources(sources: Readonly<Record<string, Readonly<Record<string, string>>>>) {
  const folder = await temporaryFolder();
  for (const [name, tree] of Object.entries(sources)) await plant(join(folder, name), tree);
  const project = {
    sources: Object.keys(sources).map((name) => ({ path: join(folder, name), prefix: '' })),
    ignore: [],
    root: join(folder, 'static'),
  };
  const list = (places?: Places) => listSources(project, new Pacer(), places === undefined ? {} : { places });
  return { folder, list };
}

test('of a source that has nothing in a place is the same after a change there', async () => {
  const { folder, list } = await makeSources({
    assets: { 'css/a.css': 'a', 'css/b.css': 'b' },
    admin: { 'js/c.js': 'c' },
  });
  const orders = (await list()).map(sourceOrder);
  await writeFile(join(folder, 'assets/css/a.css'), 'changed');
  const places = [path('css/a.css')];
  const part = await list(places);
  expect(part).toHaveLength(orders.length);
  for (const [at, order] of orders.entries())
    expect(changedOrder(order, part[at] ?? expect.unreachable(), places)).toBe(order);
});

test('is that of all, after a folder came or went', async () => {
  const { folder, list } = await makeSources({
    assets: { 'css/a.css': 'a', 'css/b.css': 'b' },
    admin: { 'js/c.js': 'c' },
  });
  const orders = (await list()).map(sourceOrder);
  await rename(join(folder, 'assets/css'), join(folder, 'admin/css'));
  const places = [path('css')];
  const part = await list(places);
  const changed = orders.map((order, at) => changedOrder(order, part[at] ?? expect.unreachable(), places));
  expect([...foundOrder(changed)]).toEqual([...foundOrder((await list()).map(sourceOrder))]);
});
