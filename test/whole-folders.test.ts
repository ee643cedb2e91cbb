/** New folders that come with the leaves in them, and everything that can stand in their way. */
import { chmodSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isMark } from '../src/core/lease.js';
import { problemsOf } from '../src/core/outcome.js';
import { nameOf, type RelPath } from '../src/core/relpath.js';
import { TargetError } from '../src/errors.js';
import { openLocal } from '../src/targets/local.js';
import { MemoryTarget } from '../src/targets/memory.js';
import type { Target } from '../src/targets/target.js';
import { Crash, crashAt } from './support/crashing-target.js';
import { controlFiles, makeBench, OUT_AT_ONCE, publicTree, type Site } from './support/cycle.js';
import { path } from './support/entries.js';
import { temporaryFolder } from './support/tree.js';

const BIG = 'x'.repeat(1024 * 1024);
const BASE: Site = { 'app.css': 'app', 'img/old.png': 'old' };
const SET: Site = {
  'set/a.png': 'a',
  'set/b.png': 'b',
  'set/c.png': 'c',
  'set/d.png': 'd',
  'set/inner/e.svg': 'e',
  'set/inner/f.svg': 'f',
  'set/inner/g.svg': 'g',
  'set/inner/h.svg': 'h',
  'set/set.css': 'url(a.png)',
};

describe('a new folder', () => {
  it.each(['at once', 'in one batch'] as const)('is published with its leaves in one request (%s)', async (pace) => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    await bench.publish(target, BASE);
    const calls = callsOf(target);
    const { outcomes, sentBytes } = await bench.publish(calls.target, { ...BASE, ...SET }, { pace });
    expect(calls.of('moveFolder')).toEqual([path('set'), path('set/inner')]);
    expect(calls.of('rename').filter((to) => !to.startsWith('.pushstatic'))).toEqual([path('set/set.css')]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(Array.from({ length: 9 }, () => 'done'));
    expect(sentBytes).toBe(Object.values(SET).join('').length);
    await expectExact(target, { ...BASE, ...SET });
  });

  it('has the mode of new folders, and its files have theirs', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    await bench.publish(target, SET, { folderMode: 0o750 });
    expect(await target.stat(path('set/inner'))).toMatchObject({ kind: 'folder', mode: 0o750 });
    expect(await target.stat(path('set/inner/e.svg'))).toMatchObject({ kind: 'file', mode: 0o644 });
  });

  it('with few leaves is made where it is to be', async () => {
    const bench = await makeBench();
    const calls = callsOf(new MemoryTarget());
    const site = { 'few/a.png': 'a', 'few/b.png': 'b', 'few/c.png': 'c' };
    await bench.publish(calls.target, site);
    expect(calls.of('moveFolder')).toEqual([]);
    expect(await publicTree(calls.target)).toEqual(site);
  });

  it('that was a file is filled file by file, and leaves nothing on the stage', async () => {
    const bench = await makeBench();
    const target = await localTarget(join(await temporaryFolder(), 'served'));
    await bench.publish(target, { set: 'a file' });
    const { outcomes } = await bench.publish(target, SET);
    expect(problemsOf(outcomes)).toEqual([]);
    await expectExact(target, SET);
  });

  it('where two names differ only by case has one of them by itself', async () => {
    const bench = await makeBench();
    const calls = callsOf(new MemoryTarget());
    const site = { 'set/a.png': '1', 'set/A.png': '2', 'set/b.png': '3', 'set/c.png': '4' };
    await bench.publish(calls.target, site);
    expect(calls.of('moveFolder')).toEqual([path('set')]);
    expect(calls.of('rename').filter((to) => !to.startsWith('.pushstatic'))).toHaveLength(1);
    await expectExact(calls.target, site);
  });

  it('has the group that the folder above hands on', async () => {
    const bench = await makeBench();
    const root = join(await temporaryFolder(), 'served');
    mkdirSync(join(root, 'deep'), { recursive: true });
    chmodSync(join(root, 'deep'), 0o2755);
    const target = await localTarget(root);
    const below = Object.fromEntries(Object.entries(SET).map(([name, text]) => [`deep/${name}`, text]));
    const calls = callsOf(target);
    await bench.publish(calls.target, { ...SET, ...below });
    expect(calls.of('moveFolder')).toEqual([path('set'), path('set/inner')]);
    await expectExact(target, { ...SET, ...below });

    chmodSync(root, 0o2755);
    const again = callsOf(await localTarget(root));
    const more = Object.fromEntries(Object.entries(SET).map(([name, text]) => [`more/${name}`, text]));
    await bench.publish(again.target, { ...SET, ...below, ...more });
    expect(again.of('moveFolder')).toEqual([]);
    for (const folder of ['more', 'more/set', 'more/set/inner'])
      expect(statSync(join(root, folder)).mode & 0o7777).toBe(0o2755);
  });

  it('cannot be one that holds something of ours', async () => {
    const bench = await makeBench();
    const calls = callsOf(new MemoryTarget());
    const more = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`img/${i}.png`, `${i}`]));
    await bench.publish(calls.target, BASE);
    await bench.publish(calls.target, { ...BASE, ...more });
    expect(calls.of('moveFolder')).toEqual([]);
    await expectExact(calls.target, { ...BASE, ...more });
  });
});

describe('a folder that somebody else made is left as it is, and filled file by file', () => {
  it.each(['empty', 'with a file in it'])('%s', async (kind) => {
    const bench = await makeBench();
    const root = join(await temporaryFolder(), 'served');
    mkdirSync(join(root, 'set'), { recursive: true, mode: 0o711 });
    if (kind !== 'empty') writeFileSync(join(root, 'set/theirs.txt'), 'theirs');
    const target = await localTarget(root);
    const { outcomes } = await bench.publish(target, SET);
    expect(problemsOf(outcomes)).toEqual([]);
    const theirs: Site = kind === 'empty' ? {} : { 'set/theirs.txt': 'theirs' };
    await expectExact(target, { ...SET, ...theirs });
    expect(await target.stat(path('set'))).toMatchObject({ mode: 0o711 });
  });

  it('nothing goes through a link that appears above it while files are sent', async () => {
    const bench = await makeBench();
    const folder = await temporaryFolder();
    const [root, elsewhere] = [join(folder, 'served'), join(folder, 'elsewhere')];
    mkdirSync(elsewhere);
    const target = await localTarget(root);
    const { outcomes } = await bench.publish(target, SET, {
      onEvent: (event) => {
        if (event.kind === 'phase' && event.phase === 'publish') symlinkSync(elsewhere, join(root, 'set'));
      },
    });
    expect(new Set(problemsOf(outcomes).map(({ code }) => code))).toEqual(new Set(['OBSTRUCTED', 'HELD_BACK']));
    expect(await publicTree(await localTarget(elsewhere))).toEqual({});
  });

  it('nothing goes through a link in its place', async () => {
    const bench = await makeBench();
    const folder = await temporaryFolder();
    const [root, elsewhere] = [join(folder, 'served'), join(folder, 'elsewhere')];
    mkdirSync(root);
    mkdirSync(elsewhere);
    symlinkSync(elsewhere, join(root, 'set'));
    const target = await localTarget(root);
    const { outcomes } = await bench.publish(target, SET);
    expect(new Set(problemsOf(outcomes).map(({ code }) => code))).toEqual(new Set(['OBSTRUCTED', 'HELD_BACK']));
    expect(await publicTree(await localTarget(elsewhere))).toEqual({});
    expect(await controlFiles(target)).not.toContainEqual(expect.stringMatching(/^stage/));
  });
});

describe('where a folder cannot be moved, its files are published one by one', () => {
  it.each([
    ['the first', (to: string) => to === 'set'],
    ['the one in it', (to: string) => to === 'set/inner'],
    ['none', () => true],
  ])('(%s)', async (_, refuses) => {
    const bench = await makeBench();
    const calls = callsOf(new MemoryTarget(), (to) => {
      if (refuses(to)) throw new TargetError('failed', 'Failure');
    });
    const { outcomes } = await bench.publish(calls.target, { ...BASE, ...SET });
    expect(problemsOf(outcomes)).toEqual([]);
    await expectExact(calls.target, { ...BASE, ...SET });
    expect(await calls.target.stat(path('set/inner'))).toMatchObject({ kind: 'folder', mode: 0o755 });
  });

  it('nor one be made on the stage', async () => {
    const bench = await makeBench();
    const target = failing(new MemoryTarget(), 'makeFolder', (at) => /\/run\d+\/\d+$/.test(at));
    const { outcomes } = await bench.publish(target, { ...BASE, ...SET });
    expect(problemsOf(outcomes)).toEqual([]);
    await expectExact(target, { ...BASE, ...SET });
  });

  it('because another run took it for a leftover, nothing is recorded that is not there', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    let isOver = false;
    const meddled = new Proxy(target, {
      get(inner, key) {
        const value: unknown = Reflect.get(inner, key);
        if (typeof value !== 'function') return value;
        if (key !== 'moveFolder') return value.bind(inner) as unknown;
        return async (from: RelPath, to: RelPath): Promise<void> => {
          if (!isOver) {
            isOver = true;
            // It loses the connection before it records anything.
            const lost = failing(target, 'append', () => true, new Crash());
            const other = bench.publish(lost, { 'set/a.png': 'a' }, { lease: OUT_AT_ONCE });
            await expect(other).rejects.toBeInstanceOf(Crash);
          }
          await inner.moveFolder(from, to);
        };
      },
    });
    await expect(bench.publish(meddled, SET)).rejects.toThrow('another run has taken over');
    expect(await publicTree(target)).toEqual({});
    await bench.publish(target, SET);
    expect(await publicTree(target)).toEqual(SET);
  });

  it('with one file missing, the rest is there and nothing that may refer to it', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    const { outcomes } = await bench.publish(target, SET, {
      onEvent: (event) => {
        if (event.kind === 'plan') rmSync(join(bench.root(), 'set/b.png'));
      },
    });
    const { 'set/b.png': _, 'set/set.css': __, ...rest } = SET;
    expect(problemsOf(outcomes).map(({ path: at, code }) => [at, code])).toEqual([
      ['set/b.png', 'CHANGED'],
      ['set/set.css', 'HELD_BACK'],
    ]);
    await expectExact(target, rest);
    await bench.publish(target, SET);
    await expectExact(target, SET);
  });
});

describe('an interrupted push', () => {
  const site = Object.fromEntries(
    ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name) => [`set/${name}.png`, BIG + name]),
  );
  const bytes = Object.values(site).join('').length;

  it.each([
    ['is taken up again', () => undefined, (sent: number) => sent < bytes / 2],
    ['whose notes are lost is done anew', spoilNotes('remove'), (sent: number) => sent === bytes],
    ['whose notes are damaged is done anew', spoilNotes('damage'), (sent: number) => sent === bytes],
  ])('of a new folder %s', async (_, spoil, isRight) => {
    const { bench, target } = await interruptedPush();
    await spoil(target);
    const { sentBytes } = await bench.publish(target, site);
    expect(isRight(sentBytes)).toBe(true);
    await expectExact(target, site);
  });

  it('of a new folder that is interrupted again while it is taken up goes on all the same', async () => {
    const { bench, target } = await interruptedPush();
    for (let again = 0; again < 3; again++) {
      const lost = failing(target, 'rename', () => true, new Crash());
      await expect(bench.publish(lost, site)).rejects.toBeInstanceOf(Crash);
    }
    const { sentBytes } = await bench.publish(target, site);
    expect(sentBytes).toBe(0);
    await expectExact(target, site);
  });

  it('is taken up with the mode that is wanted now', async () => {
    const { bench, target } = await interruptedPush();
    const { index, sentBytes } = await bench.publish(target, site, { fileMode: 0o600 });
    expect(sentBytes).toBe(0);
    for (const entry of index.entries) expect(await target.stat(entry.path)).toMatchObject({ mode: entry.mode });
  });

  it('is done anew where no copy with the mode that is wanted now can be made', async () => {
    const { bench, target } = await interruptedPush();
    const refusing = failing(target, 'patch', () => true);
    const { index } = await bench.publish(refusing, site, { fileMode: 0o600 });
    for (const entry of index.entries) expect(await target.stat(entry.path)).toMatchObject({ mode: 0o600 });
    await expectExact(target, site);
  });

  it('is not taken up from a file that only has the name of a digest', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    await bench.publish(target, { 'a.png': 'right' });
    const [wanted] = (await bench.publish(target, { 'a.png': 'right' })).index.entries;
    if (wanted === undefined) throw new TypeError('nothing was published');
    const other = new MemoryTarget();
    const folders = ['.pushstatic', '.pushstatic/stage', '.pushstatic/stage/run', '.pushstatic/stage/run/0'];
    for (const folder of folders) await other.makeFolder(path(folder), 0o700);
    await other.write(path(`.pushstatic/stage/run/0/${wanted.digest}.png`), () => Buffer.from('wrong'), wanted);
    await bench.forgetState();
    const { sentBytes } = await bench.publish(other, { 'a.png': 'right' });
    expect(sentBytes).toBe(5);
    await expectExact(other, { 'a.png': 'right' });
  });

  /** All is staged, and nothing is published. */
  async function interruptedPush() {
    const bench = await makeBench();
    const target = new MemoryTarget();
    const crashing = crashAt(target, await changesUntil('moveFolder', site), 'before');
    await expect(bench.publish(crashing, site)).rejects.toBeInstanceOf(Crash);
    return { bench, target };
  }
});

async function expectExact(target: Target, site: Site): Promise<void> {
  expect(await publicTree(target)).toEqual(site);
  expect((await all(target)).filter((each) => each.startsWith('.pushstatic/stage/'))).toEqual([]);
}

function spoilNotes(how: 'remove' | 'damage'): (target: MemoryTarget) => Promise<void> {
  return async (target) => {
    const notes = (await all(target)).find((each) => each.endsWith('/notes'));
    if (notes === undefined) throw new TypeError('there are no notes');
    if (how === 'remove') await target.remove(path(notes));
    else await target.append(path(notes), 20, Buffer.from([255]));
  };
}

async function all(target: Target): Promise<string[]> {
  const found: string[] = [];
  for await (const each of target.list(path('.pushstatic'))) found.push(each.path);
  return found.filter((each) => !isMark(nameOf(path(each))));
}

/** The number of the first change of this kind when `site` is published to an empty target. */
async function changesUntil(kind: 'moveFolder', site: Site): Promise<number> {
  const counted = crashAt(new MemoryTarget(), Number.POSITIVE_INFINITY, 'before');
  const at: number[] = [];
  const watched = new Proxy(counted, {
    get(inner, key) {
      if (key === kind) at.push(inner.changes() + 1);
      const value: unknown = Reflect.get(inner, key);
      return typeof value === 'function' ? (value.bind(inner) as unknown) : value;
    },
  });
  const bench = await makeBench();
  await bench.publish(watched, site);
  return at[0] ?? Number.NaN;
}

/** `inner`, of which one kind of request fails for some paths. */
function failing<T extends Target>(
  inner: T,
  kind: 'makeFolder' | 'rename' | 'append' | 'patch',
  isHit: (path: string) => boolean,
  error: Error = new TargetError('failed', 'Failure'),
): T {
  return new Proxy(inner, {
    get(_, key) {
      const value: unknown = Reflect.get(inner, key);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        if (key === kind && isHit(String(args[0]))) return Promise.reject(error);
        return value.apply(inner, args) as unknown;
      };
    },
  });
}

/** `inner`, and where its renames and moves led to. `beforeMove` may throw. */
function callsOf<T extends Target>(inner: T, beforeMove: (to: string) => void = () => undefined) {
  const made: [string, string][] = [];
  const target = new Proxy(inner, {
    get(_, key) {
      const value: unknown = Reflect.get(inner, key);
      if (typeof value !== 'function') return value;
      if (key !== 'rename' && key !== 'moveFolder') return value.bind(inner) as unknown;
      return async (from: string, to: RelPath): Promise<void> => {
        if (!isMark(nameOf(to))) made.push([key, to]);
        if (key === 'moveFolder') beforeMove(to);
        await value.call(inner, from, to);
      };
    },
  });
  return { target, of: (kind: 'rename' | 'moveFolder') => made.filter(([key]) => key === kind).map(([, to]) => to) };
}

function localTarget(root: string): Promise<Target> {
  return openLocal({ url: `file://${root}`, root, control: join(root, '.pushstatic') });
}
