/**
 * A site with hashed names that changes again and again: what is collected by place must be what a fresh collect makes, and
 * that what Django makes.
 */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Collected, collect } from '../../src/collect/collect.js';
import { collectPlaces } from '../../src/collect/collect-places.js';
import { HashedSite } from '../../src/collect/hashed/hashed-site.js';
import type { CollectProject } from '../../src/collect/project.js';
import { DJANGO_RELEASES, type DjangoRelease } from '../../src/core/manifest/rules.js';
import { covers, replaceIn } from '../../src/core/places.js';
import { touchedPlaces } from '../../src/core/touched.js';
import { ManifestError } from '../../src/errors.js';
import { Pacer } from '../../src/fs/pace.js';
import { StateFolder } from '../../src/fs/state.js';
import { DJANGO_VERSIONS, type Django, startDjango } from '../support/django.js';
import type { Edit } from '../support/edit.js';
import { chainOf, collectFreshly, hashedProject } from '../support/hashed-project.js';
import { type Listing, listFolder } from '../support/listing.js';
import {
  EDIT_KINDS,
  type EditKind,
  editSite,
  POSING_KINDS,
  plantSite,
  type RandomSite,
  randomEdits,
  randomSite,
  siteIn,
} from '../support/random-site.js';
import { memoryFolder, plant } from '../support/tree.js';

const stories = fc.record({
  seed: fc.nat(),
  files: fc.integer({ min: 1, max: 30 }),
  edits: fc.integer({ min: 1, max: 12 }),
  django: fc.constantFrom(...DJANGO_RELEASES),
  jsModules: fc.boolean(),
  kinds: fc.constantFrom<readonly EditKind[]>(EDIT_KINDS, [...POSING_KINDS, 'pose', 'edit', 'delete', 'new']),
});

/** In it a file comes where nothing but folders is left. */
const FOLDERS_LEFT = {
  seed: 1608309827,
  files: 17,
  edits: 8,
  django: '4.2',
  jsModules: false,
  kinds: EDIT_KINDS,
} as const;

/** In it a file has the name of what another one is for a moment, in a pass, and then that one changes. */
const FOR_A_MOMENT = {
  seed: 563697287,
  files: 11,
  edits: 3,
  django: '4.2',
  jsModules: false,
  kinds: [...POSING_KINDS, 'pose', 'edit', 'delete', 'new'],
} as const;

describe('a site that changes', () => {
  test('is after every change what a fresh collect makes of it', async () => {
    let byPlace = 0;
    await fc.assert(
      fc.asyncProperty(stories, async ({ seed, files, edits, kinds, ...rules }) => {
        const site = randomSite(seed, { files, flawed: 0.1 });
        const kept = await plantKept(site, rules);
        for (const { edit } of randomEdits(site, seed, edits, kinds)) {
          editSite(kept.folder, edit);
          const before = listFolder(kept.project.root);
          const outcome = await kept.follow(edit);
          if (kept.hasClash()) return; // a folder where a hashed copy is to be: what lies there is not replaced
          const fresh = await collectFreshly(kept.project);
          expect(outcome === 'failed').toBe(fresh === undefined);
          expect(listFolder(kept.project.root)).toEqual(fresh ?? before);
          if (outcome === 'by place') byPlace++;
        }
      }),
      { numRuns: 150, examples: [[FOLDERS_LEFT], [FOR_A_MOMENT]] },
    );
    expect(byPlace).toBeGreaterThan(300);
  });
});

test('old hashed files that are to be kept stay, whatever is collected after them', async () => {
  const folder = await memoryFolder();
  await plant(folder, { 'assets/x/a.css': 'a{b:url(p.png)}', 'assets/x/p.png': 'p' });
  const sources = [{ path: join(folder, 'assets'), prefix: '' }];
  const kept = await keep(folder, hashedProject(sources, join(folder, 'root'), { stale: 'keep' }));
  const first = Object.keys(listFolder(kept.project.root));
  await plant(folder, { 'assets/x/p.png': 'pp' });
  expect(await kept.follow({ write: { 'assets/x/p.png': '' } })).toBe('by place');
  // Our own writing is told of as well.
  expect(await kept.follow({ write: { 'root/x': '' } })).toBe('by place');
  await plant(folder, { 'assets/x/new.png': 'new' });
  expect(await kept.follow({ write: { 'assets/x/new.png': '' } })).toBe('by place');
  expect(Object.keys(listFolder(kept.project.root))).toEqual(expect.arrayContaining(first));
});

test.each([
  ['before it is wanted again', 'removed', ['root', 'assets']],
  ['as it is wanted again', 'removed', ['both']],
  ['with other bytes before it is wanted again', 'rewritten', ['root', 'assets']],
  ['with other bytes as it is wanted again', 'rewritten', ['both']],
] as const)('an old hashed file that was kept and that somebody touched %s is made anew', async (_, how, steps) => {
  const folder = await memoryFolder();
  await plant(folder, { 'assets/a.css': 'a{}' });
  const sources = [{ path: join(folder, 'assets'), prefix: '' }];
  const kept = await keep(folder, hashedProject(sources, join(folder, 'root'), { stale: 'keep' }));
  const before = listFolder(kept.project.root);
  const old = Object.keys(before).find((name) => /^a\.\w{12}\.css$/.test(name)) ?? '';
  await plant(folder, { 'assets/a.css': 'a{color:red}' });
  expect(await kept.follow({ write: { 'assets/a.css': '' } })).toBe('by place');
  expect(Object.keys(listFolder(kept.project.root))).toContain(old);
  for (const step of steps) {
    if (step !== 'assets' && how === 'removed') rmSync(join(kept.project.root, old));
    if (step !== 'assets' && how === 'rewritten') await plant(kept.project.root, { [old]: 'another' });
    if (step !== 'root') await plant(folder, { 'assets/a.css': 'a{}' });
    const places = { root: [`root/${old}`], assets: ['assets/a.css'], both: [`root/${old}`, 'assets/a.css'] }[step];
    expect(await kept.follow({ write: Object.fromEntries(places.map((place) => [place, ''])) })).toBe('by place');
  }
  const { [old]: copy, 'staticfiles.json': manifest } = listFolder(kept.project.root);
  expect([copy, manifest]).toEqual([before[old], before['staticfiles.json']]);
});

test('a change that leaves the manifest as it is leaves its file alone, unless that is gone', async () => {
  const folder = await memoryFolder();
  await plant(folder, { 'assets/a.css': 'a{}' });
  const kept = await keep(folder, hashedProject([{ path: join(folder, 'assets'), prefix: '' }], join(folder, 'root')));
  const manifest = join(kept.project.root, 'staticfiles.json');
  const { ino } = statSync(manifest);
  await plant(folder, { 'assets/a.css': 'a{}' });
  expect(await kept.follow({ write: { 'assets/a.css': '' } })).toBe('by place');
  expect(statSync(manifest).ino).toBe(ino);
  rmSync(manifest);
  expect(await kept.follow({ delete: ['root/staticfiles.json'] })).toBe('by place');
  expect(listFolder(kept.project.root)).toEqual(await collectFreshly(kept.project));
});

describe('a file of a source that has the name of a hashed copy', () => {
  async function sceneOf(content: string) {
    const folder = await memoryFolder();
    await plant(folder, { 'assets/a.css': content, 'assets/b.css': 'b{}' });
    const project = hashedProject([{ path: join(folder, 'assets'), prefix: '' }], join(folder, 'root'));
    const name =
      Object.keys((await collectFreshly(project)) ?? {}).find((path) => /^a\.[0-9a-f]{12}\.css$/.test(path)) ?? '';
    return { folder, project, name };
  }

  test.each([
    ['came and was collected with all', 'as a whole'],
    ['came and was collected by place', 'by place'],
  ])('and %s stays when no copy has that name any more', async (_, how) => {
    const { folder, project, name } = await sceneOf('a{}');
    const kept = await keep(folder, project);
    await plant(folder, { [`assets/${name}`]: 'a{}' });
    const came = how === 'by place' ? { write: { [`assets/${name}`]: '' } } : { write: { assets: '' } };
    expect(await kept.follow(came)).toBe(how);
    expect(listFolder(project.root)).toEqual(await collectFreshly(project));
    for (const content of ['a{color:red}', 'a{}', 'a{color:blue}']) {
      await plant(folder, { 'assets/a.css': content });
      await kept.follow({ write: { 'assets/a.css': '' } });
      expect(listFolder(project.root)).toEqual(await collectFreshly(project));
      await plant(folder, { [`assets/${content.length}.css`]: 'new{}' });
      await kept.follow({ write: { [`assets/${content.length}.css`]: '' } });
      expect(listFolder(project.root)).toEqual(await collectFreshly(project));
    }
  });

  test('and is only copied stays too', async () => {
    const folder = await memoryFolder();
    await plant(folder, { 'assets/a.png': 'a' });
    const project = hashedProject([{ path: join(folder, 'assets'), prefix: '' }], join(folder, 'root'));
    const name = Object.keys((await collectFreshly(project)) ?? {}).find((path) => /^a\.[0-9a-f]{12}\.png$/.test(path));
    const kept = await keep(folder, project);
    await plant(folder, { [`assets/${name}`]: 'a' });
    expect(await kept.follow({ write: { assets: '' } })).toBe('as a whole');
    await plant(folder, { 'assets/new.png': 'new' });
    await kept.follow({ write: { 'assets/new.png': '' } });
    expect(listFolder(project.root)).toEqual(await collectFreshly(project));
  });
});

test('a reference that led nowhere leads to what somebody puts into STATIC_ROOT, as if all were collected', async () => {
  const folder = await memoryFolder();
  await plant(folder, { 'assets/a.css': 'a{b:url(x/theirs.png)}', 'assets/b.css': 'b{}' });
  const project = hashedProject([{ path: join(folder, 'assets'), prefix: '' }], join(folder, 'root'), {
    missing: [{ pattern: '*', then: 'warn' }],
  });
  const kept = await keep(folder, project);
  const contentOf = (): string => {
    const [name = ''] = Object.keys(listFolder(project.root)).filter((path) => /^a\.[0-9a-f]{12}\.css$/.test(path));
    return readFileSync(join(project.root, name), 'utf8');
  };
  await plant(folder, { 'assets/b.css': 'b{c:d}' });
  await kept.follow({ write: { 'assets/b.css': '' } });
  expect(contentOf()).toContain('url(x/theirs.png)');
  for (const theirs of ['theirs', 'theirs, changed']) {
    await plant(folder, { 'root/x/theirs.png': theirs });
    await kept.follow({ write: { 'root/x/theirs.png': '' } });
    const hash = createHash('md5').update(theirs).digest('hex').slice(0, 12);
    expect(contentOf()).toContain(`url("x/theirs.${hash}.png")`);
  }
  rmSync(join(project.root, 'x/theirs.png'));
  await kept.follow({ delete: ['root/x/theirs.png'] });
  expect(contentOf()).toContain('url(x/theirs.png)');
});

test('a chain that is too long in the order in which files are listed now fails as in a fresh collect', async () => {
  const folder = await memoryFolder();
  const chain = chainOf(9);
  await plant(folder, chain);
  const kept = await keep(folder, hashedProject([{ path: join(folder, 'assets'), prefix: '' }], join(folder, 'root')));
  for (const path of Object.keys(chain)) rmSync(join(folder, path));
  await plant(folder, Object.fromEntries(Object.entries(chain).toReversed()));
  const outcome = await kept.follow({ write: chain });
  expect(outcome === 'failed').toBe((await collectFreshly(kept.project)) === undefined);
});

describe.each(DJANGO_VERSIONS)('a site that changes, beside Django %s', (version) => {
  let django: Django;
  beforeAll(() => {
    django = startDjango(version);
  });
  afterAll(() => django.close());

  test('is in the end what collectstatic makes of it', async () => {
    let compared = 0;
    for (let seed = 0; seed < 40; seed++) {
      const site = randomSite(seed, { files: 20 });
      const jsModules = seed % 2 === 0;
      const kept = await plantKept(site, { django: version, jsModules });
      let outcome = '';
      for (const { edit } of randomEdits(site, seed, 6)) {
        editSite(kept.folder, edit);
        outcome = await kept.follow(edit);
      }
      // A file in one source and a folder of that name in another: Django makes of it what the times say, or fails.
      if (kept.hasClash()) continue;
      const theirs = await byDjango(django, site, kept.folder, jsModules);
      expect([seed, outcome === 'failed']).toEqual([seed, theirs === undefined]);
      if (theirs !== undefined) expect(listFolder(kept.project.root), `seed ${seed}`).toEqual(theirs);
      compared++;
    }
    expect(compared).toBeGreaterThan(30);
  });
});

interface Kept {
  readonly folder: string;
  readonly project: CollectProject;
  /** Collects what an edit touched, as a daemon does. */
  follow(edit: Edit): Promise<'by place' | 'as a whole' | 'failed'>;
  /** Whether a path cannot be all that it is to be. */
  hasClash(): boolean;
}

async function plantKept(
  site: RandomSite,
  rules: { readonly django: DjangoRelease; readonly jsModules: boolean },
): Promise<Kept> {
  const folder = await memoryFolder();
  plantSite(site, folder);
  const sources = site.sources.map(({ folder: name, prefix }) => ({
    path: join(folder, name),
    prefix,
    isOptional: true,
  }));
  return keep(folder, hashedProject(sources, join(folder, 'root'), { ...rules, staticUrl: urlOf(site.staticUrl) }));
}

/** Collects, and what changes from then on as a daemon does. */
async function keep(folder: string, project: CollectProject): Promise<Kept> {
  const state = new StateFolder(join(folder, 'state'));
  const options = { state, mode: 'write', force: 'past-guards' } as const;
  const roots = [...project.sources, { path: project.root, prefix: '' }];
  let last: Pick<Collected, 'snapshot' | 'ownership' | 'links'> | undefined;
  let kept: HashedSite | undefined;
  let problems = new Set<string>();
  const all = async () => {
    last = undefined;
    const collected = await collect(project, options);
    last = collected;
    problems = new Set(collected.problems.map(({ path }) => path));
    kept = await HashedSite.load(project, options, new Pacer());
    return 'as a whole' as const;
  };
  const byPlace = async (touched: readonly string[]) => {
    const places = last === undefined ? 'all' : touchedPlaces(roots, last.links, touched);
    if (places === 'all' || last === undefined) return all();
    const { snapshot, ownership, links } = last;
    const known = { entries: snapshot.entries.in(places), ...ownership };
    last = undefined;
    const collected = await collectPlaces(project, places, known, { ...options, site: kept });
    if (collected === undefined) return all();
    const { places: changed } = collected;
    problems = new Set([...problems].filter((path) => !covers(changed, path)));
    for (const { path } of collected.problems) problems.add(path);
    const foreign = ownership.foreign.filter((path) => !covers(changed, path));
    last = {
      snapshot: replaceIn(snapshot, changed, collected.snapshot),
      ownership: { foreign: [...foreign, ...collected.ownership.foreign], folders: collected.ownership.folders },
      links: [...links.filter(({ path }) => !covers(changed, path)), ...collected.links],
    };
    return 'by place' as const;
  };
  const orFailed = async <T>(work: Promise<T>): Promise<T | 'failed'> =>
    work.catch((error: unknown) => {
      if (error instanceof ManifestError) return 'failed' as const;
      throw error;
    });
  await orFailed(all());
  const hasClash = (): boolean => problems.size > 0;
  return {
    folder,
    project,
    hasClash,
    follow: (edit) => orFailed(byPlace(placesIn(edit).map((path) => join(folder, path)))),
  };
}

async function byDjango(
  django: Django,
  site: RandomSite,
  folder: string,
  jsModules: boolean,
): Promise<Listing | undefined> {
  const root = join(folder, 'by-django');
  const storage = jsModules ? ('manifest-js' as const) : ('manifest' as const);
  const { status } = await django.collectstatic({ ...siteIn(site, folder), root, storage });
  return status === 0 ? listFolder(root) : undefined;
}

/** As Django's settings give it. */
function urlOf(staticUrl: string): string {
  return /^(?:https?:\/\/|\/)/.test(staticUrl) ? staticUrl : `/${staticUrl}`;
}

function placesIn({
  rename = {},
  delete: gone = [],
  mkdir = [],
  write = {},
  symlink = {},
  chmod = {},
  mtime = {},
}: Edit) {
  const written = [write, symlink, chmod, mtime].flatMap(Object.keys);
  return [...Object.entries(rename).flat(), ...gone, ...mkdir, ...written];
}
