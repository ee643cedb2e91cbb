/**
 * Bytes on the wire, in both directions, with all that a connection costs: pushstatic beside rsync over ssh, for the same
 * change of the same tree.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { noise } from '../support/noise.js';
import { startRelay } from './relay.js';
import { type Means, pushstatic, rsync, type Side, time } from './sides.js';
import { nameOf } from './trees.js';

const MIB = 1024 * 1024;

interface Job {
  readonly name: string;
  readonly bound: number;
  readonly plant: (tree: string) => Promise<void>;
  /** What is done to the tree after a first push; undefined where that is what counts. */
  readonly change?: (tree: string) => Promise<void>;
}

const JOBS: readonly Job[] = [
  { name: 'first push of 3,000 twins', bound: 0.55, plant: (tree) => plantTwins(tree, 1500) },
  {
    name: 'a byte changed in 64 MiB',
    bound: 0.7,
    plant: (tree) => plantLarge(tree),
    change: (tree) => edit(tree, (bytes) => bytes.fill((bytes[MIDDLE] ?? 0) ^ 1, MIDDLE, MIDDLE + 1)),
  },
  {
    name: '1 KiB inserted before 64 MiB',
    bound: 0.7,
    plant: (tree) => plantLarge(tree),
    change: (tree) => edit(tree, (bytes) => Buffer.concat([noise(1024, 2), bytes])),
  },
  {
    name: '64 MiB file renamed',
    bound: 0.001,
    plant: (tree) => plantLarge(tree),
    change: (tree) => rename(join(tree, LARGE), join(tree, 'renamed.bin')),
  },
];

export async function measureWireBytes(means: Means): Promise<void> {
  console.log('bytes on the wire, both directions, all of the connection counted');
  console.log('job                              pushstatic         rsync    ratio   bound');
  for (const [i, job] of JOBS.entries()) await measure(job, join(means.folder, `bytes-${i}`), means);
}

async function measure(job: Job, folder: string, { server, withShell, environment }: Means): Promise<void> {
  const tree = join(folder, 'tree');
  await mkdir(tree, { recursive: true });
  await job.plant(tree);
  const relays = await Promise.all([startRelay(server.port, 0), startRelay(withShell.port, 0)]);
  const sides: Side[] = [
    await pushstatic({ folder, tree, server, environment }, relays[0].port, 'pushstatic'),
    rsync({ folder, tree, server: withShell, environment }, relays[1].port, 'rsync'),
  ];
  if (job.change !== undefined) {
    for (const side of sides) await time(side);
    await job.change(tree);
  }
  const before = relays.map((relay) => relay.bytes());
  for (const side of sides) await time(side);
  const [ours = 0, theirs = 0] = relays.map((relay, i) => relay.bytes() - (before[i] ?? 0));
  const columns = [job.name.padEnd(30), String(ours).padStart(12), String(theirs).padStart(12)];
  console.log(`${columns.join('  ')}  ${(ours / theirs).toPrecision(3).padStart(7)}   ${job.bound}`);
  for (const relay of relays) await relay.stop();
  await rm(folder, { recursive: true });
}

const SMALLEST = 512;
const DOUBLINGS = 7;

/** `files` files of 512 bytes to 64 KB, half of them below 6 KB, each of them twice, as a manifest storage leaves them. */
async function plantTwins(tree: string, files: number): Promise<void> {
  for (let number = 0; number < files; number++) {
    const name = nameOf(number);
    const bytes = noise(Math.round(SMALLEST * 2 ** ((DOUBLINGS * number) / files)), number);
    await mkdir(dirname(join(tree, name)), { recursive: true });
    for (const each of [name, name.replace(/(\.\w+)$/, '.0123456789ab$1')]) await writeFile(join(tree, each), bytes);
  }
}

const LARGE = 'large.bin';

const MIDDLE = 33_333_333;

async function edit(tree: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  const file = join(tree, LARGE);
  await writeFile(file, change(await readFile(file)));
}

async function plantLarge(tree: string): Promise<void> {
  await writeFile(join(tree, LARGE), noise(64 * MIB, 1));
  for (const name of ['a.txt', 'b.txt']) await writeFile(join(tree, name), name);
}
