/**
 * collectPlaces and scanPlaces: what `collect` and `scanOnly` do, for some places of the tree alone. It costs what lies
 * there.
 *
 * Nothing is loaded: what is known of the places is given, and their files are read. Where that does not pay, or where a
 * place cannot be judged without the rest, the answer is undefined, nothing was changed, and all is to be collected.
 */
import { statSync } from 'node:fs';
import type { CachedDigest } from '../core/digest-cache-codec.js';
import type { Places } from '../core/places.js';
import type { RelPath } from '../core/relpath.js';
import type { Digest, Entry, Snapshot } from '../core/snapshot.js';
import { Pacer } from '../fs/pace.js';
import {
  type Collected,
  type CollectOptions,
  type CollectProject,
  foreignIn,
  linksOf,
  type Ownership,
  readRoot,
} from './collect.js';
import { fill } from './fill.js';
import { identify } from './identify.js';
import { extendMemory } from './memory.js';
import { type RunOptions, saveState } from './run-options.js';
import { requireFolder } from './scan-only.js';
import { type Listing, listSources, wayTo } from './sources.js';
import { isSystemError } from './trouble.js';
import { type Way, walkWays } from './walk.js';

const MOST_FILES = 2000; // more of them are cheaper to collect with the digests of the last run at hand
const MOST_LOST = 50; // more of them may be a source that got lost, which shows only beside what it had

/** What is known of the places from before. */
export interface KnownPlaces extends Ownership {
  /** What lies there in STATIC_ROOT, sorted by path. */
  readonly entries: readonly Entry[];
}

/** Answers with what `collect` would, of the places alone. Rejects as it does. */
export async function collectPlaces(
  project: CollectProject,
  places: Places,
  known: KnownPlaces,
  options: CollectOptions,
): Promise<Collected | undefined> {
  if (project.manifest !== undefined) return undefined;
  if (known.entries.length > MOST_FILES || places.some((place) => isBarred(project, place))) return undefined;
  const pacer = new Pacer(options);
  const listings = await listSources(project, pacer, places);
  const ours = oursOf(known);
  if (isMuch(listings, ours)) return undefined;

  const [sources, root] = [digestsOf(known.entries), digestsOf(known.entries)];
  const before = {
    files: ours,
    made: new Set<string>(),
    folders: new Set(known.folders),
    sources,
    root,
    traces: new Map(),
  };
  const filled = await fill(project, listings, (reading) => readRoot(project.root, reading, places), before, {
    ...options,
    pacer,
  });
  const { snapshot, count, copied, hashed, removed, problems, shadowed, files, folders } = filled;
  if (options.mode === 'write') {
    const addition = {
      put: [...files].filter(([path, digest]) => ours.get(path) !== digest),
      made: [],
      removed: [...ours.keys()].filter((path) => !files.has(path)),
      foldersMade: [...folders].filter((folder) => !before.folders.has(folder)),
      foldersGone: known.folders.filter((folder) => !folders.has(folder)),
    };
    await saveState(options, () => extendMemory(options.state, addition));
  }
  return {
    snapshot,
    files: count,
    copied,
    hashed,
    removed,
    problems,
    shadowed,
    ownership: { foreign: foreignIn(snapshot, files), folders: [...folders] },
    links: linksOf(listings),
  };
}

/** Answers with what `scanOnly` would, of the places alone. Rejects as it does. */
export async function scanPlaces(
  root: string,
  places: Places,
  known: readonly Entry[],
  options: RunOptions,
): Promise<Snapshot | undefined> {
  requireFolder(root);
  const pacer = new Pacer(options);
  const walked = await walkWays(root, places.map(wayOf), { step: 'scan', pacer });
  const found: ReadonlySet<string> = new Set(walked.files.map(({ path }) => path));
  const lost = known.filter(({ path }) => !found.has(path)).length;
  if (found.size > MOST_FILES || lost > MOST_LOST) return undefined;
  const scanned = await identify(walked.files, { ...options, step: 'scan', cache: digestsOf(known), pacer });
  return { entries: scanned.files.map(({ entry }) => entry), problems: [...walked.problems, ...scanned.problems] };
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

function wayOf(place: RelPath): Way {
  return place.split('/');
}

function isMuch(listings: readonly Listing[], ours: ReadonlyMap<string, Digest>): boolean {
  const paths: ReadonlySet<string> = new Set(listings.flatMap(({ walked }) => walked.files.map(({ path }) => path)));
  if (paths.size > MOST_FILES) return true;
  let lost = 0;
  for (const path of ours.keys()) if (!paths.has(path)) lost++;
  return lost > MOST_LOST;
}

function oursOf({ entries, foreign }: KnownPlaces): Map<string, Digest> {
  const others = new Set(foreign);
  return new Map(entries.filter(({ path }) => !others.has(path)).map(({ path, digest }) => [path, digest]));
}

/** Without a stamp nothing is taken for unchanged; what they are for is the published mtime of a content. */
function digestsOf(entries: readonly Entry[]): Map<string, CachedDigest> {
  return new Map(entries.map(({ path, digest, mtime }) => [path, { stamp: '', digest, mtime }]));
}
