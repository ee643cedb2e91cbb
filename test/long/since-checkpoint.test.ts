/** A run that only looks what has changed since the one before: it must leave what a run over all of it leaves. */
import { statSync } from 'node:fs';
import { rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collect } from '../../src/collect/collect.js';
import { collectPlaces } from '../../src/collect/collect-places.js';
import { HashedSite } from '../../src/collect/hashed/hashed-site.js';
import type { StoredHashedSite } from '../../src/collect/hashed/stored-site.js';
import { MarkTaker } from '../../src/collect/marks.js';
import { recall } from '../../src/collect/memory.js';
import type { CollectProject } from '../../src/collect/project.js';
import { recallSite } from '../../src/collect/since/checkpoint.js';
import { collectHashedSince } from '../../src/collect/since/collect-since.js';
import { collectSinceCheckpoint } from '../../src/collect/since/since-checkpoint.js';
import { recallMarks } from '../../src/collect/since/stored-marks.js';
import { countKey, listSources } from '../../src/collect/sources.js';
import { lookAgain, placesIn } from '../../src/collect/sweep.js';
import { LocalThread, wholeOf } from '../../src/collect/thread/in-thread.js';
import { newTurn } from '../../src/collect/thread/turn.js';
import { DJANGO_RELEASES, NEWEST_DJANGO } from '../../src/core/manifest/rules.js';
import type { RelPath } from '../../src/core/relpath.js';
import { ManifestError } from '../../src/errors.js';
import { Pacer } from '../../src/fs/pace.js';
import { StateFolder } from '../../src/fs/state.js';
import { atRest } from '../support/at-rest.js';
import { chanceOf } from '../support/chance.js';
import { chainOf, collectFreshly, type HashedSettings, hashedProject } from '../support/hashed-project.js';
import { listFolder } from '../support/listing.js';
import { EDIT_KINDS, type EditKind, editSite, plantSite, randomEdits, randomSite } from '../support/random-site.js';
import { memoryFolder, plant } from '../support/tree.js';

const THREAD = new URL('../../dist/cli/thread.cjs', import.meta.url);
/** What is only a change of contents: most of a story, for all else is collected as a whole. */
const CONTENTS: readonly EditKind[] = ['edit', 'edit older', 'edit in disguise', 'touch'];

let thread: LocalThread;
beforeAll(() => {
  thread = new LocalThread(THREAD);
});
afterAll(() => thread.end());

const stories = fc.record({
  seed: fc.nat(),
  files: fc.integer({ min: 1, max: 30 }),
  kinds: fc.constantFrom(CONTENTS, [...CONTENTS, ...EDIT_KINDS]),
  isLenient: fc.boolean(),
  django: fc.constantFrom(...DJANGO_RELEASES),
});

/** A folder of STATIC_ROOT is removed, and so is the source of what was in it. */
const FOLDER_GONE_WITH_ITS_SOURCE = {
  seed: 1_248_478_764,
  files: 10,
  kinds: [...CONTENTS, ...EDIT_KINDS],
  isLenient: false,
  django: '4.2',
} as const;

describe('a run that looks what has changed', () => {
  test('leaves what a run over all of it leaves, after every change', async () => {
    let quick = 0;
    await fc.assert(
      fc.asyncProperty(stories, async ({ seed, files, kinds, isLenient, django }) => {
        const site = randomSite(seed, { files, flawed: isLenient ? 0.3 : 0.05 });
        const missing = isLenient ? [{ pattern: '*', then: 'warn' } as const] : [];
        const folder = await memoryFolder();
        plantSite(site, folder);
        if (seed % 2 === 0) await atRest(folder);
        const sources = site.sources.map(({ folder: name, prefix }) => ({
          path: join(folder, name),
          prefix,
          isOptional: true,
        }));
        const kept = siteIn(folder, { sources, django, missing, staticUrl: site.staticUrl });
        await kept.run();
        const chance = chanceOf(seed);
        for (const { edit } of randomEdits(site, seed, 8, kinds)) {
          editSite(folder, edit);
          const there = Object.keys(listFolder(kept.project.root));
          if (there.length > 0 && chance.happens(0.2))
            await rm(join(kept.project.root, chance.pick(there)), { recursive: true });
          const before = listFolder(kept.project.root);
          const how = await (chance.happens(0.2) ? kept.sync() : kept.run());
          const fresh = await collectFreshly(kept.project);
          expect(listFolder(kept.project.root)).toEqual(fresh ?? before);
          if (how === 'quick') quick++;
        }
      }),
      { numRuns: 60, examples: [[FOLDER_GONE_WITH_ITS_SOURCE]] },
    );
    expect(quick).toBeGreaterThan(100);
  });

  test('follows what a style sheet refers to that also refers to nothing', async () => {
    const folder = await memoryFolder();
    const style = '.a{background:url(a.png)} .b{background:url(missing.png)}';
    await plant(folder, { 'assets/f.css': style, 'assets/a.png': 'a' });
    const kept = siteIn(folder, { missing: [{ pattern: '*', then: 'warn' }] });
    await kept.run();
    await plant(folder, { 'assets/a.png': 'another' });
    expect(await kept.run()).toBe('quick');
    expect(listFolder(kept.project.root)).toEqual(await collectFreshly(kept.project));
  });

  test.each(['constructor', '__proto__'])('knows which source has a folder called %s', async (name) => {
    const folder = await memoryFolder();
    await plant(folder, { [`one/${name}/a.css`]: 'a{}', 'two/b.css': 'b{}' });
    const sources = ['one', 'two'].map((each) => ({ path: join(folder, each), prefix: '' }));
    const kept = siteIn(folder, { sources });
    await kept.run();
    await plant(folder, { [`one/${name}/a.css`]: 'a{color:red}' });
    expect(await kept.run()).toBe('quick');
    expect(listFolder(kept.project.root)).toEqual(await collectFreshly(kept.project));
  });

  test('that is given up before it begins is told so, and nothing else', async () => {
    const folder = await memoryFolder();
    await plant(folder, { 'assets/a.css': 'a{}' });
    const kept = siteIn(folder);
    await kept.run();
    await expect(kept.run(AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
    expect(await kept.run()).toBe('quick');
  });

  test('finds what is different between two looks at one folder that is listed twice', async () => {
    const folder = await memoryFolder();
    const path = join(folder, 'assets');
    await plant(folder, { 'assets/a.css': 'a{}', 'assets/gone.png': 'x', 'more/new.png': 'y' });
    const sources = ['one', 'two'].map((prefix) => ({ path, prefix }));
    const project = hashedProject(sources, join(folder, 'root'));
    const marks = new MarkTaker();
    await listSources({ ...project, sources: sources.slice(0, 1) }, new Pacer(), { marks });
    await rm(join(path, 'gone.png'));
    await rename(join(folder, 'more'), join(path, 'more'));
    await listSources({ ...project, sources: sources.slice(1) }, new Pacer(), { marks });
    const changes = await lookAgain([{ marks: marks.all(), ignore: project.ignore }], newTurn(), new Pacer());
    expect(placesIn(changes)).toContain(path);
  });

  test('finds what somebody did to STATIC_ROOT', async () => {
    const folder = await memoryFolder();
    await plant(folder, { 'assets/x/a.css': 'a{background:url(p.png)}', 'assets/x/p.png': 'p', 'assets/x/q.png': 'q' });
    const kept = siteIn(folder);
    await kept.run();
    const before = listFolder(kept.project.root);
    const names = Object.keys(before);
    const hashed = (start: string): string =>
      join(kept.project.root, names.find((name) => name.startsWith(start)) ?? '');
    await writeFile(hashed('x/a.'), 'b{}');
    await rm(hashed('x/p.'));
    await writeFile(join(kept.project.root, 'x/q.png'), 'Q');
    expect(await kept.run()).toBe('quick');
    expect(listFolder(kept.project.root)).toEqual(before);
  });

  test('puts back what a run since the checkpoint had put, and somebody removed', async () => {
    const folder = await memoryFolder();
    await plant(folder, { 'assets/x/p.png': 'p', 'assets/q.png': 'q' });
    const kept = siteIn(folder);
    await kept.run();
    await plant(folder, { 'assets/x/p.png': 'pp' });
    expect(await kept.run()).toBe('quick');
    const before = listFolder(kept.project.root);
    const hashed = Object.keys(before).find((name) => /^x.p\.[0-9a-f]+\./.test(name)) ?? '';
    for (const name of [hashed, 'x/p.png']) {
      await rm(join(kept.project.root, name));
      expect(await kept.run()).toBe('quick');
      expect(listFolder(kept.project.root)).toEqual(before);
    }
  });

  test.each(['came', 'went'] as const)(
    'is none where a daemon took up that a file %s, and it is undone',
    async (way) => {
      const folder = await memoryFolder();
      await plant(folder, { 'assets/a.css': 'a{}', 'assets/z.css': 'z{}', 'assets/went.css': 'b{}' });
      const kept = siteIn(folder);
      await kept.run();
      const turns = {
        came: () => plant(folder, { 'assets/came.css': 'b{}' }),
        went: () => rm(join(folder, 'assets/went.css')),
      };
      await kept.byPlace(`${way}.css`, turns[way]);
      await (way === 'came' ? rm(join(folder, 'assets/came.css')) : plant(folder, { 'assets/went.css': 'b{}' }));
      expect(await kept.run()).toBe('whole');
      expect(listFolder(kept.project.root)).toEqual(await collectFreshly(kept.project));
    },
  );

  test('is none where a daemon took up another order of files, and it is undone', async () => {
    const folder = await memoryFolder();
    await plant(folder, { 'one/z.css': 'z{}', 'two/a.css': 'a{}', 'two/z.css': 'other{}' });
    const sources = ['one', 'two'].map((name) => ({ path: join(folder, name), prefix: '' }));
    const kept = siteIn(folder, { sources, django: '5.2' }); // whose manifest is in the order in which files are found
    await kept.run();
    await kept.byPlace('a.css', () => plant(folder, { 'one/a.css': 'b{}' }));
    await rm(join(folder, 'one/a.css'));
    expect(await kept.run()).toBe('whole');
    expect(listFolder(kept.project.root)).toEqual(await collectFreshly(kept.project));
  });

  test.each<[what: string, change: (folder: string) => Promise<unknown>]>([
    ['a file came', (folder) => plant(folder, { 'assets/x/new.css': 'n{background:url(p.png)}' })],
    ['a file came that is asked for', (folder) => plant(folder, { 'assets/x/missing.png': 'm' })],
    ['a file went', (folder) => rm(join(folder, 'assets/x/q.png'))],
    ['a file went from the top', (folder) => rm(join(folder, 'assets/top.css'))],
    ['a folder came', (folder) => plant(folder, { 'assets/y/z/new.css': 'n{}', 'assets/y/1.png': '1' })],
    ['a folder went', (folder) => rm(join(folder, 'assets/x/deep'), { recursive: true })],
    ['a file got another name', (folder) => rename(join(folder, 'assets/x/q.png'), join(folder, 'assets/x/r.png'))],
    ['a file is hidden by one that came', (folder) => plant(folder, { 'first/x/p.png': 'first' })],
    ['a file came, and another changed', (folder) => plant(folder, { 'assets/x/1.png': '1', 'assets/x/p.png': 'pp' })],
  ])('is quick where %s, and so are those after it', async (_, change) => {
    const folder = await memoryFolder();
    await plant(folder, {
      'first/keep.png': 'k',
      'assets/top.css': '.t{background:url(x/p.png)}',
      'assets/x/a.css': 'a{background:url(p.png)} .b{background:url(missing.png)}',
      'assets/x/p.png': 'p',
      'assets/x/q.png': 'q',
      'assets/x/deep/1.css': '.d{background:url(../p.png)}',
    });
    const sources = ['first', 'assets'].map((name) => ({ path: join(folder, name), prefix: '' }));
    const kept = siteIn(folder, { sources, missing: [{ pattern: '*', then: 'warn' }] });
    await kept.run();
    const steps = [
      () => change(folder),
      () => Promise.resolve(),
      () => plant(folder, { 'assets/x/a.css': 'c{background:url(p.png)}' }),
      () => plant(folder, { 'assets/x/p.png': 'another' }),
      () => plant(folder, { 'first/more.css': '.m{background:url(x/p.png)}' }),
      () => rm(join(folder, 'assets/x/p.png')),
      () => plant(folder, { 'assets/x/p.png': 'back' }),
    ];
    for (const step of steps) {
      await step();
      expect(await kept.run()).toBe('quick');
      expect(listFolder(kept.project.root)).toEqual(await collectFreshly(kept.project));
    }
    await kept.sync();
    expect(listFolder(kept.project.root)).toEqual(await collectFreshly(kept.project));
  });

  test('counts what each source has, as a run over all of it does', async () => {
    const folder = await memoryFolder();
    const files = (source: string) =>
      Array.from({ length: 6 }, (_, at) => [`${source}/x/${at}.png`, `${source} ${at}`]);
    await plant(folder, Object.fromEntries([...files('one'), ...files('two')]));
    const sources = ['one', 'two', 'three'].map((name) => ({ path: join(folder, name), prefix: '', isOptional: true }));
    await atRest(folder);
    const kept = siteIn(folder, { sources });
    await kept.run();
    const steps = [
      () => rm(join(folder, 'two/x/1.png')), // hidden by the first
      () => plant(folder, { 'two/x/own.png': 'own', 'one/x/more.png': 'more' }),
      () => rm(join(folder, 'two/x/own.png')),
      () => rm(join(folder, 'one/x/2.png')), // then the other one has it
      () => plant(folder, { 'one/x/2.png': 'back', 'two/x/1.png': 'back' }), // both have what the other one has
      () => plant(folder, { 'one/x/0.png': 'another', 'two/x/new.png': 'new' }),
      () => rm(join(folder, 'one/x/0.png')).then(() => rm(join(folder, 'two/x/0.png'))),
      () => plant(folder, { 'two/x/4.png': 'edited' }),
      () => rename(join(folder, 'two/x/4.png'), join(folder, 'one/x/moved.png')),
      () => rm(join(folder, 'two/x/new.png')),
      () => plant(folder, { 'two/x/new.png': 'again' }),
      () => rm(join(folder, 'two/x/new.png')),
    ];
    for (const [at, step] of steps.entries()) {
      await step();
      expect([at, await kept.run()]).toEqual([at, 'quick']);
      const { sources: counted } = await recall(kept.state);
      const had = sources.map(({ path, prefix }) => counted.get(countKey({ path, prefix })));
      expect([at, ...had]).toEqual([at, ...sources.map(({ path }) => filesIn(path))]);
    }
  });

  test.each(['one', 'two'])(
    'is none where source %s has nothing any more, and the other has all that it had',
    async (name) => {
      const folder = await memoryFolder();
      const files = Array.from({ length: 3 }, (_, at) => [`one/x/${at}.png`, `two/x/${at}.png`]).flat();
      await plant(folder, Object.fromEntries(files.map((path) => [path, path])));
      await atRest(folder);
      const sources = ['one', 'two'].map((each) => ({ path: join(folder, each), prefix: '' }));
      const kept = siteIn(folder, { sources });
      await kept.run();
      for (const at of [0, 1, 2]) {
        await rm(join(folder, name, `x/${at}.png`));
        expect(await kept.run()).toBe(at < 2 ? 'quick' : 'whole'); // which asks the guard
      }
    },
  );

  test('is none where another one collected all while it was waiting', async () => {
    const folder = await memoryFolder();
    await plant(folder, { 'assets/x/a.css': 'a{background:url(p.png)}', 'assets/x/p.png': 'p' });
    const kept = siteIn(folder);
    const { project, state } = kept;
    await kept.run();
    const site = await recallSite(project, 'leave', state);
    await plant(folder, { 'assets/x/1.png': '1', 'assets/x/2.png': '2' });
    await kept.sync();
    const options = { state, checkpoint: 'leave', mode: 'write' } as const;
    const left = { site: site as StoredHashedSite, memory: () => recall(state) };
    expect(await collectHashedSince(project, [join(folder, 'assets/x/1.png')], left, options)).toBeUndefined();
    await kept.run();
    expect(listFolder(project.root)).toEqual(await collectFreshly(project));
  });

  test('is quick where one of thousands in a folder went, from its source or from STATIC_ROOT', async () => {
    const folder = await memoryFolder();
    const icons = Array.from({ length: 2500 }, (_, at) => [`assets/icons/${at}.svg`, `icon ${at}`]);
    await plant(folder, { ...Object.fromEntries(icons), 'assets/a.css': 'a{background:url(icons/7.svg)}' });
    await atRest(folder);
    const kept = siteIn(folder);
    await kept.run();
    for (const gone of ['assets/icons/8.svg', 'root/icons/9.svg', 'assets/icons/10.svg']) {
      await rm(join(folder, gone));
      expect(await kept.run()).toBe('quick');
      expect(listFolder(kept.project.root)).toEqual(await collectFreshly(kept.project));
    }
  });

  test.each([['site'], ['site', 'checkpoint']])(
    'looks at all where a run was killed that had put a file that came, and what it had to leave is the old one: %s',
    async (...names) => {
      const folder = await memoryFolder();
      await plant(folder, { 'assets/x/a.css': 'a{background:url(p.png)}', 'assets/x/p.png': 'p' });
      const kept = siteIn(folder);
      await kept.run();
      const before = await Promise.all(names.map((name) => kept.state.read(name)));
      await plant(folder, { 'assets/x/new.png': 'n' });
      expect(await kept.run()).toBe('quick');
      for (const [at, name] of names.entries()) await kept.state.write(name, before[at] ?? '');
      await plant(folder, { 'assets/x/p.png': 'pp' });
      expect(await kept.run()).toBe('whole');
      expect(listFolder(kept.project.root)).toEqual(await collectFreshly(kept.project));
      await plant(folder, { 'assets/x/more.png': 'more' });
      expect(await kept.run()).toBe('quick');
      expect(listFolder(kept.project.root)).toEqual(await collectFreshly(kept.project));
    },
  );

  test('looks at all after a link came, and finds what lies behind it', async () => {
    const folder = await memoryFolder();
    await plant(folder, { 'assets/x/a.css': 'a{}', 'elsewhere/b.css': 'b{}' });
    const kept = siteIn(folder);
    await kept.run();
    await symlink(join(folder, 'elsewhere'), join(folder, 'assets/x/linked'));
    await kept.run();
    expect(listFolder(kept.project.root)).toEqual(await collectFreshly(kept.project));
    for (const content of ['b{color:red}', 'b{color:blue}']) {
      await plant(folder, { 'elsewhere/b.css': content });
      await kept.run();
      expect(listFolder(kept.project.root)).toEqual(await collectFreshly(kept.project));
    }
  });

  test('leaves nothing of what the passes made on their way before the change, where that is kept', async () => {
    const folder = await memoryFolder();
    await plant(folder, { 'assets/a.css': 'a{b:url(p.png)}', 'assets/p.png': 'p' });
    const kept = siteIn(folder, { keepIntermediateFiles: true });
    await kept.run();
    await plant(folder, { 'assets/a.css': 'a{c:url(p.png)}' });
    await kept.run();
    expect(listFolder(kept.project.root)).toEqual(await collectFreshly(kept.project));
  });

  test('finds a file whose name reads differently as a URL where a run over all of it does', async () => {
    const folder = await memoryFolder();
    // As it is listed in memory, the last one first, img is gone through before css.
    await plant(folder, { 'assets/css/a.css': 'a{b:url(../img/p%2520q.png)}', 'assets/img/p%20q.png': 'p' });
    const kept = siteIn(folder);
    await kept.run();
    for (const change of [{ 'css/a.css': 'c{b:url(../img/p%2520q.png)}' }, { 'img/p%20q.png': 'pp' }]) {
      await plant(join(folder, 'assets'), change);
      const how = await kept.run();
      const fresh = await collectFreshly(kept.project);
      expect(how === 'failed').toBe(fresh === undefined);
      if (fresh !== undefined) expect(listFolder(kept.project.root)).toEqual(fresh);
    }
  });

  test('misses a file whose name reads differently as a URL where that comes after who asks for it', async () => {
    const folder = await memoryFolder();
    await plant(folder, { 'assets/css/x/a.css': 'a{}', 'assets/p%20q.png': 'p' });
    await atRest(folder);
    const kept = siteIn(folder);
    await kept.run();
    await plant(folder, { 'assets/css/x/a.css': 'a{b:url(../../p%2520q.png)}' });
    expect(await kept.run()).toBe('failed');
  });

  test.each(['5.2', '6.1'] as const)(
    'fails as a run over all of it where files are listed in another order, and a chain is too long in that, by the rules of %s',
    async (django) => {
      const folder = await memoryFolder();
      const chain = chainOf(9);
      await plant(folder, chain);
      await atRest(folder);
      const kept = siteIn(folder, { django });
      await kept.run();
      for (const path of Object.keys(chain)) await rm(join(folder, path));
      await plant(folder, Object.fromEntries(Object.entries(chain).toReversed()));
      expect((await kept.run()) === 'failed').toBe((await collectFreshly(kept.project)) === undefined);
    },
  );

  test('finds folders that were made anew in the order in which they are listed now', async () => {
    const folder = await memoryFolder();
    const tree = { 'assets/x/a/1.css': 'a{}', 'assets/x/b/2.css': 'b{}' };
    await plant(folder, tree);
    await atRest(folder);
    const kept = siteIn(folder, { django: '5.2' }); // whose manifest is in that order
    await kept.run();
    for (const name of ['a', 'b']) {
      await rm(join(folder, 'assets/x', name), { recursive: true });
      await plant(folder, tree);
      await kept.run();
      expect(listFolder(kept.project.root)).toEqual(await collectFreshly(kept.project));
    }
  });

  test('writes nothing when nothing has changed', async () => {
    const folder = await memoryFolder();
    await plant(folder, { 'assets/a.css': 'a{background:url(b.png)}', 'assets/b.png': 'b' });
    const kept = siteIn(folder);
    await kept.run();
    for (const changed of [[], ['assets/a.css'], ['assets/b.png']]) {
      for (const name of changed) {
        await plant(folder, { [name]: `changed {}` });
        await kept.run();
      }
      const before = inodesIn(kept.project.root);
      for (let again = 0; again < 2; again++) {
        expect(await kept.run()).toBe('quick');
        expect(inodesIn(kept.project.root)).toEqual(before);
      }
    }
  });

  test('finds a change of the same size whose time was put back', async () => {
    const folder = await memoryFolder();
    await plant(folder, { 'assets/a.css': 'a{}' });
    await utimes(join(folder, 'assets/a.css'), 1000, 1000);
    const kept = siteIn(folder);
    await kept.run();
    await plant(folder, { 'assets/a.css': 'b{}' });
    await utimes(join(folder, 'assets/a.css'), 1000, 1000);
    expect(await kept.run()).toBe('quick');
    expect(listFolder(kept.project.root)).toEqual(await collectFreshly(kept.project));
  });

  test.each([
    ['a manifest that somebody wrote over', (root: string) => writeFile(join(root, 'staticfiles.json'), '{}')],
    ['a manifest that is gone', (root: string) => rm(join(root, 'staticfiles.json'))],
  ])('mends %s', async (_, harm) => {
    const folder = await memoryFolder();
    await plant(folder, { 'assets/a.css': 'a{}', 'assets/b.png': 'b' });
    const kept = siteIn(folder);
    await kept.run();
    await harm(kept.project.root);
    await plant(folder, { 'assets/b.png': 'bb' });
    await kept.run();
    expect(listFolder(kept.project.root)).toEqual(await collectFreshly(kept.project));
  });

  test('is none where another version of the program left it', async () => {
    const folder = await memoryFolder();
    await plant(folder, { 'assets/a.css': 'a{}' });
    const kept = siteIn(folder);
    const { project, state } = kept;
    await kept.run();
    for (const recalled of [await recallMarks(project, 'leave', state), await recallSite(project, 'leave', state)])
      expect(recalled).toBeDefined();
    for (const recalled of [await recallMarks(project, 'next', state), await recallSite(project, 'next', state)])
      expect(recalled).toBeUndefined();
  });

  test.each(['site', 'checkpoint', 'marks', 'collected', 'collected-since'])(
    'does without the file %s of its state, or with half of it',
    async (name) => {
      const folder = await memoryFolder();
      await plant(folder, { 'assets/a.css': 'a{background:url(b.png)}', 'assets/b.png': 'b' });
      const kept = siteIn(folder);
      await kept.run();
      await plant(folder, { 'assets/b.png': 'bb' });
      await kept.run();
      const half = await kept.state.read(name);
      await kept.state.write(name, half?.subarray(0, half.length / 2) ?? '');
      await plant(folder, { 'assets/b.png': 'bbb' });
      await kept.run();
      const live = listFolder(kept.project.root);
      const fresh = await collectFreshly(kept.project);
      expect(Object.keys(fresh ?? {})).toContain('staticfiles.json');
      expect(live).toMatchObject(fresh ?? {});
    },
  );
});

type How = 'quick' | 'whole' | 'failed';

interface Kept {
  readonly project: CollectProject;
  readonly state: StateFolder;
  run(signal?: AbortSignal): Promise<How>;
  /** All of it, as those do that leave no checkpoint. */
  sync(): Promise<How>;
  /** As a daemon collects what a change does at a path of the site. */
  byPlace(path: string, change: () => Promise<unknown>): Promise<void>;
}

interface SiteSettings extends HashedSettings {
  readonly sources?: CollectProject['sources'];
}

function siteIn(
  folder: string,
  { sources = [{ path: join(folder, 'assets'), prefix: '' }], ...rules }: SiteSettings = {},
): Kept {
  const project = hashedProject(sources, join(folder, 'root'), { django: NEWEST_DJANGO, ...rules });
  const state = new StateFolder(join(folder, 'state'));
  const settings = { statePath: state.path, contents: 'drop', snapshot: 'drop' } as const;
  const alone = { ...settings, checkpoint: 'leave' } as const;
  const work = { kind: 'collect', mode: 'write', project } as const;
  return {
    project,
    state,
    run: (signal) =>
      tried(async () => {
        if ((await collectSinceCheckpoint(thread, work, alone, { signal })) !== undefined) return 'quick';
        await wholeOf(thread.run(work, { ...alone, force: 'past-guards' }, { signal }));
        return 'whole';
      }),
    sync: () =>
      tried(async () => {
        await wholeOf(thread.run(work, { ...settings, force: 'past-guards' }, {}));
        return 'whole';
      }),
    byPlace: async (path, change) => {
      const { snapshot, ownership } = await collect(project, { state, mode: 'dry-run' });
      const site = await HashedSite.load(project, { state }, new Pacer());
      await change();
      const places = [path as RelPath];
      const known = { entries: snapshot.entries.in(places), ...ownership };
      await collectPlaces(project, places, known, { state, mode: 'write', site });
    },
  };
}

function filesIn(folder: string): number {
  return Object.values(listFolder(folder)).filter(({ type }) => type === 'file').length;
}

function inodesIn(folder: string): Record<string, number> {
  const paths = Object.keys(listFolder(folder));
  return Object.fromEntries(paths.map((path) => [path, statSync(join(folder, path)).ino]));
}

async function tried(run: () => Promise<How>): Promise<How> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ManifestError) return 'failed';
    throw error;
  }
}
