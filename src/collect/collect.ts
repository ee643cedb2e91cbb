/**
 * collect: makes STATIC_ROOT hold what the sources hold, by Django's rules of who wins, and says what it holds then.
 *
 * Content decides what is copied, so a file that was restored with an older time is not overlooked. Order: what
 * vanished is removed, what differs is put (each file whole, by a rename), folders left empty go, and then the memory
 * is written. A run that breaks off anywhere leaves whole files only, and the next one knows by their content which of
 * them are right. What cannot be read is never taken for gone.
 */
import { planCollect } from '../core/collect-plan.js';
import type { Memory } from '../core/collected-codec.js';
import { comparePaths, type RelPath } from '../core/relpath.js';
import { type Candidate, isCovered, resolve } from '../core/resolve.js';
import { type Counted, guardSources } from '../core/shrink.js';
import type { Digest, Entry, Snapshot } from '../core/snapshot.js';
import type { Problem } from '../errors.js';
import { Pacer, sortPaced } from '../fs/pace.js';
import { carryOut, type Done, foresee } from './carry-out.js';
import { DigestCache } from './digest-cache.js';
import { type Identified, type IdentifyOptions, identify } from './identify.js';
import { look } from './look.js';
import { recall, remember } from './memory.js';
import { type RunOptions, saveState } from './run-options.js';
import { type ScannedTree, scanTree } from './scan.js';
import { type Listing, listSources, type SourceProject } from './sources.js';
import { type Permissions, StaticRoot } from './static-root.js';

export interface CollectProject extends SourceProject {
  readonly permissions: Permissions;
}

export interface CollectOptions extends RunOptions {
  /** A dry run changes nothing but the digest caches. */
  readonly mode: 'write' | 'dry-run';
}

export interface Collected {
  /**
   * STATIC_ROOT after it; after a dry run, as it would be, with the times and modes of the sources for what is new.
   * Its problems are the paths whose state is unknown on either side: nothing there may be taken for removed.
   */
  readonly snapshot: Snapshot;
  /** How many paths the sources have. */
  readonly files: number;
  /** Both sorted. In a dry run, what would be. */
  readonly copied: readonly RelPath[];
  readonly removed: readonly RelPath[];
  /** All that were met: those of the snapshot, and files of a source whose path another source needs differently. */
  readonly problems: readonly Problem[];
  readonly shadowed: ReadonlyMap<RelPath, readonly Candidate[]>;
}

/**
 * Rejects, before anything is changed, with a SourceError when a source or STATIC_ROOT cannot be used, a ConfigError
 * when they cannot go together, and a SafetyError when a source looks lost.
 */
export async function collect(project: CollectProject, options: CollectOptions): Promise<Collected> {
  const pacer = new Pacer(options);
  const memory = await recall(options.state);
  const listings = await listSources(project, pacer);
  if (options.force === undefined) guardSources(listings.map(countOf), memory.sources);

  const caches = await loadCaches(options, pacer);
  const { onEntry = () => undefined, ...reading } = options;
  const wanted = await readWinners(listings, { ...reading, step: 'collect', cache: caches.sources, pacer });
  const present = await readRoot(project.root, { ...reading, step: 'scan', cache: caches.root, pacer });
  const plan = planCollect(wanted.files, present.files, memory.files, wanted.isUnknown);

  let done = foresee(plan);
  if (options.mode === 'write') {
    const root = new StaticRoot(project.root, project.permissions, pacer);
    done = await carryOut(plan, root, { cache: caches.root, pacer, onPut: onEntry });
    const folders = root.tidy(done.removed, memory.folders, present.temporaries, Date.now());
    const sources = new Map([
      ...memory.sources,
      ...listings.map(countOf).map(({ key, files }) => [key, files] as const),
    ]);
    const files = oursAfter(memory.files, wanted, present, [...plan.obstructed, ...done.problems], done);
    await saveState(options, () => remember(options.state, { sources, files, folders }, memory));
  }
  await saveState(options, () => caches.sources.save(pacer));
  await saveState(options, () => caches.root.save(pacer));

  const kept = keptEntries(present.files, done);
  for (const entry of options.mode === 'write' ? kept : [...kept, ...done.put.values()]) onEntry(entry);

  const replaced: ReadonlySet<string> = new Set(done.put.keys());
  const remaining = present.problems.filter(({ path }) => !replaced.has(path));
  const problems = [...wanted.problems, ...remaining, ...plan.obstructed, ...done.problems];
  return {
    snapshot: { entries: await sortPaced([...kept, ...done.put.values()], byPath, pacer), problems },
    files: wanted.count,
    copied: [...done.put.keys()],
    removed: done.removed,
    problems: [...wanted.conflicts, ...problems],
    shadowed: wanted.shadowed,
  };
}

/** The winners of all sources. */
interface Winners {
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

async function readWinners(listings: readonly Listing[], options: IdentifyOptions): Promise<Winners> {
  const { winners, shadowed, conflicts } = resolve(
    listings.map(({ walked }) => walked.files),
    listings.map(({ walked }) => pathsOf(walked.problems)),
  );
  const unlisted = listings.flatMap(({ walked }) => walked.problems);
  const { files, problems: unread } = await identify(winners, pathsOf(unlisted), options);
  const problems = [...unlisted, ...unread];
  const places = pathsOf(problems);
  return { files, count: winners.length, shadowed, conflicts, problems, isUnknown: (path) => isCovered(path, places) };
}

/** A STATIC_ROOT that is missing is an empty one: it will be made. */
async function readRoot(root: string, options: IdentifyOptions): Promise<ScannedTree> {
  if (look(root) === undefined) return { files: [], problems: [], temporaries: [] };
  return scanTree(root, options);
}

async function loadCaches({ state }: RunOptions, pacer: Pacer) {
  const sources = await DigestCache.load(state, 'sources', pacer);
  return { sources, root: await DigestCache.load(state, 'root', pacer) };
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

function countOf({ source, walked }: Listing): Counted {
  return { key: `${source.prefix}\0${source.path}`, path: source.path, files: walked.files.length };
}

function pathsOf(problems: readonly Problem[]): Set<string> {
  return new Set(problems.map(({ path }) => path));
}
