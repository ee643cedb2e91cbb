/** The local half of a daemon, over real files and real threads: `npm test` builds their program first. */
import { chmod, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { recall } from '../src/collect/memory.js';
import { rootKey } from '../src/collect/scan-only.js';
import { loadConfig } from '../src/config/load.js';
import type { Config } from '../src/config/schema.js';
import type { Entry } from '../src/core/entry.js';
import { LocalHalf, type LocalHalfHooks } from '../src/daemon/local-half.js';
import { SafetyError, SourceError } from '../src/errors.js';
import { StateFolder } from '../src/fs/state.js';
import {
  clockTick,
  plant,
  readTree,
  symlink as symlinkTo,
  type Tree,
  temporaryFolder,
  withoutRoot,
} from './support/tree.js';

const THREAD = new URL('../dist/cli/thread.cjs', import.meta.url);
const EVERYTHING = { force: false, reread: false };
const TREE: Tree = { 'css/a.css': 'a', 'css/b.css': 'b', 'js/a.js': 'js' };

/** A file of STATIC_ROOT that somebody changed and that was brought back may have got a new time. */
function withoutTime(entry: Entry): Entry {
  return { ...entry, mtime: 0 };
}

describe('what nobody could tell', () => {
  test.each(['by place', 'as a whole'])(
    'is told of once it is known, also where no file of it is left, %s',
    async (how) => {
      const site = await newSite({}, { storage: 'none' });
      await plant(site.root, { 'gone.css': 'gone', 'a.css': 'a', unclear: symlinkTo('nowhere') });
      const half = site.half();
      await half.begin();
      await rm(join(site.root, 'gone.css'));
      await plant(site.root, { 'gone.css': symlinkTo('nowhere') });
      const look = () =>
        how === 'by place' ? half.collect([join(site.root, 'gone.css')]) : half.collectAll(EVERYTHING);
      expect(await look()).toMatchObject({ changes: [], cleared: [] });
      await rm(join(site.root, 'gone.css'));
      expect(await look()).toMatchObject({ changes: [], cleared: ['gone.css'] });
      expect(await look()).toMatchObject({ changes: [], cleared: [] });
    },
  );
});

describe('a daemon that begins', () => {
  test('collects all where nothing was left to it', async () => {
    const site = await newSite();
    const half = site.half();
    const collection = await half.begin();
    expect(collection).toMatchObject({ places: 'all', report: { files: 3, copied: 3 } });
    expect(await readTree(site.root)).toEqual(TREE);
  });

  test('with what the last one left reads nothing where nothing changed', async () => {
    const site = await newSite();
    await site.lifeOf((half) => half.begin());
    const before = await site.lifeOf((half) => half.begin());
    const half = site.half();
    const after = await half.begin();
    expect(after).toMatchObject({
      places: 'all',
      changes: [],
      report: { files: 3, copied: 0, removed: 0, problems: [] },
    });
    expect(after.snapshot).toEqual(before.snapshot);
    expect(after.contents).toBeUndefined();
  });

  test.each<[what: string, change: (site: Site) => Promise<unknown>]>([
    ['a file was written', (site) => writeFile(join(site.assets, 'css/a.css'), 'new')],
    ['a file was written with its size', (site) => writeFile(join(site.assets, 'css/a.css'), 'A')],
    ['a file came', (site) => plant(site.assets, { 'new/deep.css': 'deep' })],
    ['a file went', (site) => rm(join(site.assets, 'css/a.css'))],
    ['a folder went', (site) => rm(join(site.assets, 'css'), { recursive: true })],
    ['STATIC_ROOT was meddled with', (site) => writeFile(join(site.root, 'css/a.css'), 'meddled')],
    ['a file of STATIC_ROOT went', (site) => rm(join(site.root, 'js/a.js'))],
    ['somebody put a file of theirs there', (site) => plant(site.root, { 'theirs.txt': 'theirs' })],
    ['all of STATIC_ROOT went', (site) => rm(site.root, { recursive: true })],
    ['a link came', (site) => symlink('css', join(site.assets, 'styles'))],
    ['the state of collecting is lost', (site) => site.state.remove('collected')],
    ['the warm state is damaged', (site) => site.spoilWarm()],
  ])('has what collecting all would give when, since the last one, %s', async (_, change) => {
    const site = await newSite();
    await site.lifeOf((half) => half.begin());
    await clockTick(site.folder);
    await rm(join(site.folder, '.clock-probe'), { force: true });
    await change(site);
    await site.lifeOf(async (half) => {
      const { snapshot } = await half.begin();
      const tree = await readTree(site.root);
      expect(half.snapshot).toEqual(snapshot);
      const everything = await half.collectAll(EVERYTHING);
      expect(everything.changes).toEqual([]);
      expect(everything.report).toMatchObject({ copied: 0, removed: 0 });
      expect([...snapshot.entries].map(withoutTime)).toEqual([...everything.snapshot.entries].map(withoutTime));
      expect(await readTree(site.root)).toEqual(tree);
    });
  });

  test('collects all where what the last one left cannot be taken away', async () => {
    const site = await newSite();
    await site.lifeOf((half) => half.begin());
    await chmod(site.state.path, 0o555);
    const { report } = await withoutRoot(site.folder, () => site.half().begin());
    await chmod(site.state.path, 0o755);
    expect(report).toMatchObject({ files: 3, copied: 0, removed: 0, problems: [] });
  });

  test('notices that a file went which had come since the last sweep', async () => {
    const site = await newSite();
    await site.lifeOf((half) => half.begin());
    await site.lifeOf(async (half) => {
      await half.begin();
      await plant(site.assets, { 'css/late.css': 'late' });
      await half.collect([join(site.assets, 'css/late.css')]);
    });
    await rm(join(site.assets, 'css/late.css'));
    const { changes } = await site.half().begin();
    expect(changes).toMatchObject([{ kind: 'removed', path: 'css/late.css' }]);
    expect(await readTree(site.root)).toEqual(TREE);
  });

  test('knows what is whose: what the sources lost goes, and what others put stays', async () => {
    const site = await newSite();
    await plant(site.root, { 'theirs.txt': 'theirs' });
    await site.lifeOf((half) => half.begin());
    await rm(join(site.assets, 'js'), { recursive: true });
    await site.lifeOf((half) => half.begin());
    expect(await readTree(site.root)).toEqual({ 'css/a.css': 'a', 'css/b.css': 'b', 'theirs.txt': 'theirs' });
  });

  test('collects all if another run has collected since', async () => {
    const site = await newSite();
    await site.lifeOf((half) => half.begin());
    await site.lifeOf(async (half) => {
      await writeFile(join(site.assets, 'css/a.css'), 'by another run');
      await half.collectAll(EVERYTHING);
    }, 'leave nothing');
    const { places, snapshot } = await site.half().begin();
    expect(places).toBe('all');
    expect(snapshot.entries).toHaveLength(3);
  });

  test('collects all under another configuration', async () => {
    const site = await newSite();
    await site.lifeOf((half) => half.begin());
    const ignoring = site.half({ ...site.config, source: { ...site.config.source, ignore: ['*.js'] } });
    const { snapshot } = await ignoring.begin();
    expect([...snapshot.entries].map((entry) => entry.path)).toEqual(['css/a.css', 'css/b.css']);
  });

  test('collects all where the last one was of another version', async () => {
    const site = await newSite();
    for (const [version, isRead] of [
      ['1', false],
      ['2', true],
    ] as const) {
      for (let life = 0; life < 2; life++) await site.lifeOf((half) => half.begin());
      const onProgress = vi.fn();
      await site.half(site.config, { version, onProgress }).begin();
      expect(onProgress.mock.calls.length > 0).toBe(isRead);
    }
  });

  test('takes the warm state away: it serves once', async () => {
    const site = await newSite();
    await site.lifeOf((half) => half.begin());
    expect(await site.state.has('warm')).toBe(true);
    await site.half().begin();
    expect(await site.state.has('warm')).toBe(false);
  });
});

describe('a daemon that ends', () => {
  test('leaves thousands of files as well, if none of them was written since the last sweep', async () => {
    const site = await newSite(Object.fromEntries(Array.from({ length: 2001 }, (_, i) => [`many/${i}`, `${i}`])));
    await site.lifeOf((half) => half.begin());
    expect(await site.state.has('warm')).toBe(false);
    await site.lifeOf((half) => half.begin());
    expect(await site.state.has('warm')).toBe(true);
    const half = site.half();
    expect((await half.begin()).changes).toEqual([]);
    expect(await half.sweep()).toEqual([]);
  });

  test('leaves what came by place as well', async () => {
    const site = await newSite();
    const left = await site.lifeOf(async (half) => {
      await half.begin();
      await plant(site.assets, { 'css/a.css': 'new', 'new/x': 'x' });
      await rm(join(site.assets, 'js/a.js'));
      await half.collect(['css/a.css', 'new', 'js/a.js'].map((name) => join(site.assets, name)));
      return half.snapshot;
    });
    const { snapshot } = await site.half().begin();
    expect(snapshot).toEqual(left);
    expect(await readTree(site.root)).toEqual({ 'css/a.css': 'new', 'css/b.css': 'b', 'new/x': 'x' });
  });

  test('leaves nothing where something could not be collected', async () => {
    const site = await newSite({ ...TREE, 'a\\b': '' });
    await site.lifeOf(async (half) => {
      const { report } = await half.begin();
      expect(report.problems).not.toEqual([]);
    });
    expect(await site.state.has('warm')).toBe(false);
  });

  test('leaves nothing after a collect that failed', async () => {
    const site = await newSite();
    await site.lifeOf(async (half) => {
      await half.begin();
      await rm(site.assets, { recursive: true });
      await expect(half.collectAll(EVERYTHING)).rejects.toBeInstanceOf(SourceError);
      await plant(site.assets, TREE);
    });
    expect(await site.state.has('warm')).toBe(false);
  });
});

describe('collecting what was touched', () => {
  test('costs the places, and tells what changed there', async () => {
    const site = await newSite();
    const half = site.half();
    await half.begin();
    await writeFile(join(site.assets, 'css/a.css'), 'longer');
    const collection = await half.collect([join(site.assets, 'css/a.css')]);
    expect(collection).toMatchObject({
      places: ['css/a.css'],
      changes: [{ kind: 'modified', path: 'css/a.css', size: 6 }],
      report: { files: 3, copied: 1, removed: 0 },
    });
    const [entry] = collection.snapshot.entries;
    expect(collection.contents?.of(entry?.digest ?? '')?.toString()).toBe('longer');
  });

  test('collects all where nothing is known yet', async () => {
    const site = await newSite();
    const half = site.half();
    expect(half.snapshot).toBeUndefined();
    expect(await half.collect([join(site.assets, 'css/a.css')])).toMatchObject({
      places: 'all',
      report: { copied: 3 },
    });
  });

  test('collects all where a root was touched', async () => {
    const site = await newSite();
    const half = site.half();
    await half.begin();
    await plant(site.assets, { 'new.css': 'new' });
    expect(await half.collect([site.assets])).toMatchObject({ places: 'all', report: { copied: 1 } });
  });

  test('is done one after another, however many ask at once', async () => {
    const site = await newSite();
    const half = site.half();
    await half.begin();
    const names = Array.from({ length: 20 }, (_, i) => `n${i}.css`);
    await plant(site.assets, Object.fromEntries(names.map((name) => [name, name])));
    await Promise.all(names.map((name) => half.collect([join(site.assets, name)])));
    expect(half.snapshot?.entries).toHaveLength(23);
    expect(half.isBusy).toBe(false);
    expect((await half.collectAll(EVERYTHING)).changes).toEqual([]);
  });

  test('rejects where a source is gone, and goes on when it is back', async () => {
    const site = await newSite();
    const half = site.half();
    await half.begin();
    await rm(site.assets, { recursive: true });
    await expect(half.collect([join(site.assets, 'css/a.css')])).rejects.toBeInstanceOf(SourceError);
    expect(await readTree(site.root)).toEqual(TREE);
    await plant(site.assets, { ...TREE, 'css/a.css': 'back' });
    await half.collectAll(EVERYTHING);
    expect(await readTree(site.root)).toEqual({ ...TREE, 'css/a.css': 'back' });
  });

  test('asks the guard where much is gone at once', async () => {
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`many/${i}`, `${i}`]));
    const site = await newSite(many);
    const half = site.half();
    await half.begin();
    await rm(join(site.assets, 'many'), { recursive: true });
    await expect(half.collect([join(site.assets, 'many')])).rejects.toBeInstanceOf(SafetyError);
    expect(await readTree(site.root)).toEqual(many);
    expect((await half.collectAll({ force: true, reread: false })).report).toMatchObject({ removed: 60 });
  });

  test('is counted: a source that has grown since all was collected, and then lost most of it, is asked for', async () => {
    const site = await newSite();
    const names = Array.from({ length: 20 }, (_, i) => `n${i}.css`);
    await site.lifeOf(async (half) => {
      await half.begin();
      await plant(site.assets, Object.fromEntries(names.map((name) => [name, name])));
      await half.collect(names.map((name) => join(site.assets, name)));
    }, 'leave nothing');
    for (const name of names.slice(3)) await rm(join(site.assets, name));
    await expect(site.half().begin()).rejects.toBeInstanceOf(SafetyError);
    expect(Object.keys(await readTree(site.root))).toHaveLength(23);
  });

  test('is counted: a STATIC_ROOT of somebody else that has grown, and then lost most of it, is asked for', async () => {
    const site = await newSite({}, { storage: 'none' });
    await plant(site.root, { a: 'a', b: 'b' });
    const names = Array.from({ length: 20 }, (_, i) => `n${i}.css`);
    await site.lifeOf(async (half) => {
      await half.begin();
      await plant(site.root, Object.fromEntries(names.map((name) => [name, name])));
      await half.collect(names.map((name) => join(site.root, name)));
    }, 'leave nothing');
    for (const name of names) await rm(join(site.root, name));
    await expect(site.half().begin()).rejects.toBeInstanceOf(SafetyError);
  });

  test('is counted, with storage none as well', async () => {
    const site = await newSite({}, { storage: 'none' });
    await plant(site.root, { a: 'a' });
    const half = site.half();
    await half.begin();
    const counts: (number | undefined)[] = [];
    for (const name of ['b', 'c', 'b', 'c']) {
      const place = join(site.root, name);
      await (counts.length < 2 ? writeFile(place, name) : rm(place));
      await half.collect([place]);
      counts.push((await recall(site.state)).sources.get(rootKey(site.root)));
    }
    expect(counts).toEqual([2, 3, 2, 1]);
  });

  test.each(['plain', 'manifest'])(
    'knows what is whose where it could not be read for a while (%s)',
    async (storage) => {
      const site = await newSite(TREE, { storage, url: '/static/', django: '5.2' });
      const half = site.half();
      await half.begin();
      await plant(site.root, { 'css/theirs.txt': 'theirs' });
      await half.collect([join(site.root, 'css/theirs.txt')]);
      await chmod(join(site.root, 'css'), 0);
      await rm(join(site.assets, 'css/a.css'));
      await withoutRoot(site.folder, () => half.collect([join(site.assets, 'css/a.css')]));
      await chmod(join(site.root, 'css'), 0o755);
      await rm(join(site.assets, 'css/b.css'));
      await half.collect([join(site.assets, 'css'), join(site.root, 'css')]);
      const left = Object.keys(await readTree(site.root)).filter((path) => path.startsWith('css/'));
      expect(left).toEqual(['css/theirs.txt']);
    },
  );

  test.each(['remove', 'keep'])(
    'names no copy that could not be put, whatever changes next (stale: %s)',
    async (stale) => {
      const site = await newSite(TREE, { storage: 'manifest', url: '/static/', django: '5.2', manifest: { stale } });
      const half = site.half();
      await half.begin();
      await plant(site.assets, { 'js/new.js': 'new' });
      await chmod(join(site.root, 'js'), 0o555);
      await withoutRoot(site.folder, () => half.collect([join(site.assets, 'js/new.js')]));
      await writeFile(join(site.assets, 'css/a.css'), 'another');
      const { report } = await withoutRoot(site.folder, () => half.collect([join(site.assets, 'css/a.css')]));
      expect(report.problems.map(({ code, path }) => `${code} ${path}`)).toContain('HELD_BACK staticfiles.json');
      const named = Object.values(
        (JSON.parse(await readFile(join(site.root, 'staticfiles.json'), 'utf8')) as { paths: Record<string, string> })
          .paths,
      );
      const there = Object.keys(await readTree(site.root));
      expect(named.filter((path) => !there.includes(path))).toEqual([]);
      await chmod(join(site.root, 'js'), 0o755);
      await half.collect(['css/a.css', 'js/new.js'].map((path) => join(site.assets, path)));
      expect(await readFile(join(site.root, 'staticfiles.json'), 'utf8')).toContain('js/new.js');
      expect((await half.collectAll(EVERYTHING)).report).toMatchObject({
        copied: 0,
        hashed: 0,
        removed: 0,
        problems: [],
      });
    },
  );

  test('keeps the hashed name of what cannot be read, also where all that was known is lost', async () => {
    const site = await newSite(TREE, { storage: 'manifest', url: '/static/', django: '5.2' });
    await site.lifeOf((half) => half.begin(), 'leave nothing');
    const named = async (): Promise<unknown> =>
      (JSON.parse(await readFile(join(site.root, 'staticfiles.json'), 'utf8')) as { readonly paths: object }).paths;
    const before = await named();
    await rm(site.state.path, { recursive: true });
    await mkdir(site.state.path);
    await chmod(join(site.assets, 'css/b.css'), 0);
    const { report } = await withoutRoot(site.folder, () => site.half().begin());
    expect(report.problems.map(({ code, path }) => `${code} ${path}`)).toEqual(['UNREADABLE css/b.css']);
    expect(await named()).toEqual(before);
  });

  test('finds that a hashed copy went which the last daemon had made at its start', async () => {
    const site = await newSite(TREE, { url: '/static/', django: '5.2' });
    await site.lifeOf((half) => half.begin(), 'leave nothing');
    const config: Config = { ...site.config, static: { ...site.config.static, storage: 'manifest' } };
    const second = site.half(config);
    await second.begin();
    await second.leave();
    await second.end();
    const copies = Object.keys(await readTree(site.root)).filter((path) => /^css\/a\.[0-9a-f]{12}\.css$/.test(path));
    expect(copies).toHaveLength(1);
    await rm(join(site.root, ...copies));
    await site.half(config).begin();
    expect(Object.keys(await readTree(site.root))).toEqual(expect.arrayContaining(copies));
  });

  test('removes what was put off as soon as all can be put', async () => {
    const site = await newSite(TREE, { storage: 'manifest', url: '/static/', django: '5.2' });
    const half = site.half();
    await half.begin();
    await plant(site.assets, { 'js/new.js': 'new' });
    await rm(join(site.assets, 'css/a.css'));
    await chmod(join(site.root, 'js'), 0o555);
    const touched = ['css/a.css', 'js/new.js'].map((path) => join(site.assets, path));
    const { report } = await withoutRoot(site.folder, () => half.collect(touched));
    expect(report.removed).toBe(0);
    expect(report.problems.map(({ code, path }) => `${code} ${path}`)).toEqual([
      expect.stringMatching(/^DENIED js\/new\.[0-9a-f]{12}\.js$/),
      'DENIED js/new.js',
      'HELD_BACK staticfiles.json',
    ]);
    await chmod(join(site.root, 'js'), 0o755);
    await half.collect([join(site.assets, 'js/new.js')]);
    const left = Object.keys(await readTree(site.root));
    expect(left.filter((path) => path.startsWith('css/a.'))).toEqual([]);
    expect((await half.collectAll(EVERYTHING)).report).toMatchObject({ copied: 0, removed: 0, problems: [] });
  });
});

describe('a sweep', () => {
  test('finds what nobody told, and once', async () => {
    const site = await newSite();
    const half = site.half();
    await half.begin();
    await half.collect(await half.sweep());
    expect(await half.sweep()).toEqual([]);
    await writeFile(join(site.assets, 'css/a.css'), 'longer');
    expect(await half.sweep()).toEqual([join(site.assets, 'css/a.css')]);
    expect(await half.sweep()).toEqual([]);
  });

  test('finds a file that was gone when it looked, was there again when it was collected, and went once more', async () => {
    const site = await newSite();
    const half = site.half();
    await half.begin();
    await half.collect(await half.sweep());
    const [file, away] = [join(site.assets, 'css/a.css'), join(site.assets, '../away.css')];
    await rename(file, away);
    const found = await half.sweep();
    await rename(away, file);
    expect((await half.collect(found)).changes).toEqual([]);
    await rename(file, away);
    expect((await half.collect(await half.sweep())).changes).toMatchObject([{ kind: 'removed', path: 'css/a.css' }]);
    await half.collect(await half.sweep());
    await half.collect(await half.sweep());
    expect(await half.sweep()).toEqual([]);
  });

  test('finds a file that came, which was told, and went, which was not', async () => {
    const site = await newSite();
    const half = site.half();
    await half.begin();
    await half.collect(await half.sweep());
    await plant(site.assets, { 'css/late.css': 'late' });
    await half.collect([join(site.assets, 'css/late.css')]);
    await rm(join(site.assets, 'css/late.css'));
    await rm(join(site.root, 'css/late.css'));
    await half.collect(await half.sweep());
    expect([...(half.snapshot?.entries ?? [])].map((entry) => entry.path)).toEqual(Object.keys(TREE));
    await half.collect(await half.sweep());
    expect(await half.sweep()).toEqual([]);
  });

  describe('after very much has changed', () => {
    async function afterMuch() {
      const site = await newSite();
      const half = site.half();
      await half.begin();
      await plant(site.assets, Object.fromEntries(Array.from({ length: 2001 }, (_, i) => [`many/${i}`, `${i}`])));
      await half.collectAll(EVERYTHING);
      return { site, half };
    }

    test('names nothing where nothing is left to be done', async () => {
      const { half } = await afterMuch();
      expect(await half.sweep()).toEqual([]);
      expect(await half.sweep()).toEqual([]);
    });

    test('finds what nobody told, on both sides', async () => {
      const { site, half } = await afterMuch();
      await plant(site.assets, { 'css/a.css': 'longer', 'new/x': 'x' });
      await rm(join(site.assets, 'many/7'));
      await rm(join(site.root, 'js/a.js'));
      const touched = await half.sweep();
      expect([...new Set(touched)].toSorted()).toEqual(
        ['css/a.css', 'js/a.js', 'many/7', 'new/x'].map((path) => join(site.root, path)),
      );
      await half.collect(touched);
      expect(await readTree(site.root)).toMatchObject({ 'css/a.css': 'longer', 'new/x': 'x', 'js/a.js': 'js' });
      expect((await half.collectAll(EVERYTHING)).report).toMatchObject({ copied: 0, removed: 0 });
    });

    test('lets what is saved meanwhile through', async () => {
      const { site, half } = await afterMuch();
      const sweeping = half.sweep();
      const order: string[] = [];
      await writeFile(join(site.assets, 'css/a.css'), 'saved');
      await Promise.all([
        sweeping.then(() => order.push('swept')),
        half.collect([join(site.assets, 'css/a.css')]).then(() => order.push('collected')),
      ]);
      expect(order).toEqual(['collected', 'swept']);
      await half.collect(await sweeping);
      expect((await half.collectAll(EVERYTHING)).report).toMatchObject({ copied: 0, removed: 0 });
    });

    test('leaves it to whoever collects to tell what is wrong', async () => {
      const { site, half } = await afterMuch();
      await rm(site.assets, { recursive: true });
      expect(await half.sweep()).toEqual([site.root]);
    });
  });
});

describe('foreseeing', () => {
  test('gives what collecting would bring, with its content, and writes nothing', async () => {
    const site = await newSite();
    const half = site.half();
    await half.begin();
    await plant(site.assets, { 'css/a.css': 'soon', 'new/x': 'x' });
    await rm(join(site.assets, 'js/a.js'));
    const places = ['css/a.css', 'new', 'js'].map((name) => join(site.assets, name));
    const [before, state] = [await readTree(site.root), await readTree(site.state.path)];
    const foreseen = await half.foresee(places);
    expect(foreseen?.entries.map((entry) => entry.path)).toEqual(['css/a.css', 'new/x']);
    const contents = foreseen?.entries.map(({ digest }) => foreseen.contents.of(digest)?.toString());
    expect(contents).toEqual(['soon', 'x']);
    expect(await readTree(site.root)).toEqual(before);
    expect(await readTree(site.state.path)).toEqual(state);
    const { snapshot } = await half.collect(places);
    const digests = new Map([...snapshot.entries].map((entry) => [entry.path, entry.digest]));
    for (const entry of foreseen?.entries ?? []) expect(digests.get(entry.path)).toBe(entry.digest);
  });

  test('gives nothing where nothing new is to come', async () => {
    const site = await newSite();
    const half = site.half();
    await half.begin();
    expect(await half.foresee([join(site.assets, 'css')])).toBeUndefined();
    expect(await half.foresee([site.assets])).toBeUndefined();
    await rm(site.assets, { recursive: true });
    expect(await half.foresee([join(site.assets, 'css')])).toBeUndefined();
  });
});

describe('with storage none', () => {
  test('takes STATIC_ROOT as it is, begins warm, and writes nothing there', async () => {
    const site = await newSite({}, { storage: 'none' });
    await plant(site.root, TREE);
    await site.lifeOf(async (half) => {
      await half.begin();
      await writeFile(join(site.root, 'css/a.css'), 'longer');
      expect(await half.collect([join(site.root, 'css/a.css')])).toMatchObject({ places: ['css/a.css'] });
    });
    const half = site.half();
    const { snapshot, changes } = await half.begin();
    expect([snapshot.entries.length, changes]).toEqual([3, []]);
    expect(snapshot).toEqual((await half.collectAll(EVERYTHING)).snapshot);
    expect(await readTree(site.root)).toEqual({ ...TREE, 'css/a.css': 'longer' });
  });
});

type Statics = Readonly<Record<string, string | object>>;

interface Site {
  readonly folder: string;
  readonly assets: string;
  readonly root: string;
  readonly state: StateFolder;
  readonly config: Config;
  half(config?: Config, hooks?: Partial<LocalHalfHooks>): LocalHalf;
  /** As a daemon lives, to its end in good order. */
  lifeOf<T>(live: (half: LocalHalf) => Promise<T>, end?: 'leave nothing'): Promise<T>;
  spoilWarm(): Promise<void>;
}

async function newSite(tree: Tree = TREE, { storage = 'plain', ...statics }: Statics = {}): Promise<Site> {
  const folder = await temporaryFolder();
  const [assets, root, file] = [join(folder, 'assets'), join(folder, 'root'), join(folder, 'pushstatic.yaml')];
  await plant(assets, tree);
  const document = {
    site: 'site',
    ...(storage === 'none' ? {} : { source: { dirs: ['assets'] } }),
    static: { root: 'root', storage, ...statics },
    targets: { target: { url: 'file:///srv' } },
  };
  await writeFile(file, stringify(document));
  await chmod(file, 0o600);
  const config = await loadConfig({ file, cwd: folder, env: {} });
  const state = new StateFolder(join(folder, 'state'));
  const half = (own = config, hooks: Partial<LocalHalfHooks> = {}): LocalHalf => {
    const made = new LocalHalf(own, state, { version: '1', thread: THREAD, onWarning: vi.fn(), ...hooks });
    onTestFinished(() => made.end());
    return made;
  };
  return {
    folder,
    assets,
    root,
    state,
    config,
    half,
    async lifeOf(live, end) {
      const living = half();
      const answer = await live(living);
      if (end === undefined) await living.leave();
      await living.end();
      return answer;
    },
    async spoilWarm() {
      const bytes = (await state.read('warm')) ?? Buffer.alloc(0);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      await state.write('warm', bytes);
    },
  };
}
