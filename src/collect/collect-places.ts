/**
 * collectPlaces and scanPlaces: what `collect` and `scanOnly` do, for some places of the tree alone. It costs what lies
 * there.
 *
 * Nothing is loaded: what is known of the places is given, and their files are read. Where that does not pay, or where a
 * place cannot be judged without the rest, the answer is undefined, nothing was changed, and all is to be collected.
 */
import { statSync } from 'node:fs';
import type { CachedDigest } from '../core/digest-cache-codec.js';
import { type Digest, type Entry, findEntry } from '../core/entry.js';
import { EntryTable } from '../core/entry-table.js';
import { ignoreRules } from '../core/fnmatch.js';
import { covers, type Places, placesOf } from '../core/places.js';
import { comparePaths, isWithin, type RelPath } from '../core/relpath.js';
import type { Candidate } from '../core/resolve.js';
import { isMuchLost } from '../core/shrink.js';
import type { Snapshot } from '../core/snapshot.js';
import { pathUnder } from '../core/touched.js';
import { Pacer } from '../fs/pace.js';
import { isSystemError } from '../system-error.js';
import type { MadeFile } from './carry-out.js';
import type { Collected, CollectOptions, Ownership } from './collect.js';
import { type Before, type Filled, fill } from './fill.js';
import type { SiteInMind } from './hashed/hashed-site.js';
import { holdsFile } from './holds-file.js';
import { identify } from './identify.js';
import { type Addition, extendMemory, foreignIn, NO_ADDITION } from './memory.js';
import type { CollectProject } from './project.js';
import { saveState } from './run-options.js';
import { readRoot, type ScannedTree } from './scan.js';
import { requireFolder, rootKey, type ScanOnlyOptions } from './scan-only.js';
import { countOf, type Listing, linksOf, listSources, type Source, wayTo } from './sources.js';
import { type Way, walkWays } from './walk.js';
import { readWinners } from './winners.js';

const MOST_FILES = 2000; // more of them are cheaper to collect with the digests of the last run at hand

/** What is known of the places from before. */
export interface KnownPlaces extends Ownership {
  /** What lies there in STATIC_ROOT, sorted by path. */
  readonly entries: readonly Entry[];
  /** How many files each source had, as `Memory` has it, where that is known. */
  readonly counts?: ReadonlyMap<string, number>;
  readonly moved?: Moved | undefined;
}

/** Absolute places in the sources that came, with all that is below them, and that went. */
export interface Moved {
  readonly came: readonly string[];
  readonly went: readonly string[];
  /** What an earlier run has met already, where it came, or is not there now. */
  readonly earlier: readonly string[];
}

/** What `collect` would answer, of the places alone. */
export interface CollectedPlaces extends Collected {
  /** Those that were asked for, and where STATIC_ROOT is another one because of them. */
  readonly places: Places;
}

/** Rejects as `collect` does. `site` is there where hashed names are made; it takes over what was done. */
export async function collectPlaces(
  project: CollectProject,
  places: Places,
  known: KnownPlaces,
  options: CollectOptions & { readonly site?: SiteInMind | undefined },
): Promise<CollectedPlaces | undefined> {
  const { site, mode } = options;
  if (project.manifest !== undefined && site === undefined) return undefined;
  if (known.entries.length > MOST_FILES || places.some((place) => isBarred(project, place))) return undefined;
  const pacer = new Pacer(options);
  const listings = await listSources(project, pacer, { places });
  const ours = oursOf(known);
  const isWanted = (path: RelPath): boolean => site?.madeAt(path) === undefined;
  if (isMuch(project, listings, [...ours.keys()].filter(isWanted), known.counts)) return undefined;

  const digests = digestsOf(known.entries);
  const { onEntry: _, ...rest } = options;
  const sizeBefore = (path: RelPath): number => sizeAt(`${project.root}/${path}`);
  const reading = { ...rest, pacer, also: site && ('content-hash' as const), sizeBefore };
  const wanted = await readWinners(listings, { ...reading, step: 'collect', cache: new Map(digests) });
  if (site !== undefined && wanted.problems.length > 0) return undefined;
  const root = new Map(digests);
  const presence = { ...rest, pacer, step: 'scan', cache: root, sizeBefore: sizesOf(known.entries) } as const;
  const there = await readRoot(project, presence, places);
  const foreign = foreignAfter(known, places, there, (path) => site?.madeAt(path) ?? ours.get(path));
  const proposal = site?.propose({ places, listings, wanted, foreign });
  if (site !== undefined && proposal === undefined) return undefined;
  const paths = proposal?.paths ?? [];
  const beside = paths.filter((path) => !covers(places, path));
  const isAround = (path: RelPath): boolean => places.some((place) => isWithin(place, path));
  if (paths.length > MOST_FILES || beside.some(isAround)) return undefined;
  if (mode === 'dry-run') keepMade(proposal?.made ?? [], options);
  for (const warning of proposal?.warnings ?? []) options.onWarning?.(warning);

  const made = addMade(ours, paths, site);
  const present = beside.length === 0 ? there : joinTrees(there, await readRoot(project, presence, placesOf(beside)));
  const before = { files: ours, made, folders: new Set(known.folders), root };
  const filled = await fill(project, { wanted, present, hashed: proposal }, before, { ...options, pacer });
  if (mode === 'write') {
    const different = additionOf(before, filled);
    proposal?.accept(filled.failed, different.removed);
    const isAnew = proposal?.whole !== undefined;
    const addition = {
      ...different,
      counted: proposal?.counted ?? countedOf(listings, before, filled, known.moved),
      isAnew,
    };
    await saveState(options, () => extendMemory(options.state, addition));
  }
  const { files, folders } = filled;
  return {
    ...filled,
    places: placesOf([...places, ...beside]),
    files: filled.count,
    ownership: { foreign: foreignIn(filled.snapshot, files), folders: [...folders] },
    links: linksOf(listings),
  };
}

/** What is different in the memory. */
function additionOf(before: Before, { files, made, folders }: Filled): Addition {
  const isAsBefore = (path: string, digest: Digest): boolean =>
    before.files.get(path) === digest && before.made.has(path) === made.has(path);
  const put = [...files].filter(([path, digest]) => !isAsBefore(path, digest));
  return {
    ...NO_ADDITION,
    put,
    made: put.map(([path]) => path).filter((path) => made.has(path)),
    removed: [...before.files.keys()].filter((path) => !files.has(path)),
    foldersMade: [...folders].filter((folder) => !before.folders.has(folder)),
    foldersGone: [...before.folders].filter((folder) => !folders.has(folder)),
  };
}

/**
 * By how many files the sources have grown or shrunk. Where it is not known what `moved`, a path that is new came from each source that
 * has it, and one that is gone is only counted where no other source could have had it.
 */
function countedOf(
  listings: readonly Listing[],
  before: Before,
  { files, made }: Filled,
  moved: Moved = { came: [], went: [], earlier: [] },
): Addition['counted'] {
  const isNew = ({ path }: Candidate): boolean => files.has(path) && !made.has(path) && !before.files.has(path);
  const isGone = (path: string): boolean => !files.has(path) && !before.made.has(path);
  const gone = [...before.files.keys()].filter(isGone) as RelPath[];
  const mayHave = ({ source }: Listing, path: RelPath): boolean => wayTo(path, source.prefix) !== undefined;
  const under = (places: readonly string[]): Map<Listing, Places> =>
    new Map(listings.map((listing) => [listing, pathsUnder(listing.source, places)]));
  const [wentFrom, hadEarlier] = [under(moved.went), under(moved.earlier)];
  /** From which of them a path is known to be gone, or to have had it when it came. */
  const tellsOf = (path: RelPath): ReadonlyMap<Listing, Places> | undefined =>
    [wentFrom, hadEarlier].find((told) => [...told.values()].some((places) => covers(places, path)));
  const counts = listings.map((listing): [key: string, by: number] => {
    const [came, went] = [pathsUnder(listing.source, moved.came), wentFrom.get(listing) ?? []];
    const hadAlone = (path: RelPath): boolean => listings.every((each) => mayHave(each, path) === (each === listing));
    const gained = listing.walked.files.filter((file) => isNew(file) || covers(came, file.path)).length;
    const had = (path: RelPath): boolean => {
      const told = tellsOf(path);
      return told === undefined ? hadAlone(path) : covers(told.get(listing) ?? [], path);
    };
    const lost = gone.filter(had).length;
    const uncovered = went.filter((path) => files.has(path)).length; // another source has one
    return [countOf(listing).key, gained - lost - uncovered];
  });
  return counts.filter(([, by]) => by !== 0);
}

/** Under which paths what lies at absolute places is published, of those in the source. */
function pathsUnder(source: Source, places: readonly string[]): Places {
  const paths = places.flatMap((place) => pathUnder(source, place) ?? []);
  return placesOf(paths.filter((path) => path !== '') as RelPath[]);
}

/** The paths of what others put into STATIC_ROOT, with what lies there now in `places`. */
function foreignAfter(
  known: KnownPlaces,
  places: Places,
  { files }: ScannedTree,
  oursAt: (path: RelPath) => Digest | undefined,
): RelPath[] {
  const fresh = files.filter(({ entry }) => oursAt(entry.path) !== entry.digest).map(({ entry }) => entry.path);
  return [...known.foreign.filter((path) => !covers(places, path)), ...fresh];
}

/** Of parts that have no path in common. */
function joinTrees(a: ScannedTree, b: ScannedTree): ScannedTree {
  return {
    files: [...a.files, ...b.files].sort((x, y) => comparePaths(x.entry.path, y.entry.path)),
    problems: [...a.problems, ...b.problems],
    temporaries: [...a.temporaries, ...b.temporaries],
  };
}

/** Adds to `ours` what was made at `paths`, and answers with those that were. */
function addMade(ours: Map<RelPath, Digest>, paths: readonly RelPath[], site: SiteInMind | undefined): Set<string> {
  const made = new Set<string>();
  if (site === undefined) return made;
  for (const path of new Set([...paths, ...ours.keys()])) {
    const digest = site.madeAt(path);
    if (digest === undefined) continue;
    made.add(path);
    if (!ours.has(path)) ours.set(path, digest);
  }
  return made;
}

/** Shows what is made here, as what is read is shown. */
function keepMade(made: readonly MadeFile[], { keep }: CollectOptions): void {
  if (keep === undefined) return;
  for (const { entry, content } of made) {
    if ('bytes' in content) keep(entry.digest, content.bytes());
    if ('exact' in content) keep(entry.digest, content.exact);
  }
}

/** Answers with what `scanOnly` would, of the places alone; `lying` is what is known to lie there. Rejects as it does. */
export async function scanPlaces(
  root: string,
  places: Places,
  lying: readonly Entry[] | undefined,
  options: ScanOnlyOptions,
): Promise<Snapshot | undefined> {
  requireFolder(root);
  const known = lying ?? [];
  const pacer = new Pacer(options);
  const walked = await walkWays(root, places.map(wayOf), { step: 'scan', pacer });
  const found: ReadonlySet<string> = new Set(walked.files.map(({ path }) => path));
  const lost = known.filter(({ path }) => !found.has(path)).length;
  if (found.size > MOST_FILES || isMuchLost(lost)) return undefined;
  if (lost > 0 && found.size === 0 && !holdsFile(root, ignoreRules([]))) return undefined;
  const cache = digestsOf(known);
  const sizeBefore = sizesOf(known);
  const scanned = await identify(walked.files, { ...options, step: 'scan', cache, pacer, sizeBefore });
  // Where nothing is known of it, what was found is no more than there was.
  const grown = lying === undefined ? 0 : found.size - known.length;
  if (options.mode === 'write' && grown !== 0) {
    const addition = { ...NO_ADDITION, counted: [[rootKey(root), grown] as const] };
    await saveState(options, () => extendMemory(options.state, addition));
  }
  return {
    entries: EntryTable.listing(scanned.files.map(({ entry }) => entry)),
    problems: [...walked.problems, ...scanned.problems],
  };
}

/** Whether something that is no folder stands in the way to `place`: what it is, and what becomes of it, lies outside. */
function isBarred({ sources, root }: CollectProject, place: RelPath): boolean {
  const ways = sources.map(({ path, prefix }) => ({ path, way: wayTo(place, prefix) }));
  return [...ways, { path: root, way: wayOf(place) }].some(({ path, way = [] }) =>
    way.slice(0, -1).some((_, at) => isNoFolder(`${path}/${way.slice(0, at + 1).join('/')}`)),
  );
}

function isNoFolder(place: string): boolean {
  try {
    return statSync(place, { throwIfNoEntry: false })?.isDirectory() === false;
  } catch (error) {
    if (isSystemError(error)) return false; // whoever reads it will tell
    throw error;
  }
}

/** As in `Past`, by the copy that was made when it was last taken. */
function sizeAt(copy: string): number {
  try {
    return statSync(copy, { throwIfNoEntry: false })?.size ?? 0;
  } catch (error) {
    if (isSystemError(error)) return Number.POSITIVE_INFINITY; // whoever reads it will tell
    throw error;
  }
}

function wayOf(place: RelPath): Way {
  return place.split('/');
}

/** `copied` is what was collected from the places before. */
function isMuch(
  { ignore }: CollectProject,
  listings: readonly Listing[],
  copied: readonly RelPath[],
  counts: KnownPlaces['counts'],
): boolean {
  const paths: ReadonlySet<string> = new Set(listings.flatMap(({ walked }) => walked.files.map(({ path }) => path)));
  if (paths.size > MOST_FILES) return true;
  const lost = copied.filter((path) => !paths.has(path));
  return listings.some((listing) => {
    const { source, walked } = listing;
    const had = counts?.get(countOf(listing).key);
    const { length } = lost.filter((path) => wayTo(path, source.prefix) !== undefined);
    if (length === 0 || had === 0) return false;
    return isMuchLost(length, had) || (walked.files.length === 0 && !holdsFile(source.path, ignoreRules(ignore)));
  });
}

function oursOf({ entries, foreign }: KnownPlaces): Map<RelPath, Digest> {
  const others = new Set(foreign);
  return new Map(entries.filter(({ path }) => !others.has(path)).map(({ path, digest }) => [path, digest]));
}

/**
 * Without a stamp nothing is taken for unchanged; what they are for is the published mtime of a content. Where that is not
 * known, which 0 says, it is that of the file.
 */
function digestsOf(entries: readonly Entry[]): Map<string, CachedDigest> {
  const known = entries.filter(({ mtime }) => mtime !== 0);
  return new Map(known.map(({ path, digest, mtime }) => [path, { stamp: '', digest, mtime }]));
}

/** As in `Past`. A run alone looks at places of which nothing is known. */
function sizesOf(entries: readonly Entry[]): (path: RelPath) => number {
  return (path) => findEntry(entries, path)?.size ?? Number.POSITIVE_INFINITY;
}
