/**
 * sinceBaseline: what has changed since a run before left nothing to be done, in time that depends on how many files there are to
 * be looked at, and on nothing else. The thread that would collect and the one that called share the looking.
 */
import type { Entry } from '../../core/entry.js';
import { EntryTable } from '../../core/entry-table.js';
import type { Marks } from '../../core/marks-codec.js';
import type { Places } from '../../core/places.js';
import { ancestorsOf, isWithin, type RelPath } from '../../core/relpath.js';
import { isCovered } from '../../core/resolve.js';
import type { Snapshot } from '../../core/snapshot.js';
import { type Root, touchedPlaces } from '../../core/touched.js';
import { Pacer } from '../../fs/pace.js';
import { StateFolder } from '../../fs/state.js';
import { seenAt } from '../marks.js';
import { rootsOf } from '../project.js';
import { type Changes, joinChanges, placesIn } from '../sweep.js';
import type { LocalHooks, LocalResult, LocalSettings, LocalThread, LocalWork } from '../thread/in-thread.js';
import type { NameWork, PartSince } from '../thread/protocol.js';
import { newTurn } from '../thread/turn.js';
import { type Baseline, recallBaseline } from './baseline.js';
import { isGone, type Went } from './gone.js';
import { lookSince } from './look-since.js';
import { movedSince, wasThere } from './moved-since.js';
import { areSameRoots } from './root-marks.js';
import { holdsSameNames } from './same-names.js';
import { noteTouched, recallTouched, type Touched } from './touched-since.js';

// Of more, all is looked at, which leaves a new baseline. Each run reads what was touched again: a hundredth of a big tree takes less.
const MOST_TOUCHED = 64;
const MOST_OF_BIG_TREE = 1000;
const TOUCHED_OF_ALL = 1 / 100;
const NOTHING_GONE: Went = { places: [], files: 0 };

/** What has changed since something was left. */
export interface Since extends LocalResult {
  /** What a target is noted with that has all of it; undefined where some of it is not known, or still to be done. */
  readonly baseline: string | undefined;
  /** What a target may be noted with to need no more than this. */
  readonly follows: ReadonlySet<string>;
  /** What the snapshot is about: everything else is as it was then. */
  readonly places: Places;
  /** Whether all of STATIC_ROOT, as it was looked at later, may pass for what it was then. */
  readonly isStillSo: (later: Snapshot) => boolean;
  /** The folders that STATIC_ROOT had then, absolute, itself among them. */
  readonly folders: () => Iterable<string>;
}

/** Undefined where there is no baseline that holds, or all is to be looked at: what was made right until then stays so. */
export async function sinceBaseline(
  thread: LocalThread,
  work: LocalWork,
  settings: LocalSettings,
  hooks: LocalHooks,
): Promise<Since | undefined> {
  const { statePath, baseline: madeFor } = settings;
  if (madeFor === undefined || work.mode !== 'write') return undefined;
  const state = new StateFolder(statePath);
  const baseline = await recallBaseline(state, madeFor);
  if (baseline === undefined) return undefined;
  if (!areSameRoots(baseline.roots)) return undefined;
  const before = await recallTouched(state, 'baseline', baseline.id);
  if (before === undefined) return undefined;
  const look = { trees: baseline.trees, turn: newTurn() };
  const looked = [thread.look({ kind: 'look', ...look }, settings, hooks), lookSince(look, new Pacer(hooks))];
  const changes = joinChanges(await Promise.all(looked));
  const rootMarks: Marks = baseline.trees.at(-1)?.marks ?? new Map(); // it stands behind the sources
  const root = rootOf(work);
  const ofRoot = ({ places }: Touched): Pick<Since, 'isStillSo' | 'folders'> => ({
    isStillSo: (later) => holdsSameNames(root, rootMarks, places, later),
    folders: () => rootMarks.keys(),
  });
  if (before.places.length + placesIn(changes).length === 0)
    return nothingSince(before, baseline.files, ofRoot(before));
  const trees = treesOf(work);
  if (trees === undefined) return undefined;
  const naming = { kind: 'name', noted: before.places, ...knownBy(work, trees, baseline) } as const;
  const name = (gone: Changes['gone']) => thread.nameGone({ ...naming, gone }, settings, hooks);
  const found = await findTouched(changes, before, baseline, name);
  if (found === undefined) return undefined;
  const { touched, went } = found;
  const places = touchedPlaces(trees, [], touched);
  if (places === 'all') return undefined;
  const inRoot = places.map((path) => `${root}/${path}`);
  const noted = await noteTouched(state, 'baseline', before, [...touched, ...inRoot]);
  if (noted === undefined) return undefined;
  const moved = movedSince({ touched, went: went.places }, before.places, baseline.trees);
  const made = await thread.run(workOn(work, places, { touched, moved }), settings, hooks).result;
  if (made === undefined || !isAllOf(places, made, root)) return undefined;
  // Something else fills it, and what came back may name what else has come since the look.
  if (work.kind === 'scan' && !went.places.every(isGone)) return undefined;
  const isFresh = ({ path }: Entry): boolean => !wasFile(`${root}/${path}`, baseline);
  const scanned = (): number => baseline.files + [...made.snapshot.entries].filter(isFresh).length - went.files;
  const files = work.kind === 'scan' ? scanned() : made.files;
  // Else the next run has to look again, whatever the note says.
  const isSettled = made.problems.length + made.putOff === 0;
  return {
    ...made,
    places,
    files,
    baseline: isSettled ? noted.state : undefined,
    follows: noted.states,
    ...ofRoot(noted),
  };
}

/** All places that are touched, and what went; undefined where that is too much, or one is of a kind that only a look at all tells of. */
async function findTouched(
  changes: Changes,
  before: Touched,
  baseline: Baseline,
  name: (gone: Changes['gone']) => Promise<Went | undefined>,
): Promise<{ readonly touched: readonly string[]; readonly went: Went } | undefined> {
  const most = Math.min(MOST_OF_BIG_TREE, Math.max(MOST_TOUCHED, baseline.files * TOUCHED_OF_ALL));
  if (placesIn(changes).length > most) return undefined;
  const went = changes.gone.length === 0 ? NOTHING_GONE : await name(changes.gone);
  if (went === undefined) return undefined;
  const touched = [...new Set([...before.places, ...changes.touched, ...went.places])];
  return touched.length <= most && touched.every((place) => isPlain(place, baseline)) ? { touched, went } : undefined;
}

/** Nothing has changed since it was left, when there were so many files. */
export function nothingSince(
  { state, states }: Touched,
  files: number,
  ofRoot: Pick<Since, 'isStillSo' | 'folders'>,
): Since {
  return {
    files,
    baseline: state,
    follows: states,
    copied: 0,
    hashed: 0,
    removed: 0,
    putOff: 0,
    due: [],
    places: [],
    ...ofRoot,
    snapshot: { entries: EntryTable.EMPTY, problems: [] },
    problems: [],
    ownership: { foreign: [], folders: [] },
    links: [],
  };
}

/** The trees whose files are published; undefined where it takes more to tell what becomes of a change. */
function treesOf(work: LocalWork): Root[] | undefined {
  if (work.kind === 'scan') return [{ path: work.root, prefix: '' }];
  return work.kind === 'collect' && work.project.manifest === undefined ? rootsOf(work.project) : undefined;
}

/** What knows what lay in the trees. */
function knownBy(work: LocalWork, trees: readonly Root[], { files, seal }: Baseline): Pick<NameWork, 'trees' | 'by'> {
  if (work.kind !== 'scan') return { trees, by: { kind: 'memory' } };
  return { trees: trees.map((tree) => ({ ...tree, had: files })), by: { kind: 'root', seal } };
}

/** `work`, for what was touched alone. */
function workOn(work: LocalWork, places: Places, part: Pick<PartSince, 'touched' | 'moved'>): LocalWork {
  if (work.kind === 'scan') return { ...work, part: { places, known: undefined, epoch: 0 } };
  return work.kind === 'collect' ? { ...work, part } : work;
}

function rootOf(work: LocalWork): string {
  return work.kind === 'scan' ? work.root : work.project.root;
}

function wasFile(place: string, baseline: Baseline): boolean {
  return wasThere(place, baseline.trees) && !wasFolder(place, baseline);
}

function wasFolder(place: string, { trees }: Baseline): boolean {
  return trees.some(({ marks }) => marks.has(place));
}

/** Whether what became of it can be told by looking there. */
function isPlain(place: string, baseline: Baseline): boolean {
  if (isFile(place) || isGone(place)) return true;
  return isFolder(place) && (!wasThere(place, baseline.trees) || wasFolder(place, baseline));
}

/** Or a link to one. */
function isFile(place: string): boolean {
  const { stats, behind } = seenAt(place);
  return (behind ?? stats)?.isFile() === true;
}

/** And no link to one. */
function isFolder(place: string): boolean {
  const { stats, behind } = seenAt(place);
  return stats === undefined && behind?.isDirectory() === true;
}

/** Whether that is all there is at each of the places, as far as it can be known, and nothing else. */
function isAllOf(places: Places, { snapshot, problems }: LocalResult, root: string): boolean {
  const paths = Array.from(snapshot.entries, ({ path }) => path);
  const [wanted, found] = [new Set<string>(places), new Set(paths.flatMap((path) => [path, ...ancestorsOf(path)]))];
  if (!paths.every((path) => isCovered(path, wanted))) return false;
  const isUnknown = (place: RelPath): boolean =>
    problems.some(({ path }) => isWithin(path, place) || isWithin(place, path));
  return places.every(
    (place) => found.has(place) || isGone(`${root}/${place}`) || isFolder(`${root}/${place}`) || isUnknown(place),
  );
}
