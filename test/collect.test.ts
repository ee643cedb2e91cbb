import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chownSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { chmod, lstat, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { type Collected, type CollectOptions, collect } from '../src/collect/collect.js';
import { explainSources } from '../src/collect/explain-sources.js';
import type { CollectProject } from '../src/collect/project.js';
import { scanOnly } from '../src/collect/scan-only.js';
import { StaticRoot } from '../src/collect/static-root.js';
import { ConfigError, SafetyError, SourceError } from '../src/errors.js';
import { StateFolder } from '../src/fs/state.js';
import { entry as entryOf, path } from './support/entries.js';
import { helperThread } from './support/helper-thread.js';
import { MeddlingPacer } from './support/meddling-pacer.js';
import { fifo, plant, plantRaw, readTree, symlink, type Tree, temporaryFolder, withoutRoot } from './support/tree.js';

const DJANGO_IGNORES = ['CVS', '.*', '*~'];

describe('collect', () => {
  test('puts the files of all sources into STATIC_ROOT, each below its prefix', async () => {
    const site = await newSite(
      { assets: { 'css/a.css': 'a', 'x.js': '' }, vendor: { 'lib.js': 'lib' } },
      { prefixes: { vendor: 'third/party' } },
    );
    const collected = await site.collect();
    expect(await site.tree()).toEqual({ 'css/a.css': 'a', 'third/party/lib.js': 'lib', 'x.js': '' });
    expect(collected).toMatchObject({
      files: 3,
      copied: ['css/a.css', 'third/party/lib.js', 'x.js'],
      removed: [],
      problems: [],
    });
    expect(figures(collected)).toEqual({
      'css/a.css': [1, sha256('a')],
      'third/party/lib.js': [3, sha256('lib')],
      'x.js': [0, sha256('')],
    });
  });

  test('touches nothing when nothing has changed', async () => {
    const site = await newSite({ assets: { 'css/a.css': 'a' } });
    const first = await site.collect();
    const before = await stat(join(site.root, 'css/a.css'), { bigint: true });
    const second = await site.collect();
    expect(second).toMatchObject({ copied: [], removed: [] });
    expect(second.snapshot).toEqual(first.snapshot);
    expect((await stat(join(site.root, 'css/a.css'), { bigint: true })).ctimeNs).toBe(before.ctimeNs);
  });

  test('copies only what differs in content, however its times and size compare', async () => {
    const site = await newSite({ assets: { a: 'one', b: 'one', c: 'one' } });
    await site.collect();
    await site.plant('assets', { a: 'two', b: 'one' }); // b is written anew with what it had
    await utimes(join(site.source('assets'), 'a'), 0, 1000); // older than its copy
    expect((await site.collect()).copied).toEqual(['a']);
    expect(await site.tree()).toEqual({ a: 'two', b: 'one', c: 'one' });
  });

  test('brings back a file of STATIC_ROOT that was changed, removed or replaced by a link', async () => {
    const site = await newSite({ assets: { a: 'a', b: 'b', c: 'c', d: 'd' } });
    await site.collect();
    await plant(site.root, { a: 'A', c: symlink(join(site.source('assets'), 'c')), d: symlink('gone') });
    await rm(join(site.root, 'b'));
    const collected = await site.collect();
    expect(collected).toMatchObject({ copied: ['a', 'b', 'c', 'd'], problems: [] });
    expect(await site.tree()).toEqual({ a: 'a', b: 'b', c: 'c', d: 'd' });
    expect(await site.tree('assets')).toEqual({ a: 'a', b: 'b', c: 'c', d: 'd' });
  });

  test('publishes what others put into STATIC_ROOT, and keeps it', async () => {
    const site = await newSite({ assets: { a: 'a' } });
    await plant(site.root, { 'theirs/x': 'x' });
    const collected = await site.collect();
    expect(figures(collected)).toEqual({ a: [1, sha256('a')], 'theirs/x': [1, sha256('x')] });
    expect(await site.tree()).toEqual({ a: 'a', 'theirs/x': 'x' });
  });

  test('keeps the published time of a file that was written anew with the same content', async () => {
    const site = await newSite({ assets: { a: 'a' } });
    await site.collect();
    await utimes(join(site.root, 'a'), 1000, 1000);
    const touched = await site.collect();
    const [entry] = touched.snapshot.entries;
    expect(entry?.mtime).toBeGreaterThan(1000);
    await plant(site.root, { a: symlink(join(site.source('assets'), 'a')) });
    expect([...(await site.collect()).snapshot.entries]).toEqual([entry]);
  });

  test('collects any name that can be published, whole', async () => {
    const names = [
      ' a ',
      'a%23b',
      'a?b',
      'a#b',
      'a\nb',
      `"'`,
      '🎈',
      'Case',
      'case',
      '\u202eשלום',
      'caf\u00e9',
      'cafe\u0301',
      '-rf',
      'a.',
      `${'ä'.repeat(127)}x`,
    ];
    const tree = Object.fromEntries(names.map((name) => [`${name}/${name}`, name]));
    const site = await newSite({ assets: tree });
    expect((await site.collect()).problems).toEqual([]);
    expect(await site.tree()).toEqual(tree);
  });

  test('collects an empty file, one of many pieces, and one that lies 60 folders deep', async () => {
    const big = Buffer.alloc(5 * 1024 * 1024 + 3, 'pushstatic');
    const deep = `${Array.from({ length: 60 }, (_, i) => `folder-${i}`).join('/')}/file`;
    const site = await newSite({ assets: { empty: '', big, [deep]: 'deep' } });
    await site.collect();
    expect(await site.tree()).toEqual({ empty: '', big: big.toString(), [deep]: 'deep' });
  });

  test('changes nothing in a dry run, and tells what it would do', async () => {
    const site = await newSite({ assets: { a: 'a', b: 'b', gone: '' } });
    await site.collect();
    const before = await site.tree();
    await site.plant('assets', { a: 'A', 'new/c': 'c' });
    await rm(join(site.source('assets'), 'gone'));
    const foreseen = await site.collect({ mode: 'dry-run' });
    expect(foreseen).toMatchObject({ copied: ['a', 'new/c'], removed: ['gone'] });
    expect(await site.tree()).toEqual(before);
    const done = await site.collect();
    expect(done).toMatchObject({ copied: ['a', 'new/c'], removed: ['gone'] });
    expect(figures(foreseen)).toEqual(figures(done));
  });

  test('says that STATIC_ROOT is a link that leads nowhere', async () => {
    const site = await newSite({ assets: { a: 'a' } });
    await plant(site.folder, { static: symlink('gone') });
    await expect(site.collect()).rejects.toThrow(/static is a symbolic link that leads nowhere; make the folder/);
  });

  test.each(['.', '..', 'before'])(
    'refuses a link in a source that leads to STATIC_ROOT, above it or into it: %s',
    async (place) => {
      const site = await newSite({ assets: { a: 'a' } });
      const elsewhere = await temporaryFolder();
      await plant(elsewhere, { 'root/before/it': 'before' });
      await plant(site.folder, { static: symlink(join(elsewhere, 'root')) });
      await site.plant('assets', { deep: symlink(join(elsewhere, 'root', place)) });
      await expect(site.collect()).rejects.toThrow(
        /its link deep leads to STATIC_ROOT .* collected into itself; remove the link/,
      );
      expect(await readTree(elsewhere)).toEqual({ 'root/before/it': 'before' });
    },
  );

  test.each(['sub', '.', '..'])(
    'refuses a link in STATIC_ROOT that leads into a source, to it or above it: %s',
    async (place) => {
      const site = await newSite({ assets: { 'sub/a': 'a', b: 'b' } });
      await plant(site.root, { linked: symlink(join(site.source('assets'), place)) });
      await expect(site.collect()).rejects.toThrow(
        /its link linked leads to what is collected from .*assets; remove the link, and copies will be made there/,
      );
      expect(await readTree(site.source('assets'))).toEqual({ 'sub/a': 'a', b: 'b' });
      await rm(join(site.root, 'linked'));
      await expect(site.collect()).resolves.toMatchObject({ copied: ['b', 'sub/a'] });
    },
  );

  test('takes no link in STATIC_ROOT for one to a source that patterns leave out', async () => {
    const folder = await temporaryFolder();
    await plant(folder, { 'assets/a': 'a', 'assets/built/v2/b': 'b', 'assets/built/latest': symlink('v2') });
    const [assets, root] = [join(folder, 'assets'), join(folder, 'assets/built')];
    const project = {
      sources: [{ path: assets, prefix: '' }],
      ignore: ['built'],
      root,
      permissions: { file: 0o644, dir: null },
    };
    const options = { state: new StateFolder(join(folder, 'state')), mode: 'write' } as const;
    expect(await collect(project, options)).toMatchObject({ copied: ['a'] });
  });

  test('takes no link for one to STATIC_ROOT that is not followed', async () => {
    const site = await newSite({ assets: { a: 'a', loop: symlink('loop'), 'sub/up': symlink('..') } });
    const { problems } = await site.collect();
    expect(problems.map(({ path: at, code }) => [at, code])).toEqual([
      ['loop', 'LINK_LOOP'],
      ['sub/up', 'LINK_LOOP'],
    ]);
    expect(await site.tree()).toEqual({ a: 'a' });
  });

  test('makes no STATIC_ROOT in a dry run', async () => {
    const site = await newSite({ assets: { a: 'a' } });
    expect(figures(await site.collect({ mode: 'dry-run' }))).toEqual({ a: [1, sha256('a')] });
    expect(() => lstatSync(site.root)).toThrow('ENOENT');
  });

  test('leaves nothing but whole files when it is stopped, and the next run finishes', async () => {
    const tree = Object.fromEntries(
      Array.from({ length: 300 }, (_, i) => [`d${i % 7}/f${i}`, `content ${i}`.repeat(1000)]),
    );
    const site = await newSite({ assets: tree });
    for (const wait of [1, 5, 20]) {
      const stopping = new AbortController();
      const running = site.collect({ signal: stopping.signal });
      setTimeout(() => stopping.abort(new SourceError('stopped')), wait);
      await running.catch((error: unknown) => expect(error).toEqual(new SourceError('stopped')));
      for (const [name, content] of Object.entries(await site.tree()))
        expect([name, content]).toEqual([name, tree[name]]);
    }
    await site.collect();
    expect(await site.tree()).toEqual(tree);
    await site.plant('assets', { 'd0/f0': 'last' });
    await rm(join(site.source('assets'), 'd1/f1'));
    expect(await site.collect()).toMatchObject({ copied: ['d0/f0'], removed: ['d1/f1'] }); // all of it is known as ours
  });

  test.each([
    ['alone', 300],
    ['with a helper', 3000],
  ])(
    'is known to have put what it put %s when it is stopped, and takes it back with its source',
    async (who, count) => {
      const tree = Object.fromEntries(Array.from({ length: count }, (_, i) => [`d${i % 7}/f${i}`, `${i}`.repeat(900)]));
      const site = await newSite({ assets: tree });
      const stopping = new AbortController();
      const onEntry = (): void => stopping.abort(new SourceError('stopped'));
      const helper = who === 'alone' ? undefined : await helperThread();
      const running = site.collect({ signal: stopping.signal, onEntry, helper });
      await expect(running).rejects.toEqual(new SourceError('stopped'));
      expect(Object.keys(await site.tree()).length).toBeGreaterThan(0);
      await rm(site.source('assets'), { recursive: true });
      await site.plant('assets', { only: 'one' });
      await site.collect({ force: 'past-guards' });
      expect(await site.tree()).toEqual({ only: 'one' });
    },
  );

  test('sweeps away what a crash left behind an hour ago, and leaves alone what may still be written', async () => {
    const site = await newSite({ assets: { a: 'a' } });
    await plant(site.root, { 'css/.pushstatic-old.tmp': 'half', '.pushstatic-new.tmp': 'half' });
    await utimes(join(site.root, 'css/.pushstatic-old.tmp'), 1000, 1000);
    expect(figures(await site.collect())).toEqual({ a: [1, sha256('a')] });
    expect(await site.tree()).toEqual({ a: 'a', '.pushstatic-new.tmp': 'half', 'css/': '' });
  });

  test('counts what it reads', async () => {
    const site = await newSite({ assets: { a: '12345', b: '' } });
    const onProgress = vi.fn();
    await site.collect({ onProgress });
    expect(onProgress).toHaveBeenCalledWith({ files: 2, bytes: 5 });
  });
});

describe('precedence', () => {
  test('lets the first source win, and tells what it shadows', async () => {
    const site = await newSite({ one: { a: '1' }, two: { a: '2', b: '2' }, three: { a: '3', b: '3' } });
    const { shadowed } = await site.collect();
    expect(await site.tree()).toEqual({ a: '1', b: '2' });
    expect(Object.fromEntries([...shadowed].map(([name, files]) => [name, files.map(({ file }) => file)]))).toEqual({
      a: [join(site.source('two'), 'a'), join(site.source('three'), 'a')],
      b: [join(site.source('three'), 'b')],
    });
  });

  test('lets the shadowed come back when the winner goes, though it is older', async () => {
    const site = await newSite({ one: { a: 'new!', keep: '' }, two: { a: 'old!' } });
    await utimes(join(site.source('two'), 'a'), 1000, 1000);
    await site.collect();
    expect(await site.tree()).toEqual({ a: 'new!', keep: '' });
    await rm(join(site.source('one'), 'a'));
    expect(await site.collect()).toMatchObject({ copied: ['a'], removed: [] });
    expect(await site.tree()).toEqual({ a: 'old!', keep: '' });
  });

  test('lets a file of an earlier source take over, though it is older', async () => {
    const site = await newSite({ one: { keep: '' }, two: { a: 'two' } });
    await site.collect();
    await site.plant('one', { a: 'one' });
    await utimes(join(site.source('one'), 'a'), 1000, 1000);
    await site.collect();
    expect(await site.tree()).toEqual({ a: 'one', keep: '' });
  });

  test('follows the order of the sources when that changes', async () => {
    const site = await newSite({ one: { a: '1', b: '' }, two: { a: '2' } });
    await site.collect();
    const turned = site.project().sources.toReversed();
    expect((await site.collect({}, { sources: turned })).copied).toEqual(['a']);
    expect(await site.tree()).toEqual({ a: '2', b: '' });
  });

  test('keeps the side of the earlier source when two need a path differently, and reports the other', async () => {
    const site = await newSite({ one: { a: 'file' }, two: { 'a/b': 'below', c: 'c' } });
    const { problems, snapshot } = await site.collect();
    expect(await site.tree()).toEqual({ a: 'file', c: 'c' });
    expect(problems).toMatchObject([{ path: 'a/b', step: 'collect', code: 'OBSTRUCTED' }]);
    expect(snapshot.problems).toEqual([]); // nothing is unknown
  });

  test('lets a file become a folder and a folder a file', async () => {
    const site = await newSite({ assets: { a: '1', 'b/c/d': '2', 'b/e': '3' } });
    await site.collect();
    rmSync(site.source('assets'), { recursive: true });
    await site.plant('assets', { 'a/x/y': '4', b: '5' });
    expect((await site.collect()).problems).toEqual([]);
    expect(await site.tree()).toEqual({ 'a/x/y': '4', b: '5' });
  });

  test('never matches an ignore pattern against the prefix', async () => {
    const site = await newSite(
      { assets: { 'b1.txt': '', 'b2.txt': '', 'd/b1.txt': '' } },
      { prefixes: { assets: 'pre' }, ignore: ['pre/b1.txt', 'pre', 'd/b1.txt'] },
    );
    await site.collect();
    expect(await site.tree()).toEqual({ 'pre/b1.txt': '', 'pre/b2.txt': '' });
  });

  test("leaves out what Django's default patterns name", async () => {
    const site = await newSite({ assets: { a: '', '.DS_Store': '', 'x/a~': '', 'CVS/Root': '', 'x/.git/config': '' } });
    await site.collect();
    expect(await site.tree()).toEqual({ a: '' });
  });

  test('takes a file away that a new ignore pattern names', async () => {
    const site = await newSite({ assets: { a: '', 'a.map': '' } });
    await site.collect();
    expect((await site.collect({}, { ignore: ['*.map'] })).removed).toEqual(['a.map']);
    expect(await site.tree()).toEqual({ a: '' });
  });
});

describe('what vanished from the sources', () => {
  test('is removed from STATIC_ROOT, with the folders that were made for it', async () => {
    const site = await newSite({ assets: { a: '', 'x/y/z': '', 'x/keep': '' } });
    await site.collect();
    rmSync(join(site.source('assets'), 'x/y'), { recursive: true });
    const collected = await site.collect();
    expect(collected.removed).toEqual(['x/y/z']);
    expect(await site.tree()).toEqual({ a: '', 'x/keep': '' });
    expect(Object.keys(figures(collected))).toEqual(['a', 'x/keep']);
  });

  test('leaves a folder that was there before, and one in which others have put something', async () => {
    const site = await newSite({ assets: { a: '', 'before/x': '', 'shared/x': '' } });
    await plant(site.root, { 'before/': '' });
    await site.collect();
    await plant(site.root, { 'shared/theirs': '' });
    rmSync(join(site.source('assets'), 'before'), { recursive: true });
    rmSync(join(site.source('assets'), 'shared'), { recursive: true });
    expect((await site.collect()).removed).toEqual(['before/x', 'shared/x']);
    expect(await site.tree()).toEqual({ a: '', 'before/': '', 'shared/theirs': '' });
  });

  test('stays where somebody has changed it, and is theirs from then on', async () => {
    const site = await newSite({ assets: { a: '', b: 'ours' } });
    await site.collect();
    await plant(site.root, { b: 'theirs' });
    await rm(join(site.source('assets'), 'b'));
    expect(await site.collect()).toMatchObject({ removed: [], problems: [] });
    await plant(site.root, { b: 'ours' });
    expect((await site.collect()).removed).toEqual([]);
    expect(await site.tree()).toEqual({ a: '', b: 'ours' });
  });

  test('is removed too where it lay in STATIC_ROOT already, equal to its source', async () => {
    const site = await newSite({ assets: { a: '', b: 'same' } });
    await plant(site.root, { b: 'same' });
    expect((await site.collect()).copied).toEqual(['a']);
    await rm(join(site.source('assets'), 'b'));
    expect((await site.collect()).removed).toEqual(['b']);
  });

  test('stays when the state folder was lost in between, and what is still in the sources is ours again', async () => {
    const site = await newSite({ assets: { a: 'a', b: '' } });
    await site.collect();
    await rm(site.state.path, { recursive: true });
    await rm(join(site.source('assets'), 'b'));
    expect(await site.collect()).toMatchObject({ copied: [], removed: [] });
    await site.plant('assets', { c: '' });
    await rm(join(site.source('assets'), 'a'));
    expect((await site.collect()).removed).toEqual(['a']);
    expect(await site.tree()).toEqual({ b: '', c: '' });
  });

  test('goes with its source when that is no source any more', async () => {
    const site = await newSite({ one: { a: '' }, two: { b: '' } });
    await site.collect();
    expect((await site.collect({}, { sources: [{ path: site.source('one'), prefix: '' }] })).removed).toEqual(['b']);
  });
});

describe('what cannot be read', () => {
  test('keeps its copy, is a problem, and makes the path unknown', async () => {
    const site = await newSite({ assets: { 'css/a.css': 'old', b: '' } });
    await site.collect();
    await site.plant('assets', { 'css/a.css': 'new' });
    await chmod(join(site.source('assets'), 'css/a.css'), 0o000);
    const collected = await site.collectWithoutRoot();
    expect(await site.tree()).toEqual({ 'css/a.css': 'old', b: '' });
    expect(collected.problems).toEqual([
      { path: 'css/a.css', step: 'collect', code: 'UNREADABLE', message: 'it cannot be read: permission denied' },
    ]);
    expect(collected.snapshot.problems).toEqual(collected.problems);
  });

  test('stays ours in STATIC_ROOT too, and is removed when it can be read', async () => {
    const site = await newSite({ assets: { a: '', gone: 'ours' } });
    await site.collect();
    await rm(join(site.source('assets'), 'gone'));
    await utimes(join(site.root, 'gone'), 1000, 1000); // its stamp is another: it must be read again
    await chmod(join(site.root, 'gone'), 0o000);
    const { removed, problems } = await site.collectWithoutRoot();
    expect(removed).toEqual([]);
    expect(problems).toMatchObject([{ path: 'gone', step: 'scan', code: 'UNREADABLE' }]);
    await chmod(join(site.root, 'gone'), 0o644);
    expect((await site.collect()).removed).toEqual(['gone']);
  });

  test('is never taken for gone: a folder, with all that was below it, even over two runs', async () => {
    const site = await newSite({ assets: { 'css/deep/a.css': 'a', 'css/b.css': 'b', c: '' } });
    await site.collect();
    await chmod(join(site.source('assets'), 'css'), 0o000);
    for (let run = 0; run < 2; run++) {
      const { removed, problems } = await site.collectWithoutRoot();
      expect(removed).toEqual([]);
      expect(problems).toMatchObject([{ path: 'css', code: 'UNREADABLE' }]);
    }
    expect(await site.tree()).toEqual({ 'css/deep/a.css': 'a', 'css/b.css': 'b', c: '' });
    await chmod(join(site.source('assets'), 'css'), 0o755);
    await rm(join(site.source('assets'), 'css/b.css'));
    expect((await site.collect()).removed).toEqual(['css/b.css']); // ours still
  });

  test('is not replaced by what it shadows', async () => {
    const site = await newSite({ one: { 'css/a.css': 'one', x: '' }, two: { 'css/a.css': 'two', 'css/b.css': 'two' } });
    await site.collect();
    await chmod(join(site.source('one'), 'css'), 0o000);
    await site.collectWithoutRoot();
    expect(await site.tree()).toEqual({ 'css/a.css': 'one', 'css/b.css': 'two', x: '' });
  });

  test('is reported with its prefix: broken links, FIFOs, names that are not UTF-8 or hold a backslash', async () => {
    const site = await newSite(
      { assets: { ok: '', broken: symlink('gone'), pipe: fifo(), 'a\\b': '' } },
      { prefixes: { assets: 'pre' } },
    );
    await plantRaw(site.source('assets'), Buffer.from([0xff]));
    const { problems } = await site.collect();
    expect(problems.map(({ path: at, step, code }) => `${step} ${code} ${at}`).toSorted()).toEqual([
      'collect BAD_NAME pre/\\xff',
      'collect BAD_NAME pre/a\\b',
      'collect BROKEN_LINK pre/broken',
      'collect NOT_A_FILE pre/pipe',
    ]);
    expect(await site.tree()).toEqual({ 'pre/ok': '' });
  });

  test('is reported when only its prefix makes the path too long', async () => {
    const deep = Array.from({ length: 15 }, (_, i) => `${i}`.padEnd(250, 'x')).join('/');
    const prefix = Array.from({ length: 3 }, () => 'p'.repeat(200)).join('/');
    const site = await newSite({ assets: { [`${deep}/file`]: '', ok: '' } }, { prefixes: { assets: prefix } });
    const { problems } = await site.collect();
    expect(problems).toMatchObject([{ code: 'BAD_NAME', message: 'the path is longer than 4096 bytes; rename it' }]);
  });
});

describe('writing into STATIC_ROOT', () => {
  test('gives files and new folders the modes of the settings, whatever the umask', async () => {
    const site = await newSite({ assets: { 'a/b/c': '' } }, { permissions: { file: 0o664, dir: 0o2750 } });
    await plant(site.folder, { 'static/': '' });
    await chmod(site.root, 0o700);
    await withUmask(0o077, () => site.collect());
    expect(await modes(site.root, '', 'a', 'a/b', 'a/b/c')).toEqual(['700', '2750', '2750', '664']);
  });

  test('gives a new STATIC_ROOT and the folders above it the mode of folders', async () => {
    const site = await newSite({ assets: { a: '' } }, { permissions: { file: null, dir: 0o751 }, root: 'var/static' });
    await site.collect();
    expect(await modes(site.folder, 'var', 'var/static')).toEqual(['751', '751']);
  });

  test('leaves modes to the umask where the settings say nothing', async () => {
    const site = await newSite({ assets: { 'a/b': '' } }, { permissions: { file: null, dir: null } });
    await chmod(join(site.source('assets'), 'a/b'), 0o755);
    const collected = await withUmask(0o027, () => site.collect());
    expect(await modes(site.root, '', 'a', 'a/b')).toEqual(['750', '750', '640']);
    expect([...collected.snapshot.entries]).toMatchObject([{ path: 'a/b', mode: 0o640 }]);
  });

  test('leaves the mode of a file alone that holds the right content', async () => {
    const site = await newSite({ assets: { a: '' } });
    await site.collect();
    await chmod(join(site.root, 'a'), 0o600);
    expect([...(await site.collect()).snapshot.entries]).toMatchObject([{ mode: 0o600 }]);
  });

  test('gives files the group of STATIC_ROOT', async () => {
    const site = await newSite({ assets: { a: '' } });
    // Only root can give a folder to any group; others can choose among their own.
    const group = process.geteuid?.() === 0 ? 12_345 : (process.getgroups?.().at(-1) ?? -1);
    await plant(site.root, {});
    chownSync(site.root, -1, group);
    await site.collect();
    expect((await stat(join(site.root, 'a'))).gid).toBe(group);
  });

  test('writes through a STATIC_ROOT and folders in it that are links', async () => {
    const site = await newSite({ assets: { 'css/a.css': 'a', b: 'b' } });
    const elsewhere = await temporaryFolder();
    await plant(elsewhere, { 'root/': '', 'styles/': '' });
    await plant(site.folder, { static: symlink(join(elsewhere, 'root')) });
    await plant(join(elsewhere, 'root'), { css: symlink('../styles') });
    expect((await site.collect()).problems).toEqual([]);
    expect(await readTree(elsewhere)).toEqual({ 'root/b': 'b', 'root/css': symlink('../styles'), 'styles/a.css': 'a' });
    await rm(join(site.source('assets'), 'css/a.css'));
    expect((await site.collect()).removed).toEqual(['css/a.css']);
    expect(await readTree(elsewhere)).toEqual({ 'root/b': 'b', 'root/css': symlink('../styles'), 'styles/': '' });
  });

  test.each([
    ["somebody's file where a folder must go", { x: 'theirs' }, 'x/y'],
    ["a folder with somebody's file where a file must go", { 'x/theirs': 'theirs' }, 'x'],
    ['a FIFO where a file must go', { x: fifo() }, 'x'],
    ['a FIFO where a folder must go', { x: fifo() }, 'x/y'],
    ['a broken link where a folder must go', { x: symlink('gone') }, 'x/y'],
    ['a link to a folder where a file must go', { x: symlink('other'), 'other/': '' }, 'x'],
    ['a FIFO in a folder where a file must go', { 'x/pipe': fifo() }, 'x'],
  ] satisfies [string, Tree, string][])('reports %s, leaves it there, and puts the rest', async (_, theirs, wanted) => {
    const site = await newSite({ assets: { [wanted]: 'ours', z: 'z' } });
    await plant(site.root, theirs);
    const { problems, snapshot } = await site.collect();
    expect(problems.filter(({ path: at }) => at === wanted).map(({ code }) => code)).toContain('OBSTRUCTED');
    expect(snapshot.problems).toEqual(problems);
    expect(await site.tree()).toEqual({ ...theirs, z: 'z' });
    expect((await site.collect()).removed).toEqual([]);
  });

  test('replaces a folder that holds nothing but empty folders by the file that must go there', async () => {
    const site = await newSite({ assets: { x: 'ours' } });
    await plant(site.root, { 'x/y/z/': '' });
    expect((await site.collect()).problems).toEqual([]);
    expect(await site.tree()).toEqual({ x: 'ours' });
  });

  test('keeps the old file and leaves nothing behind when it may not write', async () => {
    const site = await newSite({ assets: { 'css/a.css': 'old', b: 'old' } });
    await site.collect();
    await site.plant('assets', { 'css/a.css': 'new', b: 'new' });
    await chmod(join(site.root, 'css'), 0o555);
    const { problems, copied } = await site.collectWithoutRoot();
    expect(copied).toEqual(['b']);
    expect(problems).toEqual([
      {
        path: 'css/a.css',
        step: 'collect',
        code: 'DENIED',
        message: 'it cannot be changed in STATIC_ROOT: permission denied',
      },
    ]);
    expect(await site.tree()).toEqual({ 'css/a.css': 'old', b: 'new' });
  });

  test('reports a vanished file that it may not remove, and removes it when it may', async () => {
    const site = await newSite({ assets: { 'css/a.css': '', b: '' } });
    await site.collect();
    await rm(join(site.source('assets'), 'css'), { recursive: true });
    await chmod(join(site.root, 'css'), 0o555);
    const { problems, removed } = await site.collectWithoutRoot();
    expect(removed).toEqual([]);
    expect(problems).toMatchObject([{ path: 'css/a.css', code: 'DENIED' }]);
    await chmod(join(site.root, 'css'), 0o755);
    expect((await site.collect()).removed).toEqual(['css/a.css']);
  });

  test('refuses a STATIC_ROOT that is a file', async () => {
    const site = await newSite({ assets: { a: '' } });
    await plant(site.folder, { static: 'a file' });
    await expect(site.collect()).rejects.toThrow(SourceError);
  });

  test('warns when the state folder cannot be written, and collects all the same', async () => {
    const site = await newSite({ assets: { a: 'a' } });
    await plant(site.folder, { state: 'a file where the folder should be' });
    const onWarning = vi.fn();
    await site.collect({ onWarning });
    expect(await site.tree()).toEqual({ a: 'a' });
    expect(onWarning).toHaveBeenCalledWith(
      expect.stringMatching(
        /^cannot write to the state folder .*\/state: .*; the next run will take longer, and may leave what vanishes from the sources$/,
      ),
    );
  });
});

describe('a source that changes while it is collected', () => {
  test('is collected with the content that it has when it is copied', async () => {
    const site = await newSite({ assets: { a: 'before', b: 'b' } });
    const file = join(site.source('assets'), 'a');
    const { snapshot } = await site.collect({ onProgress: once(() => writeFileSync(file, 'afterwards')) });
    expect(await site.tree()).toEqual({ a: 'afterwards', b: 'b' });
    expect([...snapshot.entries][0]).toMatchObject({ path: 'a', size: 10, digest: sha256('afterwards') });
    expect((await site.collect()).copied).toEqual([]);
  });

  test('is copied as it is in the end when it is cut off while it is copied', async () => {
    const site = await newSite({ assets: { a: Buffer.alloc(3 * 1024 * 1024, 'a') } });
    const file = join(site.source('assets'), 'a');
    const pacer = new MeddlingPacer((breath) => breath === 1 && truncateSync(file, 5));
    const root = new StaticRoot(site.root, site.project().permissions, pacer);
    const { entry } = await root.put({ file }, entryOf('a', 'a', { size: 3 * 1024 * 1024 }));
    expect(entry).toMatchObject({ size: 5, digest: sha256('aaaaa') });
    expect(await site.tree()).toEqual({ a: 'aaaaa' });
  });

  test('keeps its copy when it never holds still, and leaves no half of it', async () => {
    const site = await newSite({ assets: { a: 'old' } });
    await site.collect();
    await site.plant('assets', { a: Buffer.alloc(2 * 1024 * 1024, 'a') });
    const file = join(site.source('assets'), 'a');
    const root = new StaticRoot(
      site.root,
      site.project().permissions,
      new MeddlingPacer(() => appendFileSync(file, 'b')),
    );
    await expect(root.put({ file }, entryOf('a', 'a', { size: 3 * 1024 * 1024 }))).rejects.toMatchObject({
      code: 'CHANGED',
    });
    expect(await site.tree()).toEqual({ a: 'old' });
  });

  test('keeps its copy when it vanishes before it is copied, and is settled by the next run', async () => {
    const site = await newSite({ assets: { a: 'one', b: 'b' } });
    await site.collect();
    await site.plant('assets', { a: 'two' });
    const file = join(site.source('assets'), 'a');
    const { problems, removed } = await site.collect({ onProgress: once(() => unlinkSync(file)) });
    expect(problems).toMatchObject([{ path: 'a', code: 'CHANGED', message: 'it vanished while it was read' }]);
    expect(removed).toEqual([]);
    expect(await site.tree()).toEqual({ a: 'one', b: 'b' });
    expect((await site.collect()).removed).toEqual(['a']);
  });

  test('is a problem when a folder or a FIFO takes its name', async () => {
    const site = await newSite({ assets: { a: 'a', b: 'b' } });
    const file = join(site.source('assets'), 'a');
    const swap = () => {
      renameSync(file, `${file}-was`);
      mkdirSync(file);
    };
    expect((await site.collect({ onProgress: once(swap) })).problems).toMatchObject([
      { path: 'a', code: 'NOT_A_FILE' },
    ]);
    expect(await site.tree()).toEqual({ b: 'b' });
  });

  test('does not lose a file of STATIC_ROOT that somebody changes before it would be removed', async () => {
    const site = await newSite({ assets: { a: '', gone: 'ours' } });
    await site.collect();
    await rm(join(site.source('assets'), 'gone'));
    let calls = 0;
    const onProgress = () => {
      if (++calls === 2) writeFileSync(join(site.root, 'gone'), 'now it is theirs'); // STATIC_ROOT was scanned
    };
    expect((await site.collect({ onProgress })).removed).toEqual([]);
    expect(await site.tree()).toEqual({ a: '', gone: 'now it is theirs' });
  });
});

describe('guards', () => {
  test('refuse a source that is missing or no folder, by its name, before anything changes', async () => {
    const site = await newSite({ one: { a: '1' }, two: { b: '2' } });
    await site.collect();
    await site.plant('one', { a: '11' });
    rmSync(site.source('two'), { recursive: true });
    await expect(site.collect({ force: 'past-guards' })).rejects.toThrow(
      new SourceError(
        `cannot collect from ${site.source('two')}: no such folder; mount it, or remove it from source.dirs`,
      ),
    );
    await plant(site.folder, { two: 'a file' });
    await expect(site.collect()).rejects.toThrow(
      new SourceError(`cannot collect from ${site.source('two')}: it is no folder; correct source.dirs`),
    );
    expect(await site.tree()).toEqual({ a: '1', b: '2' });
  });

  test('refuse a source that has lost its files, until they are told to pass it', async () => {
    const site = await newSite({
      one: { a: '' },
      two: Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`f${i}`, ''])),
    });
    await site.collect();
    rmSync(site.source('two'), { recursive: true });
    mkdirSync(site.source('two'));
    const message = `cannot collect from ${site.source('two')}: it had 12 files at the last run and has 0 now; if that is right, sync or collect with --force`;
    for (const mode of ['write', 'dry-run', 'write'] as const)
      await expect(site.collect({ mode })).rejects.toThrow(new SafetyError(message));
    expect(Object.keys(await site.tree())).toHaveLength(13);
    expect((await site.collect({ force: 'past-guards' })).removed).toHaveLength(12);
    expect((await site.collect()).removed).toEqual([]); // and that is the number to compare with from now on
  });

  test('refuse a source that has lost more than half of its files', async () => {
    const site = await newSite({ one: Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`f${i}`, ''])) });
    await site.collect();
    for (let i = 0; i < 7; i++) unlinkSync(join(site.source('one'), `f${i}`));
    await expect(site.collect()).rejects.toThrow('it had 12 files at the last run and has 5 now');
  });

  test('refuse a first run in which every source is empty', async () => {
    const site = await newSite({ one: {}, two: {} });
    await expect(site.collect()).rejects.toThrow(SafetyError);
    expect(await site.tree()).toEqual({});
    expect((await site.collect({ force: 'past-guards' })).files).toBe(0);
  });

  test.each([
    ['STATIC_ROOT itself', 'static'],
    ['a folder around it', '.'],
  ])('refuse %s as a source', async (_, where) => {
    const site = await newSite({ one: { a: '' } });
    const sources = [{ path: join(site.folder, where), prefix: '' }];
    mkdirSync(site.root);
    await expect(site.collect({}, { sources })).rejects.toThrow(ConfigError);
  });

  test('let a source lie around STATIC_ROOT whose ignore patterns leave it out', async () => {
    const site = await newSite({ one: { a: '' } });
    const project = { sources: [{ path: site.folder, prefix: '' }], ignore: ['stat*'] };
    expect((await site.collect({}, project)).copied).toEqual(['one/a']);
    expect((await site.collect({}, project)).copied).toEqual([]);
  });

  test.each(['.pushstatic', '.pushstatic/x', '../x', 'a//b', '/a'])('refuse the prefix %j', async (prefix) => {
    const site = await newSite({ one: { a: '' } }, { prefixes: { one: prefix } });
    await expect(site.collect()).rejects.toThrow(ConfigError);
  });
});

describe('scanOnly', () => {
  test('gives what lies in STATIC_ROOT and changes nothing', async () => {
    const site = await newSite({});
    await plant(site.root, { a: 'a', broken: symlink('gone') });
    const { entries, problems } = await scanOnly(site.root, { state: site.state, mode: 'write' });
    expect([...entries]).toMatchObject([{ path: 'a', size: 1, digest: sha256('a') }]);
    expect(problems).toMatchObject([{ path: 'broken', step: 'scan', code: 'BROKEN_LINK' }]);
  });

  test('refuses one that is missing or a file', async () => {
    const site = await newSite({});
    await expect(scanOnly(site.root, { state: site.state, mode: 'write' })).rejects.toThrow(
      new SourceError(`cannot read ${site.root}: no such folder; fill it first, or correct static.root`),
    );
    await plant(site.folder, { static: '' });
    await expect(scanOnly(site.root, { state: site.state, mode: 'write' })).rejects.toThrow(SourceError);
  });

  test('refuses one that is empty at the first run, or empty now, until it is told to pass the guard', async () => {
    const site = await newSite({});
    mkdirSync(site.root);
    await expect(scanOnly(site.root, { state: site.state, mode: 'write' })).rejects.toThrow(SafetyError);
    await plant(site.root, { a: '' });
    await scanOnly(site.root, { state: site.state, mode: 'write' });
    await rm(join(site.root, 'a'));
    await expect(scanOnly(site.root, { state: site.state, mode: 'write' })).rejects.toThrow(
      'it had 1 files at the last run and has 0 now',
    );
    expect(await scanOnly(site.root, { state: site.state, mode: 'write', force: 'past-guards' })).toMatchObject({
      entries: { length: 0 },
    });
  });

  test('forgets nothing of what collect has put', async () => {
    const site = await newSite({ assets: { a: '', b: '' } });
    await site.collect();
    await scanOnly(site.root, { state: site.state, mode: 'write' });
    await rm(join(site.source('assets'), 'b'));
    expect((await site.collect()).removed).toEqual(['b']);
  });
});

describe('explainSources', () => {
  test('names the winner, the shadowed and the pattern that leaves the path out elsewhere', async () => {
    const site = await newSite(
      { one: { 'x/a': '' }, two: { a: '' }, three: { 'x/a': '' } },
      { prefixes: { two: 'x' }, ignore: ['x/?'] },
    );
    const found = await explainSources(site.project(), path('x/a'));
    expect(found).toEqual({
      winner: { path: 'x/a', source: 1, file: join(site.source('two'), 'a') },
      problem: undefined,
      shadowed: [],
      ignoredBy: 'x/?',
    });
    const { winner, shadowed } = await explainSources({ ...site.project(), ignore: [] }, path('x/a'));
    expect([winner, ...shadowed].map((each) => each?.source)).toEqual([0, 1, 2]);
  });

  test('finds nothing for folders, for what is missing, and below files', async () => {
    const site = await newSite({ one: { 'x/a': '' } });
    for (const name of ['x', 'y', 'x/a/b']) {
      expect(await explainSources(site.project(), path(name))).toEqual({
        winner: undefined,
        problem: undefined,
        shadowed: [],
        ignoredBy: undefined,
      });
    }
  });

  test('tells of each path the problem that a run has with it, and no winner then', async () => {
    const site = await newSite({
      one: { file: '', fine: '', late: '', 'css/a': '' },
      two: { 'file/sub': '', fine: '', dangling: '', 'css/a': '' },
    });
    await plant(site.source('one'), { dangling: symlink('nowhere'), 'css/loop': symlink('..'), pipe: fifo() });
    await plant(site.source('two'), { late: symlink('nowhere') });
    const { problems } = await site.collect();
    const told = Object.fromEntries(problems.map((problem) => [problem.path, problem]));
    expect(Object.keys(told).toSorted()).toEqual(['css/loop', 'dangling', 'file/sub', 'late', 'pipe']);
    expect(Object.keys(await readTree(site.root)).toSorted()).toEqual(['css/a', 'file', 'fine', 'late']);
    for (const [name, of] of [
      ['dangling', 'dangling'],
      ['file/sub', 'file/sub'],
      ['css/loop', 'css/loop'],
      ['css/loop/css/a', 'css/loop'],
      ['pipe', 'pipe'],
      ['fine', undefined],
      ['late', undefined],
    ] as const) {
      const { winner, problem } = await explainSources(site.project(), path(name));
      expect([name, problem]).toEqual([name, of === undefined ? undefined : told[of]]);
      expect([name, winner?.source]).toEqual([name, of === undefined ? 0 : undefined]);
    }
  });
});

interface Settings {
  readonly prefixes?: Readonly<Record<string, string>>;
  readonly ignore?: readonly string[];
  readonly permissions?: CollectProject['permissions'];
  readonly root?: string;
}

/** A project in a temporary folder: its sources by name, in order of precedence, its STATIC_ROOT and its state. */
class Site {
  readonly folder: string;
  readonly root: string;
  readonly state: StateFolder;
  readonly #names: readonly string[];
  readonly #settings: Settings;

  constructor(folder: string, names: readonly string[], settings: Settings) {
    this.folder = folder;
    this.root = join(folder, settings.root ?? 'static');
    this.state = new StateFolder(join(folder, 'state'));
    this.#names = names;
    this.#settings = settings;
  }

  source(name: string): string {
    return join(this.folder, name);
  }

  project(): CollectProject {
    const { prefixes = {}, ignore = DJANGO_IGNORES, permissions = { file: 0o644, dir: null } } = this.#settings;
    const sources = this.#names.map((name) => ({ path: this.source(name), prefix: prefixes[name] ?? '' }));
    return { sources, ignore, root: this.root, permissions };
  }

  collect(options: Partial<CollectOptions> = {}, project: Partial<CollectProject> = {}): Promise<Collected> {
    return collect({ ...this.project(), ...project }, { state: this.state, mode: 'write', ...options });
  }

  collectWithoutRoot(): Promise<Collected> {
    return withoutRoot(this.folder, () => this.collect());
  }

  async plant(name: string, tree: Tree): Promise<void> {
    await plant(this.source(name), tree);
  }

  tree(name?: string): Promise<Tree> {
    return readTree(name === undefined ? this.root : this.source(name));
  }
}

async function newSite(sources: Readonly<Record<string, Tree>>, settings: Settings = {}): Promise<Site> {
  const site = new Site(await temporaryFolder(), Object.keys(sources), settings);
  for (const [name, tree] of Object.entries(sources)) await site.plant(name, tree);
  return site;
}

function figures({ snapshot }: Collected): Record<string, readonly [number, string]> {
  return Object.fromEntries([...snapshot.entries].map((entry) => [entry.path, [entry.size, entry.digest] as const]));
}

function sha256(content: string): string {
  return createHash('sha256').update(content).digest('hex');
}

function once(act: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) act();
    isDone = true;
  };
}

async function modes(folder: string, ...names: readonly string[]): Promise<string[]> {
  const all = await Promise.all(names.map((name) => lstat(join(folder, name))));
  return all.map(({ mode }) => (mode & 0o7777).toString(8));
}

async function withUmask<T>(mask: number, work: () => Promise<T>): Promise<T> {
  const before = process.umask(mask);
  try {
    return await work();
  } finally {
    process.umask(before);
  }
}
