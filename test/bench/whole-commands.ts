/**
 * Whole commands, start of the program included: pushstatic beside rsync over ssh, interleaved, each way of each job over the
 * same tree to the same server.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { noise } from '../support/noise.js';
import { startRelay } from './relay.js';
import { forget, type Means, pushstatic, rsync, type Side, time } from './sides.js';
import { content, nameOf, plantMany } from './trees.js';
import { median } from './trend.js';

const FAR_MS = 50;
const MIB = 1024 * 1024;
const AT_REST_MS = 1500;

interface Job {
  readonly name: string;
  /** Of ours to theirs, without delay and with a round trip of FAR_MS; undefined where it is not measured. */
  readonly near?: number;
  readonly far?: number;
  /** What is done before each run of a side, and before each run of both. */
  readonly beforeSide?: (side: Side) => void;
  readonly beforeBoth?: (tree: string, run: number) => Promise<void>;
}

interface Tree {
  readonly name: string;
  readonly plant: (tree: string) => Promise<void>;
  readonly jobs: readonly Job[];
}

const FIRST = { name: 'first push', beforeSide: forget };
const NOTHING = { name: 'nothing to do' };
const ONE = {
  name: 'one file changed',
  beforeBoth: (tree: string, run: number): Promise<void> =>
    writeFile(join(tree, nameOf(run)), content(1_000_000 + run)),
};

const MORE = {
  name: 'one file more',
  beforeBoth: (tree: string, run: number): Promise<void> =>
    writeFile(join(dirname(join(tree, nameOf(run))), `more${run}.css`), content(2_000_000 + run)),
};

let going = 50_000; // each file goes once, near or far

/** Not at once: of what others fill a run waits until nothing has come or gone for a second. */
const LESS = {
  name: 'one file less',
  beforeBoth: async (tree: string): Promise<void> => {
    await rm(join(tree, nameOf(going++)));
    await setTimeout(AT_REST_MS);
  },
};

const TREES: readonly Tree[] = [
  {
    name: '10,000 files',
    plant: (tree) => plantMany(tree, 10_000),
    jobs: [
      { ...FIRST, near: 0.9, far: 0.8 },
      { ...NOTHING, near: 0.9, far: 0.6 },
    ],
  },
  {
    name: '100,000 files',
    plant: (tree) => plantMany(tree, 100_000),
    jobs: [
      { ...FIRST, near: 1 },
      { ...NOTHING, near: 0.6, far: 0.6 },
      { ...ONE, near: 0.7, far: 0.8 },
      { ...MORE, near: 0.7, far: 0.8 },
      { ...LESS, near: 0.7, far: 0.8 },
    ],
  },
  {
    name: '6,000 of 6 to 9 KB',
    plant: (tree) => plantMany(tree, 6000, (number) => noise(6000 + (number % 3000), number)),
    jobs: [{ ...FIRST, near: 0.9 }],
  },
  {
    name: 'one of 1 GiB',
    plant: async (tree) => {
      await mkdir(tree, { recursive: true });
      await writeFile(join(tree, 'large.bin'), noise(1024 * MIB));
    },
    jobs: [{ ...FIRST, near: 0.6 }],
  },
];

/** `only`: a part of the name of the tree and the job. */
export async function measureTimes(means: Means, runs: number, only: string): Promise<void> {
  console.log(
    `files of 1 to 4 KB where nothing else is said, ${runs} runs of each, interleaved; medians of whole commands in milliseconds`,
  );
  console.log('job                                 pushstatic       rsync     ratio   bound');
  for (const [i, { name, plant, jobs }] of TREES.entries()) {
    const wanted = jobs.filter((job) => `${name}, ${job.name}`.includes(only));
    if (wanted.length === 0) continue;
    const place = { ...means, folder: join(means.folder, `times-${i}`) };
    const tree = join(place.folder, 'tree');
    await plant(tree);
    for (const roundTripMs of [0, FAR_MS])
      await measureAt(roundTripMs, { ...place, tree }, { name, runs, jobs: wanted });
    await rm(place.folder, { recursive: true });
  }
}

async function measureAt(
  roundTripMs: number,
  place: Means & { readonly tree: string },
  { name, runs, jobs }: { readonly name: string; readonly runs: number; readonly jobs: readonly Job[] },
): Promise<void> {
  const boundOf = (job: Job): number | undefined => (roundTripMs === 0 ? job.near : job.far);
  if (jobs.every((job) => boundOf(job) === undefined)) return;
  const { server, withShell } = place;
  const isNear = roundTripMs === 0;
  const relays = isNear ? [] : await Promise.all([server, withShell].map(({ port }) => startRelay(port, FAR_MS / 2)));
  const [ours, theirs] = [relays[0]?.port ?? server.port, relays[1]?.port ?? withShell.port];
  const sides = [
    await pushstatic(place, ours, `pushstatic-${roundTripMs}`),
    rsync({ ...place, server: withShell }, theirs, `rsync-${roundTripMs}`),
  ];
  for (const job of jobs) {
    const bound = boundOf(job);
    if (bound === undefined) continue;
    const times = await timesOf(job, sides, place.tree, runs);
    show(`${name}, ${job.name}${isNear ? '' : `, ${roundTripMs} ms`}`, sides, times, bound);
  }
  for (const relay of relays) await relay.stop();
}

/** Of each side. The first run warms the caches of the disk, and leaves nothing to do but what the job is about. */
async function timesOf(job: Job, sides: readonly Side[], tree: string, runs: number): Promise<number[][]> {
  const times: number[][] = sides.map(() => []);
  for (let run = 0; run <= runs; run++) {
    await job.beforeBoth?.(tree, run);
    const order = [...sides.entries()];
    for (const [i, side] of run % 2 === 0 ? order : order.toReversed()) {
      job.beforeSide?.(side);
      const ms = await time(side);
      if (run > 0) times[i]?.push(ms);
    }
  }
  return times;
}

function show(job: string, sides: readonly Side[], times: readonly number[][], bound: number): void {
  const [ours = 0, theirs = 0] = times.map(median);
  const columns = [job.padEnd(34), ours.toFixed(0).padStart(10), theirs.toFixed(0).padStart(10)];
  console.log(`${columns.join('  ')}  ${(ours / theirs).toFixed(2).padStart(8)}   ${bound}`);
  for (const [i, { name }] of sides.entries())
    console.log(`        ${name}: ${times[i]?.map((ms) => ms.toFixed(0)).join(' ')}`);
}
