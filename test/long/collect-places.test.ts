/** Collecting by place always gives what collecting everything would: the same STATIC_ROOT, snapshot and memory. */
import { mkdir, realpath, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Collected, collect } from '../../src/collect/collect.js';
import { collectPlaces } from '../../src/collect/collect-places.js';
import { recall } from '../../src/collect/memory.js';
import type { CollectProject } from '../../src/collect/project.js';
import type { Entry } from '../../src/core/entry.js';
import { covers, replaceIn } from '../../src/core/places.js';
import { isWithin } from '../../src/core/relpath.js';
import type { Snapshot } from '../../src/core/snapshot.js';
import { touchedPlaces } from '../../src/core/touched.js';
import { StateFolder } from '../../src/fs/state.js';
import { path } from '../support/entries.js';
import { plant, readTree, type Tree, temporaryFolder } from '../support/tree.js';

const NAMES = ['a', 'b', 'a-b', 'css', '.hidden'];
const SOURCES = ['one', 'two'] as const;

type Edit =
  | { readonly kind: 'write'; readonly source: 'one' | 'two' | 'root'; readonly at: string; readonly text: string }
  | { readonly kind: 'remove'; readonly source: 'one' | 'two' | 'root'; readonly at: string }
  | { readonly kind: 'move'; readonly source: 'one' | 'two'; readonly at: string; readonly to: string }
  | { readonly kind: 'link'; readonly source: 'one' | 'two'; readonly at: string; readonly to: string };

/** What could not be put because of a file of somebody else's, and is then wanted no more. */
const OBSTRUCTED_THEN_GONE: Edit[][] = [
  [
    { kind: 'remove', source: 'root', at: 'css' },
    { kind: 'write', source: 'root', at: 'css', text: '' },
  ],
  [
    { kind: 'move', source: 'one', at: 'a', to: '.hidden' },
    { kind: 'move', source: 'one', at: 'css', to: 'a' },
  ],
];

/** A link leads to one in a folder that is ignored, and that to a file that comes later. */
const BY_WAY_OF_THE_HIDDEN: Edit[][] = [
  [{ kind: 'link', source: 'two', at: '.hidden/css/a', to: 'a' }],
  [
    { kind: 'link', source: 'two', at: 'a', to: '.hidden/css/a' },
    { kind: 'move', source: 'two', at: 'a', to: 'a-b/a' },
    { kind: 'remove', source: 'one', at: 'a' },
  ],
  [{ kind: 'write', source: 'two', at: 'a', text: '' }],
];

const aPath = fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
const aSource = fc.constantFrom(...SOURCES);
const anywhere = fc.constantFrom(...SOURCES, 'root' as const);
const anEdit: fc.Arbitrary<Edit> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      source: anywhere,
      at: aPath,
      text: fc.constantFrom('', 'x', 'yy'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove' as const), source: anywhere, at: aPath }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('move' as const), source: aSource, at: aPath, to: aPath }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('link' as const), source: aSource, at: aPath, to: aPath }) },
);

describe('collecting by place', () => {
  test('gives what collecting everything gives, after any sequence of edits on any side', async () => {
    let byPlace = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(anEdit, { minLength: 1, maxLength: 4 }), { maxLength: 5 }), async (rounds) => {
        const site = await newSite({ one: { a: 'a', 'css/a': 'c' }, two: { 'pre/a': 'shadowed', b: 'b' } });
        for (const edits of rounds) {
          const touched: string[] = [];
          for (const edit of edits) touched.push(...(await site.edit(edit)));
          if (await site.collectPlaces(touched)) byPlace++;
        }
        const { snapshot } = site;
        const tree = await readTree(site.project.root);
        const everything = await site.collectAll();
        expect([...snapshot.entries].map(withoutTime)).toEqual([...everything.snapshot.entries].map(withoutTime));
        expect(pathsOf(snapshot.problems)).toEqual(pathsOf(everything.snapshot.problems));
        expect(everything).toMatchObject({ copied: [], removed: [] });
        expect(await readTree(site.project.root)).toEqual(tree);
      }),
      { numRuns: 200, examples: [[OBSTRUCTED_THEN_GONE], [BY_WAY_OF_THE_HIDDEN]] },
    );
    expect(byPlace).toBeGreaterThan(100);
  });

  test('keeps the published time of a file that was only touched', async () => {
    const site = await newSite({ one: { a: 'a' }, two: {} });
    const [before] = site.snapshot.entries;
    await utimes(join(site.project.sources[0]?.path ?? '', 'a'), 1, 1);
    expect(await site.collectPlaces([join(site.project.sources[0]?.path ?? '', 'a')])).toBe(true);
    expect([...site.snapshot.entries]).toEqual([before]);
  });

  test.each([
    ['very many files changed', (one: string) => plant(one, Object.fromEntries(numbered(2001)))],
    ['many files are gone', (one: string) => rm(join(one, 'many'), { recursive: true })],
    ['a file stands in the way to it', (one: string) => plant(join(one, '..'), { 'two/a': 'a' })],
  ])('leaves it to collecting everything where %s, and changes nothing', async (_, change) => {
    const many = Object.fromEntries(numbered(51).map(([name, text]) => [`many/${name}`, text]));
    const site = await newSite({ one: { 'css/a/b': 'b', ...many }, two: {} });
    const one = site.project.sources[0]?.path ?? '';
    await change(one);
    const tree = await readTree(site.project.root);
    const known = { entries: [...site.snapshot.entries], foreign: [], folders: [] };
    const places = [path('css/a/b'), path('many'), ...numbered(2001).map(([name]) => path(name))].toSorted();
    const collected = await collectPlaces(site.project, places, known, { state: site.state, mode: 'write' });
    expect(collected).toBeUndefined();
    expect(await readTree(site.project.root)).toEqual(tree);
  });
});

function numbered(count: number): [name: string, text: string][] {
  return Array.from({ length: count }, (_, i) => [`n${i}`, `${i}`]);
}

/** A file of STATIC_ROOT that somebody changed and that was brought back may have got a new time. */
function withoutTime(entry: Entry): Entry {
  return { ...entry, mtime: 0 };
}

function pathsOf(problems: readonly { readonly path: string }[]): string[] {
  return problems.map((problem) => problem.path).toSorted();
}

interface Site {
  readonly project: CollectProject;
  readonly state: StateFolder;
  readonly snapshot: Snapshot;
  /** Carries it out, where it can be, and answers with the places that it touched. */
  edit(edit: Edit): Promise<string[]>;
  /** Whether the places could be collected by themselves. */
  collectPlaces(touched: readonly string[]): Promise<boolean>;
  collectAll(): Promise<Collected>;
}

async function newSite(trees: Readonly<Record<'one' | 'two', Tree>>): Promise<Site> {
  const folder = await realpath(await temporaryFolder());
  const state = new StateFolder(join(folder, 'state'));
  for (const [name, tree] of Object.entries(trees)) await plant(join(folder, name), tree);
  await mkdir(join(folder, 'two'), { recursive: true });
  const project: CollectProject = {
    sources: [
      { path: join(folder, 'one'), prefix: '' },
      { path: join(folder, 'two'), prefix: 'css' },
    ],
    ignore: ['.*'],
    root: join(folder, 'root'),
    permissions: { file: null, dir: null },
  };
  const all = () => collect(project, { state, mode: 'write', force: 'past-guards' });
  const roots = [...project.sources, { path: project.root, prefix: '' }];
  let { snapshot, ownership, links } = await all();
  return {
    project,
    state,
    get snapshot() {
      return snapshot;
    },
    edit: (edit) => carryOut(folder, edit),
    collectPlaces: async (touched) => {
      const places = touchedPlaces(roots, links, touched);
      if (places === 'all') throw new Error('no root was touched');
      const foreign = ownership.foreign.filter((each) => places.some((place) => isWithin(each, place)));
      const known = { entries: snapshot.entries.in(places), foreign, folders: ownership.folders };
      const collected = await collectPlaces(project, places, known, { state, mode: 'write', force: 'past-guards' });
      if (collected === undefined) {
        ({ snapshot, ownership, links } = await all());
        return false;
      }
      snapshot = replaceIn(snapshot, places, collected.snapshot);
      const elsewhere = ownership.foreign.filter((each) => !places.some((place) => isWithin(each, place)));
      links = [...links.filter((link) => !covers(places, link.path)), ...collected.links];
      ownership = { foreign: [...elsewhere, ...collected.ownership.foreign], folders: collected.ownership.folders };
      return true;
    },
    collectAll: async () => {
      const before = await recall(state);
      const collected = await all();
      expect((await recall(state)).files).toEqual(before.files);
      return collected;
    },
  };
}

/** The kernel tells of a change where it happened, whatever link it was reached by. */
async function carryOut(folder: string, edit: Edit): Promise<string[]> {
  const place = join(folder, edit.source, edit.at);
  const made = await makeFolder(dirname(place));
  try {
    switch (edit.kind) {
      case 'write':
        await writeFile(place, edit.text);
        if (edit.text === '') await utimes(place, 1, 1); // a fresh one would be waited for
        return [...made, await realpath(place), await really(place)];
      case 'remove': {
        const real = await really(place);
        await rm(place, { recursive: true });
        return [...made, real];
      }
      case 'move': {
        const to = join(folder, edit.source, edit.to);
        made.push(...(await makeFolder(dirname(to))));
        const real = [...made, await really(place), await really(to)];
        await rename(place, to);
        return real;
      }
      case 'link':
        await symlink(join(folder, edit.source, edit.to), place);
        return [...made, await really(place)];
    }
  } catch {
    return made;
  }
}

async function makeFolder(place: string): Promise<string[]> {
  const first = await mkdir(place, { recursive: true }).catch(() => undefined);
  return first === undefined ? [] : [await realpath(first)];
}

async function really(place: string): Promise<string> {
  return join(await realpath(dirname(place)), basename(place));
}
