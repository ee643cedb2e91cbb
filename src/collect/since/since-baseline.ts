/**
 * sinceBaseline: what has changed since a run before had nothing to do, in time that hangs on how many files there are to be
 * looked at, and on nothing else. The thread that would collect and the one that called share the looking.
 */
import type { Places } from '../../core/places.js';
import { parseRelPath, type RelPath } from '../../core/relpath.js';
import { Pacer } from '../../fs/pace.js';
import { StateFolder } from '../../fs/state.js';
import type { LocalHooks, LocalResult, LocalSettings, LocalThread, LocalWork } from '../in-thread.js';
import { markOf, nameIn } from '../marks.js';
import { newTurn } from '../turn.js';
import { type Baseline, recallBaseline } from './baseline.js';
import { lookSince } from './look-since.js';
import { areSameRoots } from './root-marks.js';
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
  if (touched.length === 0) return nothingSince(before, baseline.files);
  if (work.kind !== 'scan' || touched.length > MOST_TOUCHED) return undefined;
  const noted = await noteTouched(state, 'baseline', before, touched);
  if (noted === undefined) return undefined;
  const scanned = await scanFiles(work.root, touched, baseline, (places) => {
    const known = { entries: [], foreign: [], folders: [] };
    return thread.run({ ...work, part: { places, known, epoch: 0 } }, settings, hooks).result;
  });
  return scanned && { ...scanned, files: baseline.files, baseline: noted.state, follows: noted.states };
}

/** Nothing has changed since it was left, when there were so many files. */
export function nothingSince({ state, states }: Touched, files: number): Since {
  return {
    files,
    baseline: state,
    follows: states,
    copied: 0,
    hashed: 0,
    removed: 0,
    due: [],
    places: [],
    snapshot: { entries: [], problems: [] },
    problems: [],
    ownership: { foreign: [], folders: [] },
    links: [],
  };
}

/** Undefined unless all of it are files that were there before, with another content perhaps. */
async function scanFiles(
  root: string,
  touched: readonly string[],
  { trees }: Baseline,
  scan: (places: Places) => Promise<LocalResult | undefined>,
): Promise<(LocalResult & Pick<Since, 'places'>) | undefined> {
  const wasThere = (place: string): boolean => {
    const at = place.lastIndexOf('/');
    const name = nameIn(markOf(place.slice(at + 1), undefined));
    return trees.some(({ marks }) => marks.get(place.slice(0, at))?.some((mark) => nameIn(mark) === name));
  };
  const places = touched.flatMap((place): RelPath[] => {
    const path = place.startsWith(`${root}/`) ? parseRelPath(place.slice(root.length + 1)) : undefined;
    return path !== undefined && wasThere(place) ? [path] : [];
  });
  if (places.length < touched.length) return undefined;
  const sorted = places.toSorted();
  const scanned = await scan(sorted);
  const found = scanned?.snapshot.entries.map(({ path }) => path).toSorted();
  const isThere = found?.length === sorted.length && found.every((path, at) => path === sorted[at]);
  if (scanned === undefined || !isThere || scanned.problems.length > 0) return undefined;
  return { ...scanned, places: sorted };
}
