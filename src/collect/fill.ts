/**
 * fill: makes STATIC_ROOT hold what the sources offer, in the part of the tree that was listed: all of it, or a place.
 *
 * Order: what vanished is removed, what differs is put (each file whole, by a rename), folders left empty go. A run that
 * breaks off anywhere leaves whole files only. What cannot be read is never taken for gone.
 */
import { planCollect } from '../core/collect-plan.js';
import type { Memory } from '../core/collected-codec.js';
import { comparePaths, type RelPath } from '../core/relpath.js';
import { type Candidate, isCovered, resolve } from '../core/resolve.js';
import type { Digest, Entry, Snapshot } from '../core/snapshot.js';
import type { Problem } from '../errors.js';
import { type Pacer, sortPaced } from '../fs/pace.js';
import { carryOut, type Done, foresee } from './carry-out.js';
import { type Digests, type Identified, type IdentifyOptions, identify } from './identify.js';
import type { RunOptions } from './run-options.js';
import type { ScannedTree } from './scan.js';
import type { Listing } from './sources.js';
import { type Permissions, StaticRoot } from './static-root.js';

export interface FillOptions extends RunOptions {
  /** A dry run changes nothing but the digest caches. */
  readonly mode: 'write' | 'dry-run';
  readonly pacer: Pacer;
}

/** What is known of the part from before. */
export interface Before {
  /** See `Memory`. */
  readonly files: Memory['files'];
  readonly folders: Memory['folders'];
  readonly sources: Digests;
  readonly root: Digests;
}

export interface Filled {
  /**
   * The part after it; after a dry run, as it would be, with the times and modes of the sources for what is new. Its
   * problems are the paths whose state is unknown on either side: nothing there may be taken for removed.
   */
  readonly snapshot: Snapshot;
  /** How many paths the sources have. */
  readonly count: number;
  /** Both sorted. In a dry run, what would be. */
  readonly copied: readonly RelPath[];
  readonly removed: readonly RelPath[];
  /** All that were met: those of the snapshot, and files of a source whose path another source needs differently. */
  readonly problems: readonly Problem[];
  readonly shadowed: ReadonlyMap<RelPath, readonly Candidate[]>;
  /** The memory after it; after a dry run, as it was. */
  readonly files: Memory['files'];
  readonly folders: Memory['folders'];
  /** What was read. */
  readonly wanted: Winners;
  readonly present: ScannedTree;
}

/** The winners of all sources. */
export interface Winners {
  readonly files: readonly Identified[];
  /** Those included that could not be read. */
  readonly count: number;
  readonly shadowed: ReadonlyMap<RelPath, readonly Candidate[]>;
  readonly conflicts: readonly Problem[];
  /** What could not be read of the sources. */
  readonly problems: readonly Problem[];
  /** Whether a source may have this path, for all that could be read. */
  readonly isUnknown: (path: string) => boolean;
}

/** `scanRoot` reads the same part of STATIC_ROOT. */
export async function fill(
  target: { readonly root: string; readonly permissions: Permissions },
  listings: readonly Listing[],
  scanRoot: (options: IdentifyOptions) => Promise<ScannedTree>,
  before: Before,
  options: FillOptions,
): Promise<Filled> {
  const { pacer } = options;
  const { onEntry = () => undefined, ...reading } = options;
  const wanted = await readWinners(listings, { ...reading, step: 'collect', cache: before.sources });
  const present = await scanRoot({ ...reading, step: 'scan', cache: before.root });
  const plan = planCollect(wanted.files, present.files, before.files, wanted.isUnknown);

  let done = foresee(plan);
  let { files, folders } = before;
  if (options.mode === 'write') {
    const root = new StaticRoot(target.root, target.permissions, pacer);
    done = await carryOut(plan, root, { cache: before.root, pacer, onPut: onEntry });
    folders = root.tidy([...done.removed, ...done.failed], folders, present.temporaries, Date.now());
    files = oursAfter(files, wanted, present, [...plan.obstructed, ...done.problems], done);
  }

  const kept = keptEntries(present.files, done);
  for (const entry of options.mode === 'write' ? kept : [...kept, ...done.put.values()]) onEntry(entry);

  const replaced: ReadonlySet<string> = new Set(done.put.keys());
  const remaining = present.problems.filter(({ path }) => !replaced.has(path));
  const problems = [...wanted.problems, ...remaining, ...plan.obstructed, ...done.problems];
  return {
    snapshot: { entries: await sortPaced([...kept, ...done.put.values()], byPath, pacer), problems },
    count: wanted.count,
    copied: [...done.put.keys()],
    removed: done.removed,
    problems: [...wanted.conflicts, ...problems],
    shadowed: wanted.shadowed,
    files,
    folders,
    wanted,
    present,
  };
}

async function readWinners(listings: readonly Listing[], options: IdentifyOptions): Promise<Winners> {
  const { winners, shadowed, conflicts } = resolve(
    listings.map(({ walked }) => walked.files),
    listings.map(({ walked }) => pathsOf(walked.problems)),
  );
  const unlisted = listings.flatMap(({ walked }) => walked.problems);
  const { files, problems: unread } = await identify(winners, options);
  const problems = [...unlisted, ...unread];
  const places = pathsOf(problems);
  return { files, count: winners.length, shadowed, conflicts, problems, isUnknown: (path) => isCovered(path, places) };
}

/**
 * What is ours in STATIC_ROOT now: every file that equals its winner, whoever put it, and of what was ours `before`
 * that about which nothing new could be found out. It is the same map if nothing is new.
 */
function oursAfter(
  before: Memory['files'],
  wanted: Winners,
  present: ScannedTree,
  failures: readonly Problem[],
  { put, removed }: Done,
): Memory['files'] {
  const isAsBefore = wanted.files.every(({ entry }) => before.get(entry.path) === entry.digest);
  if (isAsBefore && before.size === wanted.files.length && put.size + removed.length === 0) return before;
  const failed = pathsOf(failures);
  const ours = new Map<string, Digest>();
  for (const { entry } of wanted.files) {
    if (!failed.has(entry.path)) ours.set(entry.path, (put.get(entry.path) ?? entry).digest);
  }
  const unknown = pathsOf([...failures, ...present.problems]);
  for (const [path, digest] of before) {
    if (!ours.has(path) && (wanted.isUnknown(path) || isCovered(path, unknown))) ours.set(path, digest);
  }
  return ours;
}

/** What lay in STATIC_ROOT before and still does. */
function keptEntries(present: readonly Identified[], { put, removed }: Done): Entry[] {
  const entries = present.map(({ entry }) => entry);
  if (put.size === 0 && removed.length === 0) return entries;
  const gone = new Set(removed);
  return entries.filter(({ path }) => !put.has(path) && !gone.has(path));
}

function byPath(a: Entry, b: Entry): number {
  return comparePaths(a.path, b.path);
}

function pathsOf(problems: readonly Problem[]): Set<string> {
  return new Set(problems.map(({ path }) => path));
}
