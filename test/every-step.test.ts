/**
 * A crash at every step: each request of a push that changes something is the last one once, and once more the last one whose
 * reply is lost. After each, no published file is torn or names one that is not there, the index claims nothing that is not so,
 * and the next run ends the work, with and without what this machine remembers.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { problemsOf } from '../src/core/outcome.js';
import { IndexStore } from '../src/push/index/store.js';
import type { CycleOptions } from '../src/sync.js';
import { MemoryTarget } from '../src/targets/memory.js';
import { Crash, crashAt } from './support/crashing-target.js';
import { type Bench, controlFiles, makeBench, publicTree, type Site } from './support/cycle.js';
import { digest, path } from './support/entries.js';

const SITE: Site = {
  'app.css': 'url(img/a.png)',
  'app.js': 'script',
  'img/a.png': 'a',
  'img/b.png': 'b',
  'index.html': 'page, app.css',
  'set/one.svg': '1',
  'set/three.svg': '3',
  'set/two.svg': '2',
  'set/four.svg': '4',
};
/** Names so long that the journal of a second version makes a third one begin a new snapshot. */
const LONG: Site = Object.fromEntries(
  Array.from({ length: 130 }, (_, i) => [`${digest(`${i}`).repeat(3)}-${i}.txt`, `${i}`]),
);

interface Story {
  /** What was published one after another before. */
  readonly before: readonly Site[];
  readonly after: Site;
  /** What somebody else writes to the target in between, of which the index knows nothing until it is repaired. */
  readonly drift?: Site;
  readonly options?: Partial<CycleOptions>;
  /** It takes long: after each stop, what this machine remembers is either kept or lost, in turns. */
  readonly isLong?: true;
}

const STORIES: Readonly<Record<string, Story>> = {
  'a first push': { before: [], after: SITE },
  'an update': {
    before: [SITE],
    after: {
      ...SITE,
      'app.css': 'url(img/new.png)',
      'img/new.png': 'new',
      'index.html': 'page 2, app.css',
      'app.js': 's 2',
    },
  },
  'a removal': {
    before: [SITE],
    after: { 'app.css': 'url(img/a.png)', 'img/a.png': 'a', 'index.html': 'page, app.css' },
  },
  'a rename': {
    before: [SITE],
    after: {
      'app.css': 'url(pictures/a.png)',
      'app.js': 'script',
      'index.html': 'page, app.css',
      'moved.html': 'page, app.css',
      'pictures/a.png': 'a',
      'pictures/b.png': 'b',
      'set/1.svg': '1',
    },
  },
  'a repair': {
    before: [SITE],
    after: SITE,
    drift: { 'app.js': 'spoilt', 'img/b.png': 'B' },
    options: { distrust: 'index' },
  },
  'a new snapshot of the index': {
    before: [LONG, newVersionOf(LONG, 2)],
    after: { ...newVersionOf(LONG, 2), 'one.txt': 'one', 'two.txt': 'two' },
    isLong: true,
  },
};

const MEMORY = ['kept', 'lost'] as const;

const stops = new Map<string, number>();

describe('a crash at every step', () => {
  afterAll(() => {
    const all = [...stops.values()].reduce((sum, each) => sum + each, 0);
    const each = [...stops].map(([name, count]) => `${name} ${count}`).join(', ');
    process.stdout.write(`${all} stops at ${stops.size} kinds of pushes: ${each}\n`);
  });

  for (const [name, story] of Object.entries(STORIES)) {
    it.each(['before it takes effect', 'after it did, its reply lost'] as const)(`of ${name}, %s`, async (when) => {
      const bench = await makeBench();
      const moment = when === 'before it takes effect' ? 'before' : 'after';
      const counted = crashAt(await targetBefore(bench, story), Number.POSITIVE_INFINITY, 'before');
      await bench.publish(counted, story.after, story.options);
      const total = counted.changes();
      expect(total).toBeGreaterThan(4);
      for (let at = 1; at <= total; at++) {
        for (const memory of story.isLong ? [MEMORY[at % 2]] : MEMORY) {
          const target = await targetBefore(bench, story);
          const crashing = crashAt(target, at, moment);
          await expect(bench.publish(crashing, story.after, story.options)).rejects.toBeInstanceOf(Crash);
          await expectSound(target, story);
          await expectTrueIndex(bench, target, story.drift);

          if (memory === 'lost') await bench.forgetState();
          const { outcomes } = await bench.publish(target, story.after, story.options);
          expect(problemsOf(outcomes)).toEqual([]);
          expect(await publicTree(target)).toEqual(sorted(story.after));
          await expectTrueIndex(bench, target);
          // A run that has nothing to do looks for no leftovers; the first one that changes something takes them away.
          await bench.publish(target, { ...story.after, 'one-more.txt': '1' });
          expect(await controlFiles(target)).toEqual(['head', 'journal', 'snapshot']);
          stops.set(name, (stops.get(name) ?? 0) + 1);
        }
      }
    });
  }
});

async function targetBefore(bench: Bench, { before, drift = {} }: Story): Promise<MemoryTarget> {
  const target = new MemoryTarget();
  await bench.forgetState();
  for (const site of before) await bench.publish(target, site);
  for (const [name, text] of Object.entries(drift)) {
    await target.write(path(name), () => Buffer.from(text), { size: text.length, mtime: 1_500_000_000, mode: 0o644 });
  }
  return target;
}

/** Each name holds one of its contents, whole, and what a file names is there. */
async function expectSound(target: MemoryTarget, { before, after, drift = {} }: Story): Promise<void> {
  const tree = await publicTree(target);
  for (const [name, text] of Object.entries(tree)) {
    expect([...before, after, drift].map((site) => site[name])).toContain(text);
  }
  const image = /url\((.*)\)/.exec(tree['app.css'] ?? '')?.[1];
  if (image !== undefined) expect(Object.keys(tree)).toContain(image);
  for (const page of ['index.html', 'moved.html']) if (page in tree) expect(Object.keys(tree)).toContain('app.css');
}

/** What the index on the target is certain of lies there with that content, but for what `drift` says. */
async function expectTrueIndex(bench: Bench, target: MemoryTarget, drift: Site = {}): Promise<void> {
  const cache = bench.state.folder('another-machine');
  const known = await new IndexStore(target, { ...bench.options(), cache }).load();
  await cache.remove('head');
  if (known.kind !== 'index') return;
  const tree = await publicTree(target);
  const certain = [...known.index.entries].filter((entry) => !(entry.path in drift));
  expect(certain.map((entry) => [entry.path, entry.digest])).toEqual(
    certain.map((entry) => [entry.path, digest(tree[entry.path] ?? 'not there')]),
  );
}

function newVersionOf(site: Site, version: number): Site {
  return Object.fromEntries(Object.entries(site).map(([name, text]) => [name, `${text} ${version}`]));
}

function sorted(site: Site): Site {
  return Object.fromEntries(Object.entries(site).sort(([a], [b]) => (a < b ? -1 : 1)));
}
