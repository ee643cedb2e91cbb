/**
 * sinceBaseline: what has changed since a run before left nothing to be done, in time that hangs on how many files there are to
 * be looked at, and on nothing else. The thread that would collect and the one that called share the looking.
 */
import type { Places } from '../../core/places.js';
import type { Snapshot } from '../../core/snapshot.js';
import { type Root, touchedPlaces } from '../../core/touched.js';
import { Pacer } from '../../fs/pace.js';
import { StateFolder } from '../../fs/state.js';
import { markOf, nameIn, seenAt } from '../marks.js';
import { rootsOf } from '../project.js';
import type { LocalHooks, LocalResult, LocalSettings, LocalThread, LocalWork } from '../thread/in-thread.js';
import { newTurn } from '../thread/turn.js';
import { type Baseline, recallBaseline } from './baseline.js';
import { lookSince } from './look-since.js';
import { areSameRoots } from './root-marks.js';
import { holdsSameNames } from './same-names.js';
import { noteTouched, recallTouched, type Touched } from './touched-since.js';

const MOST_TOUCHED = 64; // of more, all is looked at, which leaves a new baseline

/** What has changed since something was left. */
export interface Since extends LocalResult {
  /** What a target is noted with that has all of it. */
  readonly baseline: string;
  /** What a target may be noted with to need no more than this. */
  readonly follows: ReadonlySet<string>;
  /** What the snapshot is about: everything else is as it was then. */
  readonly places: Places;
  /** Whether all of STATIC_ROOT, as it was looked at later, may pass for what it was then. */
  readonly isStillSo: (later: Snapshot) => boolean;
}

/** Undefined where there is no baseline that holds, or all is to be looked at: nothing was changed then. */
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
  const found = await Promise.all([
    thread.look({ kind: 'look', ...look }, settings, hooks),
    lookSince(look, new Pacer(hooks)),
  ]);
  const touched = [...new Set([...before.places, ...found.flat()])];
  const rootMarks = baseline.trees.at(-1)?.marks ?? new Map(); // it stands behind the sources
  const isStillSo = (later: Snapshot): boolean => holdsSameNames(rootOf(work), rootMarks, before.places, later);
  if (touched.length === 0) return nothingSince(before, baseline.files, isStillSo);
  if (touched.length > MOST_TOUCHED || !touched.every((place) => wasThere(place, baseline) && isFile(place)))
    return undefined;
  const trees = treesOf(work);
  const places = trees && touchedPlaces(trees, [], touched);
  if (places === undefined || places === 'all') return undefined;
  const inRoot = places.map((path) => `${rootOf(work)}/${path}`);
  const noted = await noteTouched(state, 'baseline', before, [...touched, ...inRoot]);
  if (noted === undefined) return undefined;
  const made = await thread.run(workOn(work, places, touched), settings, hooks).result;
  if (made === undefined || !isAllOf(places, made)) return undefined;
  return { ...made, places, files: baseline.files, baseline: noted.state, follows: noted.states, isStillSo };
}

/** Nothing has changed since it was left, when there were so many files. */
export function nothingSince({ state, states }: Touched, files: number, isStillSo: Since['isStillSo']): Since {
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
    isStillSo,
    snapshot: { entries: [], problems: [] },
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

/** `work`, for what was touched alone. */
function workOn(work: LocalWork, places: Places, touched: readonly string[]): LocalWork {
  if (work.kind === 'scan') return { ...work, part: { places, known: undefined, epoch: 0 } };
  return work.kind === 'collect' ? { ...work, part: { touched } } : work;
}

function rootOf(work: LocalWork): string {
  return work.kind === 'scan' ? work.root : work.project.root;
}

function wasThere(place: string, { trees }: Baseline): boolean {
  const at = place.lastIndexOf('/');
  const name = nameIn(markOf(place.slice(at + 1), undefined));
  return trees.some(({ marks }) => marks.get(place.slice(0, at))?.some((mark) => nameIn(mark) === name));
}

/** Or a link to one. */
function isFile(place: string): boolean {
  const { stats, behind } = seenAt(place);
  return (behind ?? stats)?.isFile() === true;
}

/** Whether a file lies at each of the places, and all went well. */
function isAllOf(places: Places, { snapshot, problems }: LocalResult): boolean {
  const found = snapshot.entries.map(({ path }) => path).toSorted();
  const wanted = places.toSorted();
  return problems.length === 0 && found.length === wanted.length && found.every((path, at) => path === wanted[at]);
}
