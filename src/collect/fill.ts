/**
 * fill: makes STATIC_ROOT hold what the sources offer, in the part of the tree that was listed: all of it, or a place.
 *
 * Order: what vanished is removed, what differs is put (each file whole, by a rename), folders left empty go. A run that
 * breaks off anywhere leaves whole files only. What cannot be read is never taken for gone.
 */
import { planCollect } from '../core/collect-plan.js';
import type { Memory } from '../core/collected-codec.js';
import type { Traces } from '../core/manifest/trace.js';
import { comparePaths, type RelPath } from '../core/relpath.js';
import { type Candidate, isCovered, resolve } from '../core/resolve.js';
import type { Digest, Entry, Snapshot } from '../core/snapshot.js';
import { type Problem, reasonOf, SourceError } from '../errors.js';
import { type Pacer, sortPaced } from '../fs/pace.js';
import { carryOut, type Done, foresee, type MadeFile, type WantedFile } from './carry-out.js';
import { digestFile } from './digest.js';
import { foundOrder } from './found-order.js';
import { type Digests, type Identified, type IdentifyOptions, identify } from './identify.js';
import { look } from './look.js';
import { type Hashing, type ManifestProject, makeHashed, requireManifest } from './post-process.js';
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
  readonly made: Memory['made'];
  readonly folders: Memory['folders'];
  readonly sources: Digests;
  readonly root: Digests;
  readonly traces: Traces;
}

export interface Filled {
  /**
   * The part after it; after a dry run, as it would be, with the times and modes of the sources for what is new. Its
   * problems are the paths whose state is unknown on either side: nothing there may be taken for removed.
   */
  readonly snapshot: Snapshot;
  /** How many paths the sources have. */
  readonly count: number;
  /** Plain copies, hashed copies, and what went; each sorted. In a dry run, what would be. */
  readonly copied: readonly RelPath[];
  readonly hashed: readonly RelPath[];
  readonly removed: readonly RelPath[];
  /** All that were met: those of the snapshot, and files of a source whose path another source needs differently. */
  readonly problems: readonly Problem[];
  readonly shadowed: ReadonlyMap<RelPath, readonly Candidate[]>;
  /** The memory after it; after a dry run, as it was. */
  readonly files: Memory['files'];
  readonly made: Memory['made'];
  readonly folders: Memory['folders'];
  readonly traces: Traces;
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

export interface FillTarget {
  readonly root: string;
  readonly permissions: Permissions;
  readonly manifest?: ManifestProject | undefined;
}

/** `scanRoot` reads the same part of STATIC_ROOT. */
export async function fill(
  target: FillTarget,
  listings: readonly Listing[],
  scanRoot: (options: IdentifyOptions) => Promise<ScannedTree>,
  before: Before,
  options: FillOptions,
): Promise<Filled> {
  const { pacer } = options;
  const { manifest } = target;
  const { onEntry = () => undefined, ...reading } = options;
  const also = manifest && ('content-hash' as const);
  const wanted = await readWinners(listings, { ...reading, also, step: 'collect', cache: before.sources });
  const present = await scanRoot({ ...reading, step: 'scan', cache: before.root });
  const hashing = manifest && (await hashWinners(target.root, manifest, listings, wanted, present, before, pacer));
  for (const warning of hashing?.warnings ?? []) options.onWarning?.(warning);

  const files = hashing === undefined ? wanted.files : await withMade(wanted.files, hashing, pacer);
  const isKept = (path: string): boolean =>
    wanted.isUnknown(path) || (manifest?.stale === 'keep' && before.made.has(path));
  const plan = planCollect(
    files,
    present.files,
    before.files,
    isKept,
    manifest?.folder === undefined ? manifest?.name : undefined,
  );

  const elsewhere = hashing?.manifestElsewhere;
  let done = foresee(plan);
  let { files: ours, made, folders } = before;
  if (options.mode === 'write') {
    const root = new StaticRoot(target.root, target.permissions, pacer);
    done = await carryOut(plan, root, {
      cache: before.root,
      pacer,
      onPut: onEntry,
      onAllPut: elsewhere && (() => putElsewhere(elsewhere, target, pacer)),
    });
    folders = root.tidy([...done.removed, ...done.failed], folders, present.temporaries, Date.now());
    ours = oursAfter(ours, files, isKept, present, [...plan.obstructed, ...done.problems], done);
    made = madeAfter(made, hashing, ours);
  }

  const kept = keptEntries(present.files, done);
  for (const entry of options.mode === 'write' ? kept : [...kept, ...done.put.values()]) onEntry(entry);

  const replaced: ReadonlySet<string> = new Set(done.put.keys());
  const remaining = present.problems.filter(({ path }) => !replaced.has(path));
  const problems = [...wanted.problems, ...remaining, ...plan.obstructed, ...done.problems];
  const isMade: ReadonlySet<string> = new Set(hashing?.made.map(({ entry }) => entry.path));
  const put = [...done.put.keys()].toSorted(comparePaths);
  return {
    snapshot: { entries: await sortPaced([...kept, ...done.put.values()], byPath, pacer), problems },
    count: wanted.count,
    copied: put.filter((path) => !isMade.has(path)),
    hashed: put.filter((path) => isMade.has(path) && path !== manifest?.name),
    removed: done.removed.toSorted(comparePaths),
    problems: [...wanted.conflicts, ...problems],
    shadowed: wanted.shadowed,
    files: ours,
    made,
    folders,
    traces: hashing?.processed.traces ?? before.traces,
    wanted,
    present,
  };
}

/** A manifest that lies in a folder of its own. */
async function putElsewhere(
  { entry, content }: MadeFile,
  { permissions, manifest }: FillTarget,
  pacer: Pacer,
): Promise<void> {
  const folder = manifest?.folder ?? '';
  const place = `${folder}/${entry.path}`;
  if (look(place) !== undefined && (await digestFile(place, pacer)).digest === entry.digest) return;
  try {
    await new StaticRoot(folder, permissions, pacer).put(content, entry.path);
  } catch (error) {
    throw new SourceError(`cannot write the manifest ${place}: ${reasonOf(error)}`, { cause: error });
  }
}

/** What could not be read stays as it was last collected, and so do the names that lead to it. */
async function hashWinners(
  root: string,
  manifest: ManifestProject,
  listings: readonly Listing[],
  { files, isUnknown }: Winners,
  present: ScannedTree,
  before: Before,
  pacer: Pacer,
): Promise<Hashing> {
  const { name, folder } = manifest;
  if (folder !== undefined || !before.files.has(name)) requireManifest(`${folder ?? root}/${name}`);
  const winners = new Map(files.map((file) => [file.entry.path as string, file]));
  const isOurs = ({ entry }: Identified): boolean => before.files.get(entry.path) === entry.digest;
  const inOrder: Identified[] = [];
  for (const path of foundOrder(listings)) {
    const winner = winners.get(path);
    if (winner !== undefined) inOrder.push(winner);
  }
  for (const copy of present.files) {
    const { path } = copy.entry;
    if (!isUnknown(path) || winners.has(path) || before.made.has(path) || !isOurs(copy)) continue;
    const { hash } = await digestFile(copy.found.file, pacer, undefined, 'content-hash');
    inOrder.push({ ...copy, hash });
  }
  const foreign = (): Identified[] => present.files.filter((file) => !isOurs(file));
  return makeHashed({ files: inOrder, foreign, traces: before.traces }, manifest);
}

/** Sorted, as `winners` are. A hashed copy stands near the file that it is of. */
async function withMade(winners: readonly Identified[], hashing: Hashing, pacer: Pacer): Promise<WantedFile[]> {
  const plain = winners.filter(({ entry }) => !hashing.replaced.has(entry.path));
  return sortPaced<WantedFile>([...plain, ...hashing.made], (a, b) => comparePaths(a.entry.path, b.entry.path), pacer);
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
 * What is ours in STATIC_ROOT now: every file that is as it is wanted, whoever put it, and of what was ours `before` that
 * about which nothing new could be found out, or which is kept. It is the same map if nothing is new.
 */
function oursAfter(
  before: Memory['files'],
  wanted: readonly WantedFile[],
  isKept: (path: string) => boolean,
  present: ScannedTree,
  failures: readonly Problem[],
  { put, removed }: Done,
): Memory['files'] {
  const isAsBefore = wanted.every(({ entry }) => before.get(entry.path) === entry.digest);
  if (isAsBefore && before.size === wanted.length && put.size + removed.length === 0) return before;
  const failed = pathsOf(failures);
  const ours = new Map<string, Digest>();
  for (const { entry } of wanted) {
    if (!failed.has(entry.path)) ours.set(entry.path, (put.get(entry.path) ?? entry).digest);
  }
  const unknown = pathsOf([...failures, ...present.problems]);
  const gone = new Set<string>(removed);
  for (const [path, digest] of before) {
    if (!ours.has(path) && !gone.has(path) && (isKept(path) || isCovered(path, unknown))) ours.set(path, digest);
  }
  return ours;
}

/** It is the same set if nothing is new. */
function madeAfter(before: Memory['made'], hashing: Hashing | undefined, ours: Memory['files']): Memory['made'] {
  const fresh = hashing?.made.map(({ entry }) => entry.path) ?? [];
  const isAsBefore = fresh.length === before.size && fresh.every((path) => before.has(path));
  if (isAsBefore) return before;
  return new Set([...fresh, ...before].filter((path) => ours.has(path)));
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
