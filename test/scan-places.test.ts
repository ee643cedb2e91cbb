/** Scanning by place what a sweep found always gives what scanning everything would. */
import { constants } from 'node:fs';
import { chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scanPlaces } from '../src/collect/collect-places.js';
import { scanOnly } from '../src/collect/scan-only.js';
import { type Marks, sweep } from '../src/collect/sweep.js';
import { type Places, placesOf, replaceIn } from '../src/core/places.js';
import type { Snapshot } from '../src/core/snapshot.js';
import { touchedPlaces } from '../src/core/touched.js';
import { SourceError } from '../src/errors.js';
import { Pacer } from '../src/fs/pace.js';
import { StateFolder } from '../src/fs/state.js';
import { path } from './support/entries.js';
import { clockTick, fifo, plant, type Tree, temporaryFolder, symlink as to, withoutRoot } from './support/tree.js';

const { O_WRONLY, O_CREAT, O_TRUNC, O_NONBLOCK } = constants;

interface Site {
  readonly root: string;
  readonly state: StateFolder;
  scanAll(): Promise<Snapshot>;
  scanPlaces(places: Places, known: Snapshot): Promise<Snapshot | undefined>;
}

async function newSite(tree: Tree): Promise<Site> {
  const folder = await temporaryFolder();
  const root = join(folder, 'root');
  await plant(root, tree);
  const state = new StateFolder(join(folder, 'state'));
  return {
    root,
    state,
    scanAll: () => scanOnly(root, { state, mode: 'write', force: 'past-guards' }),
    scanPlaces: async (places, known) => {
      const part = await scanPlaces(root, places, known.entries.in(places), { state, mode: 'write' });
      return part && replaceIn(known, places, part);
    },
  };
}

const aPath = fc
  .array(fc.constantFrom('a', 'b', 'a-b', 'css', '.hidden'), { minLength: 1, maxLength: 3 })
  .map((names) => names.join('/'));
const anEdit = fc.record({
  kind: fc.constantFrom('write', 'write', 'write', 'remove', 'remove', 'move', 'link', 'fifo', 'mode'),
  at: aPath,
  to: aPath,
});

test('scanning by place gives what scanning everything gives, after any sequence of edits', async () => {
  let byPlace = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(anEdit, { minLength: 1, maxLength: 4 }), { maxLength: 5 }), async (rounds) => {
      const site = await newSite({ a: 'a', 'css/a': 'c', 'css/b/a': 'cb', latest: to('css') });
      let snapshot = await site.scanAll();
      let marks: Marks | undefined;
      const look = async (): Promise<readonly string[]> => {
        const swept = await sweep([site.root], [], marks, new Pacer());
        ({ marks } = swept);
        return swept.touched;
      };
      await look();
      for (const edits of rounds) {
        await clockTick(dirname(site.root));
        for (const edit of edits) await carryOut(site.root, edit).catch(() => undefined); // it may be in its own way
        const places = touchedPlaces([{ path: site.root, prefix: '' }], [], await look());
        const part = places === 'all' ? undefined : await site.scanPlaces(places, snapshot);
        if (part !== undefined) byPlace++;
        snapshot = part ?? (await site.scanAll());
      }
      const everything = await site.scanAll();
      expect(snapshot.entries).toEqual(everything.entries);
      expect(problems(snapshot)).toEqual(problems(everything));
    }),
    { numRuns: 200 },
  );
  expect(byPlace).toBeGreaterThan(100);
});

describe('scanning by place', () => {
  test('keeps the published time of what was only touched', async () => {
    const site = await newSite({ a: 'a' });
    const before = await site.scanAll();
    await clockTick(dirname(site.root));
    await writeFile(join(site.root, 'a'), 'a');
    expect((await site.scanPlaces([path('a')], before))?.entries).toEqual(before.entries);
  });

  test('reads a file that has the size and the time that it had', async () => {
    const site = await newSite({ a: 'a' });
    const before = await site.scanAll();
    await writeFile(join(site.root, 'a'), 'A');
    expect((await site.scanPlaces([path('a')], before))?.entries).not.toEqual(before.entries);
  });

  test.each([
    ['very many files came', (root: string) => plant(root, numbered('many', 2001))],
    ['many files are gone', (root: string) => rm(join(root, 'many'), { recursive: true })],
  ])('leaves it to scanning everything where %s', async (_, change) => {
    const site = await newSite({ a: 'a', ...numbered('many', 51) });
    const before = await site.scanAll();
    await change(site.root);
    expect(await site.scanPlaces([path('many')], before)).toBeUndefined();
  });

  test('rejects where STATIC_ROOT is gone, rather than taking all for removed', async () => {
    const site = await newSite({ a: 'a' });
    const before = await site.scanAll();
    await rm(site.root, { recursive: true });
    await expect(site.scanPlaces([path('a')], before)).rejects.toBeInstanceOf(SourceError);
    await writeFile(site.root, '');
    await expect(site.scanPlaces([path('a')], before)).rejects.toBeInstanceOf(SourceError);
  });

  test('takes what cannot be read for unknown, not for removed', async () => {
    const site = await newSite({ 'css/a': 'a', b: 'b' });
    const before = await site.scanAll();
    const after = await withoutRoot(dirname(site.root), async () => {
      await chmod(join(site.root, 'css'), 0);
      const snapshot = await site.scanPlaces([path('css')], before);
      await chmod(join(site.root, 'css'), 0o755);
      return snapshot;
    });
    expect(after && problems(after)).toEqual(['css']);
  });

  test('of several places that a problem stands above tells it once', async () => {
    const site = await newSite({ 'css/a': 'a', 'css/b': 'b', pipe: fifo() });
    const before = await site.scanAll();
    const after = await site.scanPlaces(placesOf(['css/a', 'css/b', 'pipe'].map(path)), before);
    expect(after && problems(after)).toEqual(['pipe']);
  });
});

async function carryOut(root: string, edit: { kind: string; at: string; to: string }): Promise<void> {
  const place = join(root, edit.at);
  if (edit.kind === 'remove') return rm(place, { recursive: true });
  if (edit.kind === 'mode') return chmod(place, 0o600);
  await mkdir(dirname(place), { recursive: true });
  // Whoever opens a FIFO to write waits for somebody who reads.
  if (edit.kind === 'write') return writeFile(place, edit.to, { flag: O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK });
  if (edit.kind === 'link') return symlink(join(root, edit.to), place);
  if (edit.kind === 'fifo') return plant(root, { [edit.at]: fifo() });
  await mkdir(dirname(join(root, edit.to)), { recursive: true });
  return rename(place, join(root, edit.to));
}

function problems(snapshot: Snapshot): string[] {
  return snapshot.problems.map((each) => each.path).toSorted();
}

function numbered(folder: string, count: number): Tree {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`${folder}/n${i}`, `${i}`]));
}
