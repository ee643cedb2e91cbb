/**
 * scan: the Snapshot of a tree as it lies on the disk.
 */

import { Matching, type Mismatch } from '../core/collect-plan.js';
import type { Digest, Entry } from '../core/entry.js';
import { EntryTable } from '../core/entry-table.js';
import { EntryPacker } from '../core/packed-entries.js';
import type { Places } from '../core/places.js';
import type { Snapshot } from '../core/snapshot.js';
import type { Problem } from '../errors.js';
import { Pacer } from '../fs/pace.js';
import type { DigestCache } from './digest-cache.js';
import { type Identified, Identifying, type IdentifyOptions, identify, type Progress } from './identify.js';
import { look } from './look.js';
import { requireNoSourceIn, type SourceProject } from './sources.js';
import { type Found, type Walked, type WalkOptions, walk, walking, walkWays } from './walk.js';

const FILES_IN_SHARE = 65_536; // some 15 MB of what stat said

export interface ScanOptions {
  readonly cache: DigestCache;
  /** Read every file, whatever its stamp says. */
  readonly reread?: 'all' | undefined;
  /** Is shown everything that is listed. */
  readonly marks?: WalkOptions['marks'];
  readonly signal?: AbortSignal | undefined;
  /** Is shown each small content that is read. */
  readonly keep?: ((digest: Digest, bytes: Uint8Array) => void) | undefined;
  /** Is told how many files there are, before the first of them is read; of very many, again and again how many there are by then. */
  readonly onFound?: ((files: number) => void) | undefined;
  /** Is told of each file as soon as it is identified. */
  readonly onEntry?: ((entry: Entry) => void) | undefined;
  /** Called every few milliseconds, and at the end. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** How many files are found before the first of them are read, where that is not the usual number. */
  readonly filesInShare?: number | undefined;
}

/** A tree with what stat said of each file. */
export interface ScannedTree {
  /** Sorted by path. */
  readonly files: readonly Identified[];
  readonly problems: readonly Problem[];
  /** What interrupted writes left behind, where it lies. */
  readonly temporaries: readonly string[];
}

/** A tree that was compared with what is wanted. */
export interface MatchedTree extends Omit<ScannedTree, 'files'> {
  readonly entries: EntryTable;
  readonly mismatch: Mismatch<Identified, Identified>;
}

/** A scan, with how many files there are, and how many that the cache knew are gone. Entries that went to `onEntry` are not in it. */
export interface Scanned extends Snapshot {
  readonly files: number;
  readonly gone: number;
}

/**
 * The files below `root`, links followed. The cache is brought up to date and not saved. Rejects with a SourceError
 * when `root` cannot be read.
 */
export async function scan(root: string, { signal, marks, ...options }: ScanOptions): Promise<Scanned> {
  const { cache, onEntry } = options;
  const entries: Entry[] = [];
  let files = 0;
  const reading = { ...options, marks, step: 'scan' as const, pacer: new Pacer({ signal }) };
  const { problems } = await follow(root, reading, ({ entry }) => {
    files++;
    if (onEntry === undefined) entries.push(entry);
  });
  const gone = cache.retainAsked(problems);
  return { entries: EntryTable.listing(entries), problems, files, gone };
}

/** Calls `take` for each file below `root`, sorted by path. */
async function follow(
  root: string,
  options: TreeOptions & Pick<ScanOptions, 'filesInShare'>,
  take: (file: Identified) => void,
): Promise<Omit<Walked, 'files'>> {
  const { step, pacer, marks, filesInShare = FILES_IN_SHARE, onFound } = options;
  const { files, ...walked } = walking(root, { step, pacer, marks });
  const identifying = new Identifying(options);
  for await (const found of inShares(files, filesInShare, onFound)) await identifying.take(found, take);
  return { ...walked, problems: [...walked.problems, ...identifying.end()] };
}

/** All of them in one, or of very many `most` at a time, so that no more of them have to be kept in mind. */
async function* inShares(
  coming: AsyncIterable<readonly Found[]>,
  most: number,
  onFound: ScanOptions['onFound'],
): AsyncGenerator<readonly Found[], void> {
  let share: Found[] = [];
  let before = 0;
  for await (const files of coming) {
    for (const file of files) share.push(file);
    if (share.length < most) continue;
    before += share.length;
    onFound?.(before);
    yield share;
    share = [];
  }
  onFound?.(before + share.length);
  yield share;
}

type TreeOptions = IdentifyOptions & Pick<WalkOptions, 'marks'>;

/** As `scan`, for those who also want to know what stat said. */
export async function scanTree(root: string, options: TreeOptions): Promise<ScannedTree> {
  const { step, pacer, marks } = options;
  return treeOf(await walk(root, { step, pacer, marks }), options);
}

/**
 * STATIC_ROOT as it lies there, or some places of it; one that is missing is an empty one, and will be made. Rejects as `scan` does,
 * and with a ConfigError where a link in it leads to what is collected.
 */
export async function readRoot(project: SourceProject, options: TreeOptions, places?: Places): Promise<ScannedTree> {
  const { root } = project;
  if (look(root) === undefined) {
    options.marks?.enter(root); // what comes there is new
    return { files: [], problems: [], temporaries: [] };
  }
  const ways = places?.map((place) => place.split('/')) ?? [[]];
  const { step, pacer, marks } = options;
  const walked = await walkWays(root, ways, { step, pacer, marks });
  requireNoSourceIn(project, walked);
  return treeOf(walked, options);
}

/**
 * As `readRoot`, of all of it. How it is different from what is `wanted`, sorted by path, is found out on the way, and nothing else is
 * kept in mind of what is the same.
 */
export async function matchRoot(
  project: SourceProject,
  options: TreeOptions,
  wanted: readonly Identified[],
): Promise<MatchedTree> {
  const { root } = project;
  const matching = new Matching<Identified, Identified>(wanted);
  if (look(root) === undefined) {
    options.marks?.enter(root); // what comes there is new
    return { entries: EntryTable.EMPTY, mismatch: matching.end(), problems: [], temporaries: [] };
  }
  const packer = new EntryPacker();
  const walked = await follow(root, options, (file) => {
    packer.add(file.entry);
    matching.take(file);
  });
  requireNoSourceIn(project, walked);
  const { problems, temporaries } = walked;
  return { entries: new EntryTable(packer.finish()), mismatch: matching.end(), problems, temporaries };
}

async function treeOf(walked: Walked, options: TreeOptions): Promise<ScannedTree> {
  const { files, problems } = await identify(walked.files, options);
  return { files, problems: [...walked.problems, ...problems], temporaries: walked.temporaries };
}
