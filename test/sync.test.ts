import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ToSign } from '../src/core/delta/signature.js';
import { problemsOf } from '../src/core/outcome.js';
import { placesOf } from '../src/core/places.js';
import { CONTROL, type RelPath } from '../src/core/relpath.js';
import { resumed } from '../src/cycle/resumed.js';
import { TargetError } from '../src/errors.js';
import { committedBefore } from '../src/push/committed.js';
import { HEAD } from '../src/push/index/store.js';
import { Connection, type CycleOptions, type TargetJob, type Wanted } from '../src/sync.js';
import { MemoryTarget } from '../src/targets/memory.js';
import { Crash, crashAt } from './support/crashing-target.js';
import { type Bench, controlFiles, isStaged, makeBench, type Pace, publicTree, type Site } from './support/cycle.js';
import { path } from './support/entries.js';
import { hooked } from './support/hooked-target.js';

const OLD: Site = {
  'app.css': 'url(img/a.png)',
  'app.js': 'old script',
  'gone/deep/x.txt': 'x',
  'img/a.png': 'a',
  'img/b.png': 'b',
  'index.html': 'old page',
  turns: 'a file that becomes a folder',
};
const NEW: Site = {
  'app.css': 'url(img/new.png)',
  'app.js': 'old script',
  gone: 'a folder that becomes a file',
  'img/a.png': 'A',
  'img/moved.png': 'b',
  'img/new.png': 'new',
  'img/twin.png': 'new',
  'index.html': 'new page',
  'set/a.png': 'set a',
  'set/b.png': 'set b',
  'set/c.png': 'set c',
  'set/d.png': 'set d',
  'set/twin.png': 'set a',
  'set/inner/a.svg': 'inner a',
  'set/inner/b.svg': 'inner b',
  'set/inner/c.svg': 'inner c',
  'set/inner/d.svg': 'inner d',
  'set/set.css': 'url(a.png)',
  'turns/into.txt': 'y',
};

describe('a cycle', () => {
  it('makes the target equal to what is wanted, and leaves nothing but the index beside it', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    for (const site of [OLD, NEW, OLD, {}]) {
      const { outcomes } = await bench.publish(target, site);
      expect(problemsOf(outcomes)).toEqual([]);
      expect(await publicTree(target)).toEqual(site);
      expect(await controlFiles(target)).toEqual(['head', 'journal', 'snapshot']);
    }
    const left = [];
    for await (const each of target.list(undefined)) left.push(each.path);
    expect(left).toEqual([]);
  });

  it('changes nothing when nothing changed', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    await bench.publish(target, OLD);
    const watched = crashAt(target, Number.POSITIVE_INFINITY, 'before');
    const { unchanged, index } = await bench.publish(watched, OLD);
    expect([watched.changes(), unchanged, index.generation]).toEqual([0, 7, 1]);
  });

  it('needs no local state: the index on the target is enough', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    await bench.publish(target, OLD);
    await bench.forgetState();
    const watched = crashAt(target, Number.POSITIVE_INFINITY, 'before');
    await bench.publish(watched, OLD);
    expect(watched.changes()).toBe(0);
  });

  it('goes on after many small changes as after one, through every rewriting of the journal', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`${i}.txt`, `${i}`]));
    for (let round = 0; round < 8; round++) {
      const site = Object.fromEntries(Object.entries(many).map(([name, text]) => [name, `${text} ${round}`]));
      await bench.publish(target, site);
      if (round % 2 === 0) await bench.forgetState();
      expect(await publicTree(target)).toEqual(site);
      // A journal begins to be there with its first segment.
      expect([
        ['head', 'snapshot'],
        ['head', 'journal', 'snapshot'],
      ]).toContainEqual(await controlFiles(target));
    }
  });

  it('keeps the index that the target has, and none that another machine replaced, on each of two that publish in turn', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    for (let round = 0; round < 12; round++) {
      const cache = bench.state.folder(round % 2 === 0 ? 'one' : 'another');
      const texts = Array.from({ length: 300 }, (_, i) => [`${i}.txt`, `${i} ${round}`]);
      await bench.publish(target, Object.fromEntries(texts) as Site, { cache });
      const kept = (await cache.names()).filter((name) => /^(?:snapshot|journal)-/.test(name));
      expect(kept.length).toBeLessThanOrEqual(2);
      expect(kept.map((name) => path(`.pushstatic/${name}`)).sort()).toEqual(await indexFiles(target));
    }
  });
});

describe('a crash', () => {
  it.each([
    ['before', 'at once'],
    ['after', 'at once'],
    ['before', 'one by one'],
    ['after', 'one by one'],
    ['before', 'in one batch'],
    ['after', 'in one batch'],
  ] as const)(
    '%s any change, content brought over %s, leaves whole files and true references, and the next run on any machine finishes',
    async (moment, pace) => {
      const bench = await makeBench();
      const total = await countChanges(bench, pace);
      expect(total).toBeGreaterThan(25);
      for (let at = 1; at <= total; at++) {
        const target = new MemoryTarget();
        await bench.forgetState();
        await bench.publish(target, OLD);
        const crashing = crashAt(target, at, moment);
        await expect(bench.publish(crashing, NEW, { pace })).rejects.toBeInstanceOf(Crash);
        await expectSound(target);

        // Every other time on a machine that knows nothing.
        if (at % 2 === 0) await bench.forgetState();
        const { outcomes } = await bench.publish(target, NEW, { pace });
        expect(problemsOf(outcomes)).toEqual([]);
        expect(await publicTree(target)).toEqual(NEW);
        await expectTidyAfterNextChange(bench, target, NEW);
      }
    },
  );

  it.each(['before', 'after'] as const)('%s any change of a push in shares leaves the same', async (moment) => {
    const bench = await makeBench();
    const { gone: _, 'turns/into.txt': __, ...site } = NEW; // what must be cleared away first is no matter of shares
    const inShares = { filesInShare: 2, pace: 'one by one' } as const;
    const total = await countChanges(bench, 'one by one', site, inShares);
    expect(total).toBeGreaterThan(60);
    for (let at = 1; at <= total; at++) {
      const target = new MemoryTarget();
      await bench.forgetState();
      await bench.publish(target, OLD);
      await expect(bench.publish(crashAt(target, at, moment), site, inShares)).rejects.toBeInstanceOf(Crash);
      await expectSound(target);
      if (at % 2 === 0) await bench.forgetState();
      const { outcomes } = await bench.publish(target, site, at % 3 === 0 ? inShares : {});
      expect(problemsOf(outcomes)).toEqual([]);
      expect(await publicTree(target)).toEqual(site);
      await expectTidyAfterNextChange(bench, target, site);
    }
  });

  it('of a push in shares loses no more than the share it was in', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    const site = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${i}.txt`, `${i}`]));
    const inShares = { filesInShare: 10, concurrency: 1 } as const;
    const counted = crashAt(new MemoryTarget(), Number.POSITIVE_INFINITY, 'before');
    await bench.publish(counted, site, inShares);
    await bench.forgetState();
    const late = Math.floor(counted.changes() * 0.9);
    await expect(bench.publish(crashAt(target, late, 'before'), site, inShares)).rejects.toBeInstanceOf(Crash);
    expect(Object.keys(await publicTree(target)).length).toBeGreaterThanOrEqual(40);
    const { outcomes } = await bench.publish(target, site, inShares);
    expect(outcomes.length).toBeLessThanOrEqual(10);
    expect(await publicTree(target)).toEqual(site);
  });

  it('and a source that went back to its old content do not hide a file that was half-way', async () => {
    const bench = await makeBench();
    const total = await countChanges(bench);
    for (let at = 1; at <= total; at++) {
      const target = new MemoryTarget();
      await bench.forgetState();
      await bench.publish(target, OLD);
      await expect(bench.publish(crashAt(target, at, 'after'), NEW)).rejects.toBeInstanceOf(Crash);
      await bench.publish(target, OLD);
      expect(await publicTree(target)).toEqual(OLD);
    }
  });

  it.each(['at once', 'one by one', 'in one batch'] as const)(
    'of the very first push, content brought over %s, loses no more than time',
    async (pace) => {
      const bench = await makeBench();
      const counted = crashAt(new MemoryTarget(), Number.POSITIVE_INFINITY, 'before');
      await bench.publish(counted, OLD, { pace });
      await bench.forgetState();
      for (let at = 1; at <= counted.changes(); at++) {
        const target = new MemoryTarget();
        await bench.forgetState();
        await expect(bench.publish(crashAt(target, at, 'after'), OLD, { pace })).rejects.toBeInstanceOf(Crash);
        await bench.publish(target, OLD, { pace });
        expect(await publicTree(target)).toEqual(OLD);
        await expectTidyAfterNextChange(bench, target, OLD);
      }
    },
  );

  it('while files are staged does not make the next run send them again', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    const site = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${i}.txt`, `${i}`]));
    await expect(bench.publish(crashAt(target, 45, 'before'), site, { concurrency: 1 })).rejects.toBeInstanceOf(Crash);
    const { sentBytes } = await bench.publish(target, site, { concurrency: 1 });
    const all = Object.values(site).join('').length;
    expect(sentBytes).toBeGreaterThan(0);
    expect(sentBytes).toBeLessThan(all / 2);
  });

  it('leaves no staged file in the way of a push that has no use for it', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    const big = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${i}.txt`, `big ${i}`]));
    await expect(bench.publish(crashAt(target, 45, 'before'), big, { concurrency: 1 })).rejects.toBeInstanceOf(Crash);
    expect((await controlFiles(target)).filter((name) => name.startsWith('stage/')).length).toBeGreaterThan(20);

    // The disk is still full: nothing at all can be written for the small site either.
    const full = failing(target, 'write');
    await expect(bench.publish(full, { 'small.txt': 's' })).rejects.toMatchObject({ kind: 'no-space' });
    expect((await controlFiles(target)).filter((name) => name.startsWith('stage/'))).toEqual([]);
  });

  function failing(target: MemoryTarget, method: 'write'): MemoryTarget {
    return new Proxy(target, {
      get(inner, key) {
        if (key === method) return () => Promise.reject(new TargetError('no-space', 'no space left'));
        const value: unknown = Reflect.get(inner, key);
        return typeof value === 'function' ? (value.bind(inner) as unknown) : value;
      },
    });
  }

  async function countChanges(
    bench: Bench,
    pace: Pace['pace'] = 'at once',
    site: Site = NEW,
    rest: { readonly filesInShare?: number } = {},
  ): Promise<number> {
    const target = new MemoryTarget();
    await bench.forgetState();
    await bench.publish(target, OLD);
    const counted = crashAt(target, Number.POSITIVE_INFINITY, 'before');
    await bench.publish(counted, site, { pace, ...rest });
    return counted.changes();
  }

  /** A run that has nothing to do looks for no leftovers; the first one that changes something takes them away. */
  async function expectTidyAfterNextChange(bench: Bench, target: MemoryTarget, site: Site): Promise<void> {
    await bench.publish(target, { ...site, 'one-more.txt': '1' });
    expect(await controlFiles(target)).toEqual(['head', 'journal', 'snapshot']);
  }

  /** Each name holds its old content or its new one, and what is named by a style sheet is there. */
  async function expectSound(target: MemoryTarget): Promise<void> {
    const tree = await publicTree(target);
    for (const [name, text] of Object.entries(tree)) expect([OLD[name], NEW[name]]).toContain(text);
    const image = /url\((.*)\)/.exec(tree['app.css'] ?? '')?.[1] ?? '';
    expect(tree[image]).toBeDefined();
    if ('set/set.css' in tree) expect(Object.keys(tree)).toContain('set/a.png');
    if (tree['index.html'] === NEW['index.html']) expect(tree['app.css']).toBe(NEW['app.css']);
  }
});

describe('a file that is not what was planned any more (F43)', () => {
  it.each([
    ['grows', (file: string) => appendFileSync(file, 'more')],
    ['shrinks', (file: string) => writeFileSync(file, '')],
    ['is replaced by another of its size', (file: string) => writeFileSync(file, 'B')],
    ['vanishes', (file: string) => rmSync(file)],
  ])('and %s is a problem, is never published, and holds back what may refer to it', async (_, spoil) => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    const site = { 'a.png': 'A', 'app.css': 'url(a.png)' };
    const { outcomes } = await bench.publish(target, site, {
      onEvent: (event) => {
        if (event.kind === 'plan') spoil(join(bench.root(), 'a.png'));
      },
    });
    expect(problemsOf(outcomes).map((problem) => [problem.path, problem.step, problem.code])).toEqual([
      ['a.png', 'stage', 'CHANGED'],
      ['app.css', 'publish', 'HELD_BACK'],
    ]);
    expect(await publicTree(target)).toEqual({});
    await bench.publish(target, site);
    expect(await publicTree(target)).toEqual(site);
  });
});

describe('a push in shares', () => {
  const inShares = { filesInShare: 2, pace: 'one by one' } as const;

  it('makes the target equal to what is wanted, and leaves nothing but the index beside it', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    for (const site of [OLD, NEW, OLD, {}]) {
      const { outcomes } = await bench.publish(target, site, inShares);
      expect(problemsOf(outcomes)).toEqual([]);
      expect(await publicTree(target)).toEqual(site);
      expect(await controlFiles(target)).toEqual(['head', 'journal', 'snapshot']);
    }
  });

  it('sends no content twice, whichever shares it is in', async () => {
    const bench = await makeBench();
    const site = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`${i}.png`, 'the same'.repeat(1000)]));
    const { sentBytes, linked } = await bench.publish(new MemoryTarget(), site, { filesInShare: 2 });
    expect([sentBytes, linked]).toEqual([8000, 8]);
  });

  it('goes on with what cannot refer to a file that failed, and holds back the rest', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    const leaves = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`${i}.png`, `${i}`]));
    const site = { ...leaves, 'app.css': 'url(0.png)', 'app.js': 'app', 'index.html': 'page' };
    const { outcomes } = await bench.publish(target, site, {
      filesInShare: 2,
      onEvent: (event) => {
        if (event.kind === 'plan') writeFileSync(join(bench.root(), '1.png'), 'B');
      },
    });
    expect(problemsOf(outcomes).map(({ path: at, code }) => [at, code])).toEqual([
      ['1.png', 'CHANGED'],
      ['app.css', 'HELD_BACK'],
      ['app.js', 'HELD_BACK'],
      ['index.html', 'HELD_BACK'],
    ]);
    const { '1.png': __, ...whole } = leaves;
    expect(await publicTree(target)).toEqual(whole);
    expect(await controlFiles(target)).not.toContainEqual(expect.stringContaining('stage/'));
    await bench.publish(target, site, { filesInShare: 2 });
    expect(await publicTree(target)).toEqual(site);
  });

  it('that is gone on with tells of what was committed before it broke off', async () => {
    const bench = await makeBench();
    const site = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`${i}.png`, `picture ${i}`]));
    const bytes = Object.values(site).join('').length;
    const counted = crashAt(new MemoryTarget(), Number.POSITIVE_INFINITY, 'before');
    await bench.publish(counted, site, { filesInShare: 10 });
    let told = 0;
    for (let at = 1; at <= counted.changes(); at += 3) {
      await bench.forgetState();
      const target = new MemoryTarget();
      const error: unknown = await bench
        .publish(crashAt(target, at, 'before'), site, { filesInShare: 10 })
        .catch((crash: unknown) => crash);
      const before = committedBefore([error]);
      const rest = await bench.publish(target, site, { filesInShare: 10 });
      const { plan, outcomes, unchanged, linked, patched, sentBytes } = resumed(rest, before);
      const paths = outcomes.map(({ step }) => step.path);
      expect([new Set(paths).size, plan.changes.length, linked, patched]).toEqual([paths.length, paths.length, 0, 0]);
      // Of the share that was being published, some may be found to be there.
      expect([paths.length + unchanged, unchanged <= 10, sentBytes <= bytes]).toEqual([30, true, true]);
      expect([0, 10, 20, 30]).toContain(before.outcomes.length);
      if (before.outcomes.length > 0) told++;
    }
    expect(told).toBeGreaterThan(5);
  });

  it('changes no name that nobody knows of before all is staged', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    await bench.publish(target, OLD);
    await bench.forgetState();
    await target.remove(path('.pushstatic/head'));
    const old = new Set(Object.keys(OLD));
    const seen: string[] = [];
    const watched = new Proxy(target, {
      get(inner, key) {
        const value: unknown = Reflect.get(inner, key);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (key === 'write' && isStaged(String(args[0]))) seen.push('staged');
          if (key === 'rename' && old.has(String(args[1]))) seen.push('replaced');
          return (value as (...all: unknown[]) => unknown).apply(inner, args);
        };
      },
    });
    await bench.publish(watched, Object.fromEntries(Object.keys(OLD).map((name) => [name, `other ${name}`])), {
      filesInShare: 2,
    });
    expect(seen.lastIndexOf('staged')).toBeLessThan(seen.indexOf('replaced'));
    expect(seen).toContain('replaced');
  });

  it.each(['at once', 'one by one'] as const)(
    'leaves nothing on a disk that is full, content brought over %s',
    async (pace) => {
      const site = Object.fromEntries(
        Array.from({ length: 60 }, (_, i) => [`${i}.${i % 4 === 3 ? 'css' : 'png'}`, `${i}`.padEnd(1000, '.')]),
      );
      for (const quota of [20_000, 32_000, 40_000, 45_000, 60_000]) {
        const bench = await makeBench();
        const target = new MemoryTarget();
        const full = withQuota(target, quota);
        const result = await bench.publish(full, site, { filesInShare: 10, pace }).catch((error: unknown) => error);
        if (result instanceof Error) expect(result).toMatchObject({ kind: 'no-space' });
        else {
          const { outcomes } = result as Awaited<ReturnType<Bench['publish']>>;
          expect(outcomes.map(({ step }) => step.path).toSorted()).toEqual(Object.keys(site).toSorted());
          expect(problemsOf(outcomes).map(({ code }) => code)).toContain('NO_SPACE');
        }
        expect((await controlFiles(target)).filter((name) => name.startsWith('stage/'))).toEqual([]);
        for (const [name, text] of Object.entries(await publicTree(target))) expect(text).toBe(site[name]);
      }
    },
  );

  it('keeps its index where a disk is full, and nothing is removed', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    await bench.publish(target, { 'a.css': 'a', 'b.css': 'b' });
    const before = await headOf(target);
    const full = hooked(target, (kind) => {
      if (kind === 'write' || kind === 'append') throw new TargetError('no-space', 'no space left');
    });
    const change = { 'a.css': 'another', 'b.css': 'b' };
    await bench.publish(full, change, { pace: 'one by one' }).catch((error: unknown) => {
      expect(error).toMatchObject({ kind: 'no-space' });
    });
    expect(await headOf(target)).toEqual(before);
  });

  it('records what it did where what it removed has made room for that', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    await bench.publish(target, { 'a.css': 'a', 'b.css': 'b' });
    let [isAnnounced, isFull, refused] = [false, false, 0];
    const filling = hooked(target, (kind, args) => {
      const place = String(kind === 'rename' ? args[1] : args[0]);
      if (kind === 'rename' && place.includes('head')) isFull = isAnnounced = true;
      if (kind === 'remove' && place === 'b.css') isFull = false;
      if (!isFull || kind === 'rename' || kind === 'remove' || !/journal|snapshot|head/.test(place)) return;
      refused++;
      throw new TargetError('no-space', 'no space left');
    });
    const { outcomes } = await bench.publish(filling, { 'a.css': 'a', 'c.css': 'c' });
    expect(outcomes.map(({ kind }) => kind)).toEqual(['done', 'done']);
    expect([isAnnounced, refused > 0]).toEqual([true, true]);
    const { plan } = await bench.publish(target, { 'a.css': 'a', 'c.css': 'c' });
    expect(plan.changes).toEqual([]);
  });

  it('takes over what an interrupted one had staged for any share', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    const site = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${i}.txt`, `${i}`]));
    await expect(bench.publish(crashAt(target, 45, 'before'), site, { concurrency: 1 })).rejects.toBeInstanceOf(Crash);
    const { sentBytes } = await bench.publish(target, site, { concurrency: 1, filesInShare: 4 });
    expect(sentBytes).toBeLessThan(Object.values(site).join('').length / 2);
    expect(await publicTree(target)).toEqual(site);
  });
});

async function headOf(target: MemoryTarget): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of target.read(HEAD)) pieces.push(piece);
  return Buffer.concat(pieces).toString('hex');
}

/** A disk that holds so many bytes. */
function withQuota(target: MemoryTarget, quota: number): MemoryTarget {
  const sizes = new Map<string, number>();
  const need = (name: string, size: number): void => {
    const others = [...sizes].reduce((sum, [each, bytes]) => sum + (each === name ? 0 : bytes), 0);
    if (others + size > quota) throw new TargetError('no-space', `no space left for ${name}`);
    sizes.set(name, size);
  };
  const move = (from: string, to: string): void => {
    for (const [name, size] of sizes) {
      if (name !== from && !name.startsWith(`${from}/`)) continue;
      sizes.delete(name);
      sizes.set(to + name.slice(from.length), size);
    }
  };
  return new Proxy(target, {
    get(inner, key) {
      const value: unknown = Reflect.get(inner, key);
      if (typeof value !== 'function') return value;
      if (key === 'list' || key === 'read' || key === 'close') return value.bind(inner) as unknown;
      return async (name: string, ...args: unknown[]) => {
        if (key === 'write') need(name, (args[1] as { size: number }).size);
        if (key === 'append') need(name, (args[0] as number) + (args[1] as Uint8Array).length);
        if (key === 'rename' || key === 'moveFolder') move(name, args[0] as string);
        if (key === 'remove') sizes.delete(name);
        return (value as (...all: unknown[]) => unknown).call(inner, name, ...args);
      };
    },
  });
}

describe('content that is brought over ahead', () => {
  it('is what the target lacks, and nothing else', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    await bench.publish(target, OLD, { pace: 'one by one' });
    const { sentBytes, outcomes } = await bench.publish(target, { ...OLD, 'img/a.png': 'A!' }, { pace: 'one by one' });
    expect([sentBytes, outcomes.length]).toEqual([2, 1]);
    expect(await controlFiles(target)).toEqual(['head', 'journal', 'snapshot']);
  });

  it('makes no request where nothing is to be done', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    await bench.publish(target, OLD);
    const watched = crashAt(target, Number.POSITIVE_INFINITY, 'before');
    await bench.publish(watched, OLD, { pace: 'one by one' });
    expect(watched.changes()).toBe(0);
  });

  it('is not sent where it lies already and only the index is lost', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    await bench.publish(target, OLD);
    await bench.forgetState();
    await target.remove(path('.pushstatic/head'));
    const { sentBytes } = await bench.publish(target, OLD, { pace: 'one by one' });
    expect(sentBytes).toBe(0);
    expect(await publicTree(target)).toEqual(OLD);
    expect(await controlFiles(target)).toEqual(['head', 'snapshot']);
  });

  it('is taken away again when a guard refuses the plan', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    await bench.publish(target, OLD);
    const before = await controlFiles(target);
    const limit = { kind: 'count', count: 1 } as const;
    const refused = bench.publish(target, { 'new.png': 'new' }, { limit, pace: 'one by one' });
    await expect(refused).rejects.toMatchObject({ name: 'SafetyError' });
    expect(await publicTree(target)).toEqual(OLD);
    expect(await controlFiles(target)).toEqual(before);
  });

  it('is not sent any more once a guard has refused the plan', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    await bench.publish(target, OLD);
    const site = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`${i}.bin`, `${i}`.padEnd(20_000, '.')]));
    const limit = { kind: 'count', count: 1 } as const;
    const watched = crashAt(target, Number.POSITIVE_INFINITY, 'before');
    // At this rate all of it would take a minute and a half.
    const refused = bench.publish(watched, site, { limit, pace: 'one by one', bandwidth: 40_000 });
    await expect(refused).rejects.toMatchObject({ name: 'SafetyError' });
    expect(watched.changes()).toBeLessThan(100);
    expect((await controlFiles(target)).filter((name) => name.startsWith('stage/'))).toEqual([]);
  });

  it('is none in a dry run', async () => {
    const bench = await makeBench();
    const watched = crashAt(new MemoryTarget(), Number.POSITIVE_INFINITY, 'before');
    await bench.publish(watched, OLD, { act: 'only-plan', pace: 'one by one' });
    expect(watched.changes()).toBe(0);
  });
});

describe('a guard', () => {
  it('stops the cycle before anything is marked or changed', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    await bench.publish(target, OLD);
    const watched = crashAt(target, Number.POSITIVE_INFINITY, 'before');
    const limit = { kind: 'count', count: 1 } as const;
    await expect(bench.publish(watched, { 'app.js': 'old script' }, { limit })).rejects.toMatchObject({
      name: 'SafetyError',
    });
    expect(watched.changes()).toBe(0);
  });
});

describe('a connection that is kept', () => {
  const A = { a: 'a', 'css/a.css': 'ca', 'css/b.css': 'cb', gone: 'gone' } satisfies Site;

  async function connect(bench: Bench, target: MemoryTarget, rest: Partial<TargetJob> = {}) {
    const job = bench.job(target, rest);
    const connection = await Connection.open(job, bench.options());
    let site: Site = {};
    return {
      connection,
      cycle: async (next: Site, places?: readonly string[], more: Partial<Wanted & CycleOptions> = {}) => {
        site = next;
        const snapshot = await bench.plant(site);
        const part = places === undefined ? {} : { places: placesOf(places.map(path)) };
        const { removals, ...options } = more;
        return connection.cycle(Promise.resolve({ snapshot, removals, ...part }), { ...bench.options(), ...options });
      },
    };
  }

  it('waits for the signatures of what it brought when it is closed, and in no cycle', async () => {
    const { connection, cycle } = await connect(await makeBench(), new MemoryTarget());
    const signed: Promise<void>[] = [];
    let goOn: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const sign = (files: readonly ToSign[]): Promise<void> => {
      expect(files).toHaveLength(1);
      signed.push(held);
      return held;
    };
    for (const letter of ['a', 'b']) await cycle({ 'app.js': letter.repeat(5000) }, undefined, { sign });
    const events: string[] = [];
    const closing = connection.close().then(() => events.push('closed'));
    await setImmediate();
    const signing = held.then(() => events.push('signed'));
    goOn();
    await Promise.all([closing, signing]);
    expect([signed.length, events]).toEqual([2, ['signed', 'closed']]);
  });

  it('gives by place what a whole cycle gives', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    const { cycle } = await connect(bench, target);
    await cycle(A);
    const { gone: _, ...B } = { ...A, 'css/a.css': 'new', 'css/deep/c.css': 'cc' };
    const { index, plan } = await cycle(B, ['css/a.css', 'css/deep', 'gone']);
    expect(plan.changes.map((change) => change.path)).toEqual(['css/a.css', 'css/deep/c.css', 'gone']);
    expect(await publicTree(target)).toEqual(B);
    expect([...index.entries].map((entry) => entry.path)).toEqual(Object.keys(B).toSorted());
    const watched = crashAt(target, Number.POSITIVE_INFINITY, 'before');
    await bench.forgetState();
    await bench.publish(watched, B);
    expect(watched.changes()).toBe(0);
  });

  it('asks anew what the target holds after a cycle that was refused', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    await bench.publish(target, A);
    const { cycle } = await connect(bench, target, { limit: { kind: 'count', count: 1 } });
    const B = { a: 'a' };
    await expect(cycle(B)).rejects.toMatchObject({ name: 'SafetyError' });
    await bench.forgetState();
    await bench.publish(target, B); // by another run, without a limit
    await expect(cycle(B)).resolves.toMatchObject({ outcomes: [], unchanged: 1 });
    await bench.publish(target, { a: 'of another run' });
    await expect(cycle(B)).resolves.toMatchObject({ outcomes: [{ kind: 'done', step: { path: 'a' } }] });
    expect(await publicTree(target)).toEqual(B);
  });

  it('leaves alone what lies in no place, though it is different', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    const { cycle } = await connect(bench, target);
    await cycle(A);
    await cycle({ a: 'A', 'css/a.css': 'A' }, ['css/a.css']);
    expect(await publicTree(target)).toEqual({ ...A, 'css/a.css': 'A' });
    await cycle({ a: 'A', 'css/a.css': 'A' });
    expect(await publicTree(target)).toEqual({ a: 'A', 'css/a.css': 'A' });
  });

  it('asks for nothing but the head where nothing lies in the places', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    const watched = crashAt(target, Number.POSITIVE_INFINITY, 'before');
    const { cycle } = await connect(bench, watched as unknown as MemoryTarget);
    await cycle(A);
    const changes = watched.changes();
    await cycle(A, []);
    await cycle(A, ['css']);
    expect(watched.changes()).toBe(changes);
  });

  it('notices another run, and reads what that left before it compares all', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    const { cycle } = await connect(bench, target);
    await cycle(A);
    const other = await makeBench();
    await other.publish(target, { a: 'theirs', strange: 'theirs' });
    const next = { ...A, a: 'ours' };
    const { plan } = await cycle(next, ['a']);
    expect(plan.changes.length).toBeGreaterThan(1);
    expect(await publicTree(target)).toEqual(next);
    const { plan: after } = await cycle({ ...next, a: 'again' }, ['a']);
    expect(after.changes.map((change) => change.path)).toEqual(['a']);
  });

  it('removes what a session that broke off before it staged only while the first cycle went on', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    const { cycle } = await connect(bench, target);
    await cycle(A);
    const stage = path('.pushstatic/stage');
    const late = path(`${stage}/broken-off`);
    for (const folder of [stage, late]) await target.makeFolder(folder, 0o700);
    await cycle({ ...A, a: 'A' }, ['a']);
    expect(await target.stat(late)).toBe(undefined);
  });

  it('holds removals, and does them in a later cycle of the same places', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    const { cycle } = await connect(bench, target);
    await cycle(A);
    const { gone: _, ...B } = { ...A, a: 'A' };
    await cycle(B, ['a', 'gone'], { removals: 'hold' });
    expect(await publicTree(target)).toEqual({ ...B, gone: 'gone' });
    await cycle(B, ['gone']);
    expect(await publicTree(target)).toEqual(B);
  });

  it('guards by all that the target holds, not by what lies in the places', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    const { cycle } = await connect(bench, target, { limit: { kind: 'share', share: 0.5 } });
    await cycle(A);
    const { gone: _, ...B } = A;
    await cycle(B, ['gone']);
    expect(await publicTree(target)).toEqual(B);
    await expect(cycle({ a: 'a' }, ['css'])).rejects.toMatchObject({ name: 'SafetyError' });
    expect(await publicTree(target)).toEqual(B);
    await cycle({ ...B, a: 'still good' }, ['a']);
    expect(await publicTree(target)).toEqual({ ...B, a: 'still good' });
  });

  it('goes on through many cycles, and every rewriting of the journal, with nothing left beside the index', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    const { connection, cycle } = await connect(bench, target);
    const site: Record<string, string> = {};
    await cycle({ ...site, first: '0' });
    for (let round = 0; round < 100; round++) {
      const name = `${`${'x'.repeat(250)}/`.repeat(3)}${round % 10}`;
      site[name] = `${round}`;
      await cycle({ ...site, first: '0' }, [name]);
    }
    expect(connection.index?.generation).toBe(101);
    expect(await publicTree(target)).toEqual({ ...site, first: '0' });
    expect((await controlFiles(target)).filter((name) => name.startsWith('snapshot'))).toHaveLength(1);
    expect((await controlFiles(target)).length).toBeLessThanOrEqual(3);
    await bench.forgetState();
    const watched = crashAt(target, Number.POSITIVE_INFINITY, 'before');
    await bench.publish(watched, { ...site, first: '0' });
    expect(watched.changes()).toBe(0);
  });

  it('whose cycle came to nothing goes on with the next', async () => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    const { connection, cycle } = await connect(bench, target);
    await cycle(A);
    const failed = connection.cycle(Promise.reject(new TargetError('failed', 'no')), bench.options());
    await expect(failed).rejects.toThrow('no');
    await cycle({ ...A, a: 'A' }, ['a']);
    expect(await publicTree(target)).toEqual({ ...A, a: 'A' });
  });

  it('gives, after any sequence of changes by place, what one whole cycle gives', async () => {
    const names = ['a', 'a-b', 'b/a', 'b/c/d', 'c'];
    const aStep = fc.record({
      edits: fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom('', 'x', 'yy', undefined)), { maxLength: 3 }),
      hold: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(aStep, { maxLength: 6 }), async (steps) => {
        const bench = await makeBench();
        const target = new MemoryTarget();
        const { cycle } = await connect(bench, target);
        const site: Record<string, string> = {};
        await cycle(site);
        let held: string[] = [];
        for (const { edits, hold } of steps) {
          for (const [name, text] of edits) {
            if (text === undefined) delete site[name];
            else site[name] = text;
          }
          const places = [...held, ...edits.map(([name]) => name)];
          await cycle({ ...site }, places, hold ? { removals: 'hold' } : {});
          held = hold ? places : [];
        }
        await cycle({ ...site }, held);
        expect(await publicTree(target)).toEqual(
          Object.fromEntries(Object.entries(site).sort(([a], [b]) => (a < b ? -1 : 1))),
        );
      }),
      { numRuns: 50 },
    );
  });
});

async function indexFiles(target: MemoryTarget): Promise<RelPath[]> {
  const found: RelPath[] = [];
  for await (const { path: at } of target.list(CONTROL)) if (/\/(?:snapshot|journal)-/.test(at)) found.push(at);
  return found.sort();
}
