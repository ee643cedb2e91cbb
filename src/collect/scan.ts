/**
 * scan: the Snapshot of a tree as it lies on the disk.
 */

import type { Digest, Entry } from '../core/entry.js';
import { EntryTable } from '../core/entry-table.js';
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
  const { cache, onEntry, filesInShare = FILES_IN_SHARE, onFound } = options;
  const [step, pacer] = ['scan' as const, new Pacer({ signal })];
  const walked = walking(root, { step, pacer, marks });
  const identifying = new Identifying({ ...options, step, pacer });
  const entries: Entry[] = [];
  let files = 0;
  for await (const found of inShares(walked.files, filesInShare, onFound)) {
    await identifying.take(found, ({ entry }) => {
      files++;
      if (onEntry === undefined) entries.push(entry);
    });
  }
  const problems = [...walked.problems, ...identifying.end()];
  const gone = cache.retainAsked(problems);
  return { entries: EntryTable.listing(entries), problems, files, gone };
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

async function treeOf(walked: Walked, options: TreeOptions): Promise<ScannedTree> {
  const { files, problems } = await identify(walked.files, options);
  return { files, problems: [...walked.problems, ...problems], temporaries: walked.temporaries };
}
