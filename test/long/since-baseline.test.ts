/** A run that only looks whether anything has changed since one that had nothing to do, and a target that need not be asked. */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collect } from '../../src/collect/collect.js';
import { markOf, nameIn } from '../../src/collect/marks.js';
import { recall } from '../../src/collect/memory.js';
import { type Since, sinceBaseline } from '../../src/collect/since/since-baseline.js';
import { LocalThread, wholeOf } from '../../src/collect/thread/in-thread.js';
import type { LocalSettings, LocalWork } from '../../src/collect/thread/protocol.js';
import type { Entry } from '../../src/core/entry.js';
import { EntryTable } from '../../src/core/entry-table.js';
import { covers } from '../../src/core/places.js';
import { comparePaths, type RelPath } from '../../src/core/relpath.js';
import type { Snapshot } from '../../src/core/snapshot.js';
import { StateFolder } from '../../src/fs/state.js';
import { type CycleOptions, syncTarget } from '../../src/sync.js';
import { MemoryTarget } from '../../src/targets/memory.js';
import { atRest } from '../support/at-rest.js';
import { chanceOf } from '../support/chance.js';
import { makeBench, publicTree } from '../support/cycle.js';
import { type FilledRoot, makeFilledRoot, writeDated } from '../support/filled-root.js';
import { collectFreshly, hashedProject } from '../support/hashed-project.js';
import { listFolder } from '../support/listing.js';
import { type OpenSshServer, startOpenSsh } from '../support/openssh-server.js';
import { differences, inFolder, on } from '../support/project.js';
import { editSite, plantSite, randomEdits, randomSite } from '../support/random-site.js';
import { memoryFolder, plant, readTree, temporaryFolder } from '../support/tree.js';

const THREAD = new URL('../../dist/cli/thread.cjs', import.meta.url);
/** Long before: what was written a moment ago could change again without another time. */
const OLD = new Date(1_600_000_000_000);

let thread: LocalThread;
let server: OpenSshServer;
beforeAll(async () => {
  thread = new LocalThread(THREAD);
  server = await startOpenSsh();
});
afterAll(() => Promise.all([thread.end(), server.stop()]));

describe('of a STATIC_ROOT that others fill', () => {
  it('nothing is known before a run looked at all of it', async () => {
    const { look } = await scene();
    expect(await look()).toBeUndefined();
  });

  it('nothing has changed', async () => {
    const { look, run } = await scene();
    const { baseline, files } = await run();
    expect(await look()).toMatchObject({ baseline, files, places: [], snapshot: { entries: { length: 0 } } });
  });

  it('some files have another content', async () => {
    const { look, run, root } = await scene();
    const { files } = await run();
    await writeFile(join(root, 'b/two.css'), 'other');
    await writeFile(join(root, 'one.js'), 'longer than before');
    const since = await look();
    expect(since).toMatchObject({ files, places: ['b/two.css', 'one.js'], problems: [] });
    expect([...(since?.snapshot.entries ?? [])].map(({ path, size }) => [path, size])).toEqual([
      ['b/two.css', 5],
      ['one.js', 18],
    ]);
  });

  it.each<[string, (root: string) => unknown]>([
    ['a link to a folder came', (root) => symlinkSync('b', join(root, 'c'))],
    ['a file became a folder', (root) => [rmSync(join(root, 'one.js')), mkdirSync(join(root, 'one.js'))]],
    [
      'a file became a link to a folder',
      (root) => [rmSync(join(root, 'one.js')), symlinkSync('b', join(root, 'one.js'))],
    ],
    ['all of it went', (root) => rm(root, { recursive: true })],
  ])('all is looked at when %s', async (_, change) => {
    const { look, run, root } = await scene();
    await run();
    await change(root);
    expect(await look().catch(() => undefined)).toBeUndefined();
  });

  it('files came, and folders with all that is in them', async () => {
    const { look, run, root } = await scene();
    const { files } = await run();
    await plant(root, { 'new.css': 'n', 'b/new.js': 'new', 'c/d/deep.png': 'd', 'c/flat.png': 'f' });
    symlinkSync('../one.js', join(root, 'b/link.js'));
    const places = ['b/link.js', 'b/new.js', 'c', 'new.css'];
    const since = await look();
    expect(since).toMatchObject({ files: files + 5, places, problems: [] });
    const paths = ['b/link.js', 'b/new.js', 'c/d/deep.png', 'c/flat.png', 'new.css'];
    expect([...(since?.snapshot.entries ?? [])].map(({ path }) => path)).toEqual(paths);
    // They are looked at each time, for no mark tells of them.
    await plant(root, { 'c/d/deep.png': 'other', 'c/more/e.png': 'e' });
    rmSync(join(root, 'c/flat.png'));
    const later = await look();
    expect(later).toMatchObject({ files: files + 5, places });
    expect([...(later?.snapshot.entries ?? [])].map(({ path, size }) => [path, size])).toEqual([
      ['b/link.js', 3],
      ['b/new.js', 3],
      ['c/d/deep.png', 5],
      ['c/more/e.png', 1],
      ['new.css', 1],
    ]);
    rmSync(join(root, 'new.css'));
    expect(await look()).toMatchObject({ files: files + 4, places }); // it went, and a target may have it
  });

  it.each<[string, number, string[], string[], (root: string) => unknown]>([
    ['a file went', 1, ['one.js'], [], (root) => rmSync(join(root, 'one.js'))],
    [
      'a file got another name',
      2,
      ['b/new.css', 'b/two.css'],
      ['b/new.css'],
      (root) => renameSync(join(root, 'b/two.css'), join(root, 'b/new.css')),
    ],
    ['a folder went', 1, ['b'], [], (root) => rmSync(join(root, 'b'), { recursive: true })],
    ['a folder lost all it had', 1, ['b/two.css'], [], (root) => rmSync(join(root, 'b/two.css'))],
    ['a folder came with nothing in it', 2, ['c'], [], (root) => mkdirSync(join(root, 'c'))],
    ['a folder got another name', 2, ['b', 'c'], ['c/two.css'], (root) => renameSync(join(root, 'b'), join(root, 'c'))],
  ])('is told by name when %s', async (_, left, places, paths, change) => {
    const { look, run, root } = await scene();
    await run();
    await change(root);
    for (let times = 0; times < 2; times++) {
      const since = await look();
      expect(since).toMatchObject({ files: left, places, problems: [] });
      expect([...(since?.snapshot.entries ?? [])].map(({ path }) => path)).toEqual(paths);
    }
    await plant(root, { 'one.js': 'again', 'b/two.css': 'again' });
    const again = await look();
    expect(again).toMatchObject({ files: 2 + paths.length, problems: [] });
    expect([...(again?.snapshot.entries ?? [])].map(({ path }) => path)).toEqual(
      ['b/two.css', 'one.js', ...paths].sort(),
    );
  });

  it('all is looked at when so much went that it may be lost', async () => {
    const { look, run, root, plantOld } = await scene();
    const names = Array.from({ length: 98 }, (_, i) => `many/${i}.css`);
    await plantOld(Object.fromEntries(names.map((name) => [name, 'x'])));
    await run();
    for (const name of names.slice(0, 10)) rmSync(join(root, name));
    expect(await look()).toMatchObject({ files: 90, snapshot: { entries: { length: 0 } } });
    rmSync(join(root, names[10] ?? ''));
    expect(await look()).toBeUndefined();
  });

  it('of two names that a mark cannot tell apart each is looked for', async () => {
    const { look, run, root, plantOld } = await scene();
    const [one, other] = ['n9437.css', 'n9927.css'] as const;
    expect(nameIn(markOf(one, undefined))).toBe(nameIn(markOf(other, undefined)));
    await plantOld({ [one]: 'one', [other]: 'other' });
    await run();
    rmSync(join(root, one));
    await writeFile(join(root, other), 'edited');
    const left = await look();
    expect(left).toMatchObject({ files: 3, places: [one, other] });
    expect([...(left?.snapshot.entries ?? [])]).toMatchObject([{ path: other }]);
    rmSync(join(root, other));
    expect(await look()).toMatchObject({ files: 2, places: [one, other], snapshot: { entries: { length: 0 } } });
  });

  it('all is looked at when another run has forgotten what was there', async () => {
    const { look, run, root, work, settings } = await scene();
    await run();
    await plant(root, { 'b/new.css': 'n' });
    await thread.run({ ...work, mode: 'dry-run' }, { ...settings, baseline: undefined }, {}).result;
    rmSync(join(root, 'b'), { recursive: true });
    expect(await look()).toBeUndefined();
  });

  it('all is looked at when something went that nothing knows of', async () => {
    const { look, run, root, state } = await scene();
    await run();
    rmSync(join(state, 'root'));
    rmSync(join(root, 'one.js'));
    expect(await look()).toBeUndefined();
  });

  it('what came is known when all of it is looked at later', async () => {
    const { look, run, root, work, settings } = await scene();
    await run();
    await plant(root, { 'new.css': 'n', 'c/d/deep.css': 'n' });
    const since = await look();
    const all = () => wholeOf(thread.run({ ...work, mode: 'dry-run' }, { ...settings, force: 'past-guards' }, {}));
    expect(since?.isStillSo((await all()).snapshot)).toBe(true);
    await plant(root, { 'c/d/later.css': 'the next look will find it' });
    expect(since?.isStillSo((await all()).snapshot)).toBe(true);
    await writeFile(join(root, 'newer.css'), 'n');
    expect(since?.isStillSo((await all()).snapshot)).toBe(false);
  });

  it('of a big tree more of it may have changed', async () => {
    const { look, run, root, plantOld } = await scene();
    const names = Array.from({ length: 8000 }, (_, i) => `${i % 20}/${i}.css`);
    await plantOld(Object.fromEntries(names.map((name) => [name, 'x'])));
    await run();
    for (const name of names.slice(0, 80)) await writeFile(join(root, name), 'y');
    expect((await look())?.places).toHaveLength(80);
    await writeFile(join(root, names.at(-1) ?? ''), 'y');
    expect(await look()).toBeUndefined();
  });

  it('all is looked at when so many files changed that it pays', async () => {
    const { look, run, root, plantOld } = await scene();
    const names = Array.from({ length: 65 }, (_, i) => `many/${i}.css`);
    await plantOld(Object.fromEntries(names.map((name) => [name, 'x'])));
    await run();
    for (const name of names) await writeFile(join(root, name), 'y');
    expect(await look()).toBeUndefined();
  });

  it('what was otherwise in between counts as changed, even if it is as it was', async () => {
    const { look, run, root, state } = await scene();
    const other = join(root, '..', 'other.js');
    await writeFile(other, 'two');
    await run();
    renameSync(join(root, 'one.js'), `${other}.aside`);
    symlinkSync(other, join(root, 'one.js'));
    expect(await look()).toMatchObject({ places: ['one.js'] });
    rmSync(join(root, 'one.js'));
    renameSync(`${other}.aside`, join(root, 'one.js'));
    expect(await look()).toMatchObject({ places: ['one.js'] });
    rmSync(join(state, 'baseline-touched'));
    mkdirSync(join(state, 'baseline-touched'));
    await writeFile(join(root, 'b/two.css'), 'other');
    expect(await look()).toBeUndefined(); // it cannot be noted
    await run();
  });

  it('an edit that keeps size and time is found', async () => {
    const { look, run, root } = await scene();
    await run();
    await writeFile(join(root, 'one.js'), 'ONE');
    await utimes(join(root, 'one.js'), OLD, OLD);
    expect(await look()).toMatchObject({ places: ['one.js'] });
  });

  it('what changed while it was looked at counts as changed', async () => {
    const { look, run, root } = await scene();
    await writeFile(join(root, 'young.css'), 'a');
    await run();
    await writeFile(join(root, 'young.css'), 'b');
    expect(await look()).toMatchObject({ places: ['young.css'] });
  });

  it.each<[string, (file: string) => unknown]>([
    ['damaged', async (file) => writeFile(file, (await readFile(file)).fill(7, 30, 31))],
    ['cut off', (file) => truncateSync(file, 50)],
    ['empty', (file) => truncateSync(file, 0)],
    ['gone', (file) => rmSync(file)],
  ])('a baseline that is %s does no harm', async (_, spoil) => {
    const { look, run, state } = await scene();
    await run();
    await spoil(join(state, 'baseline'));
    expect(await look()).toBeUndefined();
  });

  it.each<[string, boolean, (root: string) => unknown]>([
    ['as it was', true, () => undefined],
    ['with another content where that is known', true, (root) => writeFile(join(root, 'one.js'), 'known')],
    ['with another content', true, (root) => writeFile(join(root, 'b/two.css'), 'the next look will find it')],
    ['with a file more', false, (root) => writeFile(join(root, 'b/passing.tmp'), 'x')],
    ['with a folder more', false, (root) => plant(root, { 'passing/x': 'x' })],
    ['with a file less', false, (root) => rm(join(root, 'b/two.css'))],
    [
      'with another folder in the place of one',
      false,
      (root) => [renameSync(join(root, 'b'), `${root}.b`), cpSync(`${root}.b`, join(root, 'b'), { recursive: true })],
    ],
    ['with a folder less', false, (root) => renameSync(join(root, 'b'), `${root}.b`)],
  ])('all of it, %s when it is looked at later, is told from what it was', async (_, isStillSo, change) => {
    const { look, run, root, work, settings } = await scene();
    await run();
    await writeFile(join(root, 'one.js'), 'longer than before');
    const since = await look();
    await change(root);
    const later = await wholeOf(thread.run({ ...work, mode: 'dry-run' }, { ...settings, force: 'past-guards' }, {}));
    expect(since?.isStillSo(later.snapshot)).toBe(isStillSo);
  });

  it('a baseline that was left for something else does not count, nor a dry run for one', async () => {
    const { look, run, work, settings } = await scene();
    await run();
    expect(await look(work, { ...settings, baseline: 'other' })).toBeUndefined();
    expect(await look({ ...work, mode: 'dry-run' })).toBeUndefined();
  });
});

describe('of what is collected', () => {
  it('a run that had nothing to do leaves it where names are hashed', async () => {
    const { look, run, folder, root, assets } = await collected('manifest');
    expect((await run()).baseline).toBeUndefined();
    await atRest(folder);
    const { baseline, files } = await run();
    expect(await look()).toMatchObject({ baseline, files, places: [] });
    for (const change of [
      () => writeFileSync(join(assets, 'a.css'), 'a{color:red}'),
      () => writeFileSync(join(root, 'a.css'), 'somebody was here'),
      () => writeFileSync(join(root, 'foreign.css'), 'and here'),
      () => rmSync(join(assets, 'b.png')),
    ]) {
      change();
      expect(await look()).toBeUndefined();
      await run();
      await atRest(folder);
      expect((await run()).baseline).toBeDefined();
      expect(await look()).toMatchObject({ places: [] });
    }
  });

  it('every run leaves it where names are plain, and a file with another content is collected by itself', async () => {
    const { look, run, folder, root, assets } = await collected('plain');
    await atRest(folder);
    const { baseline, files } = await run();
    expect(await look()).toMatchObject({ baseline, files, places: [] });
    for (const place of [assets, root]) {
      writeFileSync(join(place, 'a.css'), `edited in ${place}`);
      expect(await look()).toMatchObject({ files, copied: 1, places: ['a.css'], snapshot: { entries: { length: 1 } } });
      expect(readFileSync(join(root, 'a.css'), 'utf8')).toBe(`edited in ${assets}`);
      // What was another one since is one of the places from now on.
      expect(await look()).toMatchObject({ files, copied: 0, places: ['a.css'] });
    }
    for (const change of [
      () => writeFileSync(join(root, 'foreign.css'), 'and here'),
      () => [mkdirSync(join(root, 'foreign')), writeFileSync(join(root, 'foreign/file.css'), 'and here')],
      () => rmSync(join(root, 'foreign.css')),
      () => rmSync(join(root, 'foreign'), { recursive: true }),
    ]) {
      change();
      expect(await look()).toBeUndefined();
      await atRest(folder);
      expect((await run()).baseline).toBeDefined();
      expect(await look()).toMatchObject({ places: [] });
    }
  });

  it('what went from plain sources goes, and what went from STATIC_ROOT comes back, by itself', async () => {
    const { look, run, folder, root, assets, state } = await collected('plain');
    await plant(assets, { 'deep/er/e.png': 'e' });
    await atRest(folder);
    await run();
    rmSync(join(assets, 'b.png'));
    rmSync(join(root, 'c.png'));
    expect(await look()).toMatchObject({ files: 4, copied: 1, removed: 1, places: ['b.png', 'c.png'] });
    rmSync(join(assets, 'deep'), { recursive: true });
    rmSync(join(root, 'a.css'));
    const places = ['a.css', 'b.png', 'c.png', 'deep'];
    expect(await look()).toMatchObject({ files: 3, copied: 1, removed: 1, places });
    expect(await readTree(root)).toEqual(await readTree(assets));
    expect(existsSync(join(root, 'deep'))).toBe(false);
    const wanted = { files: 3, copied: 0, removed: 0 };
    expect(await look()).toMatchObject(wanted);
    // A run that looks at all finds nothing to do, and remembers the same.
    const memory = await recall(new StateFolder(state));
    expect(await run()).toMatchObject(wanted);
    expect(await recall(new StateFolder(state))).toEqual(memory);
  });

  it('each source is known by what it has after files of the same path came and went', async () => {
    const { look, run, folder, root, assets, state } = await collected('plain');
    const other = join(folder, 'empty');
    const shared = { 'deep/1.css': '1', 'deep/2.css': '2', 'a.css': 'hidden', 'b.png': 'hidden', 'x.png': 'x' };
    await plant(other, shared);
    await plant(assets, { 'deep/1.css': 'first', 'deep/2.css': 'second' });
    await atRest(folder);
    await run();
    const inOrder = async () => [...(await recall(new StateFolder(state))).sources.values()];
    expect(await inOrder()).toEqual([6, 5]);
    rmSync(join(assets, 'a.css'));
    renameSync(join(other, 'x.png'), join(assets, 'x.png'));
    await plant(other, { 'c.png': 'hidden', 'new/1.css': '1' });
    expect(await look()).toMatchObject({ files: 8, removed: 0 });
    expect(await inOrder()).toEqual([6, 6]);
    expect(await readTree(root)).toMatchObject({ 'a.css': 'hidden', 'c.png': 'c' });
    // Of a folder it is not known which of them were in it, and what is only hidden by others counts as there.
    rmSync(join(assets, 'deep'), { recursive: true });
    expect(await look()).toMatchObject({ files: 8, copied: 2 });
    expect(await readTree(root)).toMatchObject({ 'deep/1.css': '1' });
    await run();
    expect(await inOrder()).toEqual([4, 6]);
  });

  it('all is looked at when a source lost all it had, whatever another one has in its place', async () => {
    const { look, run, folder, assets } = await collected('plain');
    await plant(join(folder, 'empty'), await readTree(assets));
    await plant(join(folder, 'empty'), { 'more.css': 'm' });
    await atRest(folder);
    await run();
    for (const name of ['a.css', 'b.png', 'c.png']) rmSync(join(assets, name));
    expect(await look()).toMatchObject({ files: 5 });
    rmSync(join(assets, 'd.png'));
    expect(await look()).toBeUndefined();
    await expect(run()).rejects.toThrow('it had 1 files at the last run and has 0 now');
  });

  it('all is looked at when a source lost more than a tenth of what it had', async () => {
    const { look, run, folder, root, assets } = await collected('plain');
    const names = Array.from({ length: 60 }, (_, i) => `empty/${i}.css`);
    await plant(folder, Object.fromEntries(names.map((name) => [name, name])));
    await plant(assets, Object.fromEntries(Array.from({ length: 96 }, (_, i) => [`${i}.png`, `${i}`])));
    await atRest(folder);
    await run();
    for (const name of names.slice(0, 6)) rmSync(join(folder, name));
    expect(await look()).toMatchObject({ files: 154, removed: 6 });
    for (const name of names.slice(6, 13)) rmSync(join(folder, name));
    expect(await look()).toBeUndefined();
    expect(Object.keys(await readTree(root))).toHaveLength(154);
  });

  it('files and folders that came to plain sources are collected by themselves', async () => {
    const { look, run, folder, root, assets } = await collected('plain');
    await plant(join(folder, 'empty'), { 'of-another.css': 'x' });
    await atRest(folder);
    const { files } = await run();
    const wanted = async () => ({ ...(await readTree(assets)), 'of-another.css': 'x' });
    await plant(assets, { 'new.png': 'new', 'more/a.css': 'a', 'more/deep/b.css': 'b' });
    expect(await look()).toMatchObject({ files: files + 3, copied: 3, places: ['more', 'new.png'], problems: [] });
    expect(await readTree(root)).toEqual(await wanted());
    await plant(assets, { 'new.png': 'newer', 'more/c.css': 'c' });
    rmSync(join(assets, 'more/a.css'));
    expect(await look()).toMatchObject({ files: files + 3, copied: 2, removed: 1, places: ['more', 'new.png'] });
    expect(await readTree(root)).toEqual(await wanted());
    // Into one of them somebody else puts a file, which stays, and is there for the targets.
    await plant(root, { 'more/foreign.css': 'by hand' });
    const paths = ['more/c.css', 'more/deep/b.css', 'more/foreign.css', 'new.png'];
    const since = await look();
    expect(since).toMatchObject({ files: files + 3, copied: 0, removed: 0 });
    expect([...(since?.snapshot.entries ?? [])].map(({ path }) => path)).toEqual(paths);
    rmSync(join(assets, 'more'), { recursive: true });
    expect(await look()).toMatchObject({ files: files + 1, copied: 0, removed: 2 });
    expect(await readTree(root)).toEqual({ ...(await wanted()), 'more/foreign.css': 'by hand' });
    expect(await run()).toMatchObject({ files: files + 1, copied: 0, removed: 0 });
    expect(await readTree(root)).toEqual({ ...(await wanted()), 'more/foreign.css': 'by hand' });
  });

  it.each<[string, (source: string) => unknown]>([
    ['is gone', (source) => rmSync(source, { recursive: true })],
    ['is a file', (source) => [rmSync(source, { recursive: true }), writeFileSync(source, '')]],
    ['is another folder', (source) => [renameSync(source, `${source}.old`), mkdirSync(source)]],
  ])('all is looked at when a source without files %s', async (_, change) => {
    const { look, run, folder, assets } = await collected('plain');
    await run();
    await atRest(folder);
    await run();
    expect(await look()).toBeDefined();
    change(join(assets, '..', 'empty'));
    expect(await look()).toBeUndefined();
  });

  it('what came where a file was removed was not read, and counts as changed', async () => {
    const { folder, root, assets, state, work, look } = await collected('plain');
    if (work.kind !== 'collect') throw new Error('it collects');
    const { project } = work;
    await collect(project, { state: new StateFolder(state), mode: 'write' });
    await rm(join(assets, 'b.png'));
    await atRest(folder);
    class Meanwhile extends StateFolder {
      override async write(...words: Parameters<StateFolder['write']>): Promise<void> {
        if (words[0] === 'collected') await writeFile(join(root, 'b.png'), 'somebody made it anew');
        return super.write(...words);
      }
    }
    const { baseline, removed } = await collect(project, {
      state: new Meanwhile(state),
      mode: 'write',
      baseline: 'test',
    });
    expect(removed).toEqual(['b.png']);
    expect(baseline).toBeDefined();
    expect(await look()).toBeUndefined(); // a file came that nobody collected: all is looked at
  });

  it('a file that was only touched before it was to go leaves none, and goes in the next run', async () => {
    const { run, root, assets, state, work } = await collected('plain');
    if (work.kind !== 'collect') throw new Error('it collects');
    await run();
    rmSync(join(assets, 'b.png'));
    let calls = 0;
    const onProgress = (): void => {
      if (++calls === 2) chmodSync(join(root, 'b.png'), 0o644); // STATIC_ROOT was listed
    };
    const options = { state: new StateFolder(state), mode: 'write', baseline: 'test', onProgress } as const;
    const touched = await collect(work.project, options);
    expect(touched).toMatchObject({ removed: [], putOff: ['b.png'], baseline: undefined });
    expect(await run()).toMatchObject({ removed: 1 });
    expect(existsSync(join(root, 'b.png'))).toBe(false);
  });

  it('a warning is told by every run, so there is none', async () => {
    const { run, assets } = await collected('manifest', [{ pattern: '*', then: 'warn' }]);
    await writeFile(join(assets, 'a.css'), 'a{background:url(gone.png)}');
    await run();
    expect((await run()).baseline).toBeUndefined();
  });
});

/** What a look at some places and the looks before it make of a snapshot. */
function broughtUpToDate(before: ReadonlyMap<string, string>, { places, snapshot }: Since): Map<string, string> {
  const kept = [...before].filter(([path]) => !covers(places, path));
  return new Map([...kept, ...digestsOf(snapshot)]);
}

function digestsOf({ entries }: Snapshot): [path: string, digest: string][] {
  return [...entries].map(({ path, digest }) => [path, digest]);
}

function filesIn(folder: string): Map<string, string> {
  const files = Object.entries(listFolder(folder)).flatMap(([path, each]) =>
    each.type === 'file' ? [[path, each.sha256] as const] : [],
  );
  return new Map(files.sort(([a], [b]) => comparePaths(a, b)));
}

function sorted(files: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...files].sort(([a], [b]) => comparePaths(a, b)));
}

describe('after every change of a random site', () => {
  const stories = fc.record({ seed: fc.nat(), files: fc.integer({ min: 1, max: 40 }) });

  it.each(['plain', 'none'] as const)('it tells what a look at all of it tells, with storage %s', async (storage) => {
    let quick = 0;
    await fc.assert(
      fc.asyncProperty(stories, async ({ seed, files }) => {
        const site = randomSite(seed, { files });
        const folder = await memoryFolder();
        plantSite(site, folder);
        if (seed % 2 === 0) await atRest(folder);
        const sources = site.sources.map((each) => ({ path: join(folder, each.folder), prefix: each.prefix }));
        const root = storage === 'plain' ? join(await memoryFolder(), 'root') : folder;
        const { manifest: _, ...project } = hashedProject(sources, root);
        const work: LocalWork =
          storage === 'plain' ? { kind: 'collect', mode: 'write', project } : { kind: 'scan', mode: 'write', root };
        const { settings, look } = runner(work, join(await memoryFolder(), 'state'));
        const run = () => wholeOf(thread.run(work, { ...settings, force: 'past-guards' }, {}));
        let known = new Map(digestsOf((await run()).snapshot));
        const chance = chanceOf(seed);
        const removeFrom = (place: string): void => {
          const there = Object.keys(listFolder(place));
          if (there.length > 0) rmSync(join(place, chance.pick(there)), { recursive: true });
        };
        const changes = [
          ...randomEdits(site, seed, 10).map((each) => () => {
            editSite(folder, each.edit);
            if (storage === 'plain' && chance.happens(0.2)) removeFrom(root);
          }),
          ...Array.from({ length: 4 }, () => () => removeFrom(chance.pick(sources).path)), // nothing is edited after that
        ];
        for (const change of changes) {
          change();
          const since = await look();
          if (since !== undefined) quick++;
          const result = since ?? (await run());
          known = since === undefined ? new Map(digestsOf(result.snapshot)) : broughtUpToDate(known, since);
          if (storage === 'plain') expect(listFolder(root)).toEqual(await collectFreshly(project));
          expect(sorted(known)).toEqual(filesIn(root));
          if (result.problems.length === 0) expect(result.files).toBe(known.size);
        }
      }),
      { numRuns: 40 },
    );
    expect(quick).toBeGreaterThan(330);
  });
});

describe('a target that holds all since a baseline', () => {
  it('need not be loaded, nor the snapshot made', async () => {
    const { bench, target, sync } = await noted();
    const result = await sync({ places: [] });
    expect(result).toMatchObject({ generation: 1, unchanged: 2, outcomes: [] });
    expect(result.index).toBeUndefined();
    expect(await publicTree(target)).toEqual(SITE);
    await bench.forgetState();
    expect((await sync({ places: [] })).index).toBeDefined();
  });

  it('gets what has changed since, and nothing else is touched', async () => {
    const { bench, target, sync } = await noted();
    const { entries } = await bench.plant({ ...SITE, 'a.css': 'new' });
    const changed = [...entries].filter(({ path }) => path === 'a.css');
    const result = await sync({ places: ['a.css' as RelPath], entries: changed });
    expect(result.plan.changes).toMatchObject([{ kind: 'modified', path: 'a.css' }]);
    expect(await publicTree(target)).toEqual({ ...SITE, 'a.css': 'new' });
    expect((await sync({ places: [] })).index).toBeUndefined();
  });

  it('is compared as a whole when somebody else wrote to it, also at the last moment', async () => {
    const { bench, target, sync } = await noted();
    const other = await makeBench();
    await other.publish(target, { ...SITE, 'a.css': 'by another machine', 'c.css': 'more' });
    await bench.plant(SITE);
    const result = await sync({ places: [], whole: await bench.plant(SITE) });
    expect(result.plan.changes.map(({ kind, path }) => `${kind} ${path}`).sort()).toEqual([
      'modified a.css',
      'removed c.css',
    ]);
    expect(await publicTree(target)).toEqual(SITE);
    const late = await sync({
      places: ['a.css' as RelPath],
      whole: await bench.plant(SITE),
      before: async () => void (await other.publish(target, { 'a.css': 'x', 'b.css': 'y' })),
    });
    expect(late.plan.changes.map(({ path }) => path)).toEqual(['a.css', 'b.css']);
    expect(await publicTree(target)).toEqual(SITE);
  });

  it('is compared as a whole when what is missing had to be waited for', async () => {
    const { bench, target, sync } = await noted();
    const anew = { 'a.css': 'a', 'b.css': 'names c.css', 'c.css': 'c' };
    const whole = await bench.plant(anew);
    const asked: string[][] = [];
    const rested = async (missing: readonly string[]): Promise<Snapshot> => {
      asked.push([...missing]);
      return whole;
    };
    await sync({ places: ['b.css' as RelPath], atRest: rested });
    expect(asked).toEqual([['b.css']]);
    expect(await publicTree(target)).toEqual(anew);
  });

  it('loses what is missing where all was at rest', async () => {
    const { target, sync } = await noted();
    const result = await sync({ places: ['b.css' as RelPath], atRest: async (_, from) => from });
    expect(result.plan.changes).toMatchObject([{ kind: 'removed', path: 'b.css' }]);
    expect(await publicTree(target)).toEqual({ 'a.css': 'a' });
  });

  it('is compared as a whole on other terms, for another site, or since another baseline', async () => {
    const { sync } = await noted();
    expect((await sync({ places: [], terms: 'other' })).index).toBeDefined();
    expect((await sync({ places: [] })).index).toBeDefined();
    expect((await sync({ places: [], baseline: 'later' })).index).toBeDefined();
    await expect(sync({ places: [], site: 'another' })).rejects.toThrow('belongs to the site');
  });

  it('is not noted where a file failed, or removals were left out', async () => {
    const { bench, sync, target } = await noted();
    const torn = await sync({ places: [], baseline: 'second', torn: true, whole: await bench.plant({ 'a.css': 'X' }) });
    expect(torn.outcomes.some(({ kind }) => kind !== 'done')).toBe(true);
    expect((await sync({ places: [], baseline: 'second', whole: await bench.plant(SITE) })).index).toBeDefined();
    const kept = await sync({
      places: [],
      baseline: 'third',
      deletion: 'keep',
      whole: await bench.plant({ 'a.css': 'a' }),
    });
    expect(kept.index).toBeDefined();
    await sync({ places: [], baseline: 'third', whole: await bench.plant({ 'a.css': 'a' }) });
    expect(await publicTree(target)).toEqual({ 'a.css': 'a' });
  });
});

describe('sync', () => {
  it('leaves what a sync without memory leaves, after every change', async () => {
    const project = await makeFilledRoot(server);
    const second = join(await temporaryFolder(), 'second');
    await project.configure({ targets: { web: on(server, project.target), second: inFolder(second) } });
    const chance = chanceOf(20_261_126);
    const names = Array.from({ length: 12 }, (_, i) => `${i % 3}/${i}.css`);
    for (const name of names) project.put({ [name]: name });
    await project.sync();
    for (let step = 0; step < 30; step++) {
      edit(project, chance, names, step);
      const only = chance.happens(0.3) ? ['web'] : [];
      const { status, stderr } = await project.sync(...only);
      expect([status, stderr]).toEqual([0, '']);
      expect(differences(project.root, project.target)).toBe('');
      if (only.length === 0) expect(differences(project.root, second)).toBe('');
    }
  });

  it.each<[string, (folder: string, release: number) => void]>([
    [
      'a link to it leads back',
      (folder, release) => {
        rmSync(join(folder, 'var/static'), { recursive: true, force: true });
        symlinkSync(join('..', 'releases', String(release)), join(folder, 'var/static'));
      },
    ],
    [
      'it gets its old place back',
      (folder, release) => {
        const [place, aside] = [join(folder, 'var/static'), join(folder, 'releases', String(3 - release))];
        if (existsSync(place)) renameSync(place, aside);
        renameSync(join(folder, 'releases', String(release)), place);
      },
    ],
  ])('goes back to a release as %s', async (_, change) => {
    const project = await makeFilledRoot(server);
    rmSync(project.root, { recursive: true });
    for (const release of ['1', '2'])
      for (const name of ['a.js', 'b.js'])
        writeDated(join(project.folder, 'releases', release, name), `${release} ${name}`, 1_600_000_000);
    let current = 0;
    for (const release of [1, 1, 2, 1, 1, 2]) {
      if (release !== current) change(project.folder, (current = release));
      expect(await project.sync()).toMatchObject({ status: 0 });
      expect(differences(project.root, project.target)).toBe('');
      expect(readFileSync(join(project.target, 'a.js'), 'utf8')).toBe(`${release} a.js`);
    }
  });

  it('takes up what the configuration says otherwise', async () => {
    const project = await makeFilledRoot(server);
    project.put({ 'a.css': 'a', 'b.map': 'b' });
    for (let run = 0; run < 3; run++) await project.sync();
    await project.configure({ targets: { web: on(server, project.target, { exclude: ['**/*.map'] }) } });
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ removed: 1 }] });
    await project.configure({ targets: { web: on(server, project.target, { mode: { file: '0600' } }) } });
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1, modes: 2 }] });
  });

  it('repairs what verify found, also when nothing has changed here', async () => {
    const project = await makeFilledRoot(server);
    project.put({ 'a.css': 'a', 'b.css': 'b' });
    for (let run = 0; run < 3; run++) await project.sync();
    rmSync(join(project.target, 'a.css'));
    expect((await project.program.run('verify', '--repair')).status).toBe(0);
    expect(differences(project.root, project.target)).toBe('');
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 0, unchanged: 3 }] });
  });

  it('tells how many files there are, whatever it looked at', async () => {
    const project = await makeFilledRoot(server);
    project.put({ 'a.css': 'a', 'b.css': 'b' });
    for (let run = 0; run < 3; run++)
      expect(await project.sync()).toMatchObject({
        collect: { files: 3 },
        targets: [{ unchanged: run === 0 ? 0 : 3 }],
      });
    project.put({ 'a.css': 'other' });
    expect(await project.sync()).toMatchObject({ collect: { files: 3 }, targets: [{ uploaded: 1, unchanged: 2 }] });
  });
});

async function scene() {
  const folder = await memoryFolder();
  const [root, state] = [join(folder, 'root'), join(folder, 'state')];
  const plantOld = async (files: Readonly<Record<string, string>>): Promise<void> => {
    await plant(root, files);
    for (const name of Object.keys(files)) await utimes(join(root, name), OLD, OLD);
    await atRest(root);
  };
  await plantOld({ 'one.js': 'one', 'b/two.css': 'two' });
  return { plantOld, ...runner({ kind: 'scan', mode: 'write', root }, state), root, state };
}

async function collected(storage: 'plain' | 'manifest', missing: readonly { pattern: string; then: 'warn' }[] = []) {
  const folder = await memoryFolder();
  const [assets, root, state] = ['assets', 'root', 'state'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await plant(assets, { 'a.css': 'a{background:url(b.png)}', 'b.png': 'b', 'c.png': 'c', 'd.png': 'd' });
  mkdirSync(join(folder, 'empty'));
  const sources = [assets, join(folder, 'empty')].map((path) => ({ path, prefix: '' }));
  const { manifest, ...project } = hashedProject(sources, root, { missing });
  const work = {
    kind: 'collect',
    mode: 'write',
    project: storage === 'plain' ? { ...project, manifest: undefined } : { ...project, manifest },
  };
  return { ...runner(work as LocalWork, state), folder, root, assets, state };
}

function runner(work: LocalWork, statePath: string) {
  const settings: LocalSettings = {
    statePath,
    contents: 'drop',
    force: undefined,
    reread: undefined,
    baseline: 'test',
  };
  return {
    work,
    settings,
    run: () => wholeOf(thread.run(work, settings, {})),
    look: (other = work, otherSettings = settings) => sinceBaseline(thread, other, otherSettings, {}),
  };
}

const SITE = { 'a.css': 'a', 'b.css': 'b' };

interface Told {
  readonly places: readonly RelPath[];
  readonly entries?: readonly Entry[];
  readonly whole?: Awaited<ReturnType<Awaited<ReturnType<typeof makeBench>>['plant']>>;
  readonly baseline?: string;
  readonly terms?: string;
  readonly site?: string;
  readonly deletion?: 'keep' | 'delete';
  readonly torn?: boolean;
  readonly before?: () => Promise<void>;
  readonly atRest?: CycleOptions['atRest'];
}

/** A target that was brought to `SITE` at the baseline `first`. */
async function noted() {
  const bench = await makeBench();
  const target = new MemoryTarget();
  const first = await bench.plant(SITE);
  const sync = async ({ places, entries = [], whole = first, baseline = 'first', before, ...rest }: Told) => {
    const { terms = '', deletion = 'delete' } = rest;
    const since = {
      follows: new Set([baseline]),
      places,
      snapshot: { entries: EntryTable.listing(entries), problems: [] },
    };
    return syncTarget({ ...bench.job(target), terms, deletion, limit: undefined }, async () => whole, {
      ...bench.options(),
      ...(rest.site !== undefined && { site: rest.site }),
      ...(rest.atRest !== undefined && { atRest: rest.atRest }),
      ...(rest.torn === true && { fileOf: () => '/dev/null' }),
      since: Promise.resolve(before?.()).then(() => since),
      baseline: async () => baseline,
    });
  };
  await sync({ places: [] });
  return { bench, target, sync };
}

function edit({ put, root }: FilledRoot, chance: ReturnType<typeof chanceOf>, names: string[], step: number): void {
  const name = chance.pick(names);
  const file = join(root, name);
  switch (
    chance.pick(['nothing', 'nothing', 'content', 'content', 'disguise', 'touch', 'gone', 'new', 'renamed', 'mode'])
  ) {
    case 'content':
      return put({ [name]: `edit ${step}` }, 1_600_000_000 + step);
    case 'disguise':
      return put({ [name]: `edit ${step % 10}` });
    case 'touch':
      return put({ [name]: name }, 1_500_000_000 + step);
    case 'gone':
      return rmSync(file, { force: true });
    case 'new':
      names.push(`new/${step}.css`);
      return put({ [`new/${step}.css`]: 'new' });
    case 'renamed':
      put({ [name]: 'to be renamed' });
      names.push(`${name}.renamed.css`);
      return renameSync(file, join(root, `${name}.renamed.css`));
    case 'mode':
      put({ [name]: 'a mode' });
      return chmodSync(file, 0o600);
    default:
      return utimesSync(root, OLD, OLD);
  }
}
