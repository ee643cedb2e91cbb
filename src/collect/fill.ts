/**
 * fill: makes STATIC_ROOT hold what the sources offer, in the part of the tree that was listed: all of it, or a place.
 *
 * Order: what vanished is removed, what differs is put (each file whole, by a rename), folders left empty go. A run that
 * breaks off anywhere leaves whole files only. What cannot be read is never taken for gone.
 */
import { type CollectPlan, match, planCollect } from '../core/collect-plan.js';
import type { Memory } from '../core/collected-codec.js';
import type { Digest, Entry } from '../core/entry.js';
import { EntryTable } from '../core/entry-table.js';
import { looksHashed } from '../core/manifest/hashed-name.js';
import { comparePaths, type RelPath } from '../core/relpath.js';
import { type Candidate, isCovered } from '../core/resolve.js';
import type { Snapshot } from '../core/snapshot.js';
import { sorting } from '../core/sorting.js';
import { type Problem, SourceError } from '../errors.js';
import { inSlices, type Pacer } from '../fs/pace.js';
import { isSystemError, reasonOf } from '../system-error.js';
import { carryOut, type Done, foresee, type MadeFile, type WantedFile } from './carry-out.js';
import { digestFile } from './digest.js';
import type { ManifestProject } from './hashed/post-process.js';
import type { Digests, Identified } from './identify.js';
import type { KeptContents } from './kept-contents.js';
import { look } from './look.js';
import { rememberBrokenOff } from './memory.js';
import { type RunOptions, saveState } from './run-options.js';
import type { MatchedTree, ScannedTree } from './scan.js';
import { type Permissions, type Put, StaticRoot } from './static-root.js';
import type { Winners } from './winners.js';

export interface FillOptions extends RunOptions {
  /** A dry run changes nothing but the digest caches. */
  readonly mode: 'write' | 'dry-run';
  readonly pacer: Pacer;
  /** Contents that were read before. */
  readonly contents?: Pick<KeptContents, 'get'> | undefined;
  /** Work that can be done while a helper copies. */
  readonly meanwhile?: (() => Promise<void>) | undefined;
  /** Is told of each file as soon as it is written. */
  readonly onPut?: ((put: Put) => void) | undefined;
}

/** What is known of the part from before. */
export interface Before {
  /** See `Memory`. */
  readonly files: Memory['files'];
  readonly made: Memory['made'];
  readonly folders: Memory['folders'];
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
  /** Plain copies, hashed copies, and what went; each sorted. In a dry run, what would be. */
  readonly copied: readonly RelPath[];
  readonly hashed: readonly RelPath[];
  readonly removed: readonly RelPath[];
  /** What is to be removed, and was left for now. */
  readonly putOff: readonly RelPath[];
  /** What could not be put. */
  readonly failed: readonly RelPath[];
  /** All that were met: those of the snapshot, and files of a source whose path another source needs differently. */
  readonly problems: readonly Problem[];
  readonly shadowed: ReadonlyMap<RelPath, readonly Candidate[]>;
  /** The memory after it; after a dry run, as it was. */
  readonly files: Memory['files'];
  readonly made: Memory['made'];
  readonly folders: Memory['folders'];
}

export interface FillTarget {
  readonly root: string;
  readonly permissions: Permissions;
  readonly manifest?: Seal | undefined;
}

/** The manifest, as far as it matters where and when it is put. */
export type Seal = Pick<ManifestProject, 'name' | 'folder' | 'stale'>;

/** What was found, of the same part of the tree on both sides. */
export interface FillInput {
  readonly wanted: Winners;
  /** Compared with the winners already, or to be compared with all that is wanted. */
  readonly present: MatchedTree | ScannedTree;
  /** Undefined where no hashed names are made. */
  readonly hashed: HashedPart | undefined;
}

/** What hashed names add to the winners of a part. */
export interface HashedPart {
  /** All that is to lie there beside the plain copies. */
  readonly made: readonly MadeFile[];
  /** Winners that have no plain copy. */
  readonly replaced: ReadonlySet<RelPath>;
  /** The manifest, if it does not lie in STATIC_ROOT. */
  readonly elsewhere: MadeFile | undefined;
}

export async function fill(
  target: FillTarget,
  input: FillInput,
  before: Before,
  options: FillOptions,
): Promise<Filled> {
  const { wanted, present, hashed } = input;
  const { onEntry = () => undefined, pacer } = options;
  const { manifest } = target;
  const files = hashed === undefined ? wanted.files : await withMade(wanted.files, hashed, pacer);
  // A manifest that is written elsewhere now, or under another name, is none of the old hashed files.
  const isKept = (path: string): boolean =>
    wanted.isUnknown(path) || (manifest?.stale === 'keep' && before.made.has(path) && looksHashed(path));
  const isMatched = 'mismatch' in present;
  const mismatch = isMatched ? present.mismatch : match(files, present.files);
  const lying = isMatched ? present.entries : EntryTable.listing(present.files.map(({ entry }) => entry));
  const plan = planCollect(mismatch, before.files, isKept, sealOf(manifest));
  const { done, ...memory } =
    options.mode === 'dry-run'
      ? { ...before, done: foresee(plan) }
      : await makeSo(target, { ...input, files, plan, lying, isKept }, before, options);

  const changes = new Map<RelPath, Entry | undefined>(done.put);
  for (const path of done.removed) changes.set(path, undefined);
  const entries = await inSlices(lying.changing(changes), pacer);
  // What was put was told of when it was.
  for (const entry of entries) {
    if (options.mode === 'dry-run' || !done.put.has(entry.path)) onEntry(entry);
    if (pacer.isDue) await pacer.breathe();
  }

  const replaced: ReadonlySet<string> = new Set(done.put.keys());
  const remaining = present.problems.filter(({ path }) => !replaced.has(path));
  const problems = [...wanted.problems, ...remaining, ...plan.obstructed, ...done.problems];
  const isMade: ReadonlySet<string> = new Set(hashed?.made.map(({ entry }) => entry.path));
  const put = [...done.put.keys()].toSorted(comparePaths);
  return {
    snapshot: { entries, problems },
    count: wanted.count,
    copied: put.filter((path) => !isMade.has(path)),
    hashed: put.filter((path) => isMade.has(path) && path !== manifest?.name),
    removed: done.removed.toSorted(comparePaths),
    putOff: done.putOff,
    failed: done.failed,
    problems: [...wanted.conflicts, ...problems],
    shadowed: wanted.shadowed,
    files: memory.files,
    made: memory.made,
    folders: memory.folders,
  };
}

/** What is to be made so: all that is to lie there, and the plan for that. */
interface ToMake extends Pick<FillInput, 'present' | 'hashed'> {
  readonly files: readonly WantedFile[];
  /** What lies there before. */
  readonly lying: EntryTable;
  readonly plan: CollectPlan<WantedFile, Identified>;
  readonly isKept: (path: string) => boolean;
}

/** What was done, and the memory after it. Where it breaks off, what was put is remembered before it rejects. */
async function makeSo(
  target: FillTarget,
  { present, hashed, files, plan, lying, isKept }: ToMake,
  before: Before,
  options: FillOptions,
): Promise<Pick<Filled, 'files' | 'made' | 'folders'> & { readonly done: Done }> {
  const { onEntry, pacer } = options;
  const elsewhere = hashed?.elsewhere;
  const root = new StaticRoot(target.root, target.permissions, pacer, options.contents);
  const wasPut = new Map<RelPath, Digest>();
  let done: Done;
  try {
    done = await carryOut(plan, root, {
      cache: before.root,
      pacer,
      helper: options.helper,
      meanwhile: options.meanwhile,
      onPut: (put) => {
        wasPut.set(put.entry.path, put.entry.digest);
        options.onPut?.(put);
        onEntry?.(put.entry);
      },
      onAllPut: elsewhere && (() => putElsewhere(elsewhere, target, pacer)),
    });
  } catch (error) {
    const copies = hashed?.made.map(({ entry }) => entry.path) ?? [];
    const missing = plan.copy.map(({ entry }) => entry.path).filter((path) => !wasPut.has(path));
    const addition = {
      put: [...wasPut],
      made: copies.filter((path) => wasPut.has(path)),
      foldersMade: tidied(root, missing),
    };
    await saveState({ ...options, signal: undefined }, () => rememberBrokenOff(options.state, addition));
    throw error;
  }
  const failures = [...plan.obstructed, ...done.problems];
  const there = { entries: lying, problems: present.problems };
  const ours = oursAfter(before.files, files, isKept, there, failures, done);
  // Also what somebody else removed: the folders that were made for it are of no more use.
  const gone = ours === before.files ? [] : ([...before.files.keys()].filter((path) => !ours.has(path)) as RelPath[]);
  const folders = root.tidy(
    [...gone, ...done.removed, ...done.failed],
    before.folders,
    present.temporaries,
    Date.now(),
  );
  return { done, files: ours, made: madeAfter(before.made, files, hashed, ours), folders };
}

/** The folders that were made, but for those that nothing came into. */
function tidied(root: StaticRoot, missing: readonly RelPath[]): string[] {
  try {
    return [...root.tidy(missing, new Set(), [], Date.now())];
  } catch (error) {
    if (isSystemError(error)) return root.makeFolders([]); // what it was broken off for is to be told
    throw error;
  }
}

/** The path in STATIC_ROOT of the file that names the others. */
function sealOf(manifest: Seal | undefined): RelPath | undefined {
  return manifest?.folder === undefined ? manifest?.name : undefined;
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
    await new StaticRoot(folder, permissions, pacer).put(content, entry);
  } catch (error) {
    throw new SourceError(`cannot write the manifest ${place}: ${reasonOf(error)}`, { cause: error });
  }
}

/** Sorted, as `winners` are. A hashed copy stands near the file that it is of. */
async function withMade(
  winners: readonly Identified[],
  { made, replaced }: HashedPart,
  pacer: Pacer,
): Promise<WantedFile[]> {
  const plain = winners.filter(({ entry }) => !replaced.has(entry.path));
  const byPath = (a: WantedFile, b: WantedFile): number => comparePaths(a.entry.path, b.entry.path);
  return inSlices(sorting<WantedFile>([...plain, ...made], byPath), pacer);
}

/**
 * What is ours in STATIC_ROOT now: every file that is as it is wanted, whoever put it, and of what was ours `before` that
 * which lies there as it was and could not be made as it is wanted, or is kept or still to be removed, and what may lie there
 * where nothing could be read. It is the same map if nothing is new.
 */
function oursAfter(
  before: Memory['files'],
  wanted: readonly WantedFile[],
  isKept: (path: string) => boolean,
  present: Snapshot,
  failures: readonly Problem[],
  { put, removed, putOff }: Done,
): Memory['files'] {
  const isAsBefore = wanted.every(({ entry }) => before.get(entry.path) === entry.digest);
  if (isAsBefore && before.size === wanted.length && put.size + removed.length + failures.length === 0) return before;
  const failed = pathsOf(failures);
  const ours = new Map<string, Digest>();
  for (const { entry } of wanted) {
    if (!failed.has(entry.path)) ours.set(entry.path, (put.get(entry.path) ?? entry).digest);
  }
  const unread = pathsOf(present.problems);
  const [gone, going] = [new Set<string>(removed), new Set<string>(putOff)];
  const left = new Map<string, Digest>();
  for (const [path, digest] of before) if (!ours.has(path) && !gone.has(path)) left.set(path, digest);
  for (const [path, digest] of left) {
    const isLying = present.entries.find(path as RelPath)?.digest === digest;
    const stays = isLying && (isKept(path) || going.has(path) || isCovered(path, failed));
    if (stays || isCovered(path, unread)) ours.set(path, digest);
  }
  return ours;
}

/** What is `wanted` now is what it is wanted as. It is the same set if nothing is new. */
function madeAfter(
  before: Memory['made'],
  wanted: readonly WantedFile[],
  hashed: HashedPart | undefined,
  ours: Memory['files'],
): Memory['made'] {
  const fresh = new Set<string>(hashed?.made.map(({ entry }) => entry.path));
  const others = [...before].filter((path) => !fresh.has(path));
  if (others.length === 0 && fresh.size === before.size) return before;
  const plain = others.length === 0 ? undefined : new Set<string>(wanted.map(({ entry }) => entry.path));
  return new Set([...fresh, ...others.filter((path) => plain?.has(path) !== true)].filter((path) => ours.has(path)));
}

function pathsOf(problems: readonly Problem[]): Set<string> {
  return new Set(problems.map(({ path }) => path));
}
