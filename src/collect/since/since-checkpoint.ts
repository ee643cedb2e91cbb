/**
 * collectSinceCheckpoint: what has changed since a run before collected all, in time that depends on that.
 *
 * Looking at a hundred thousand files takes longer than all else, and is the system's work: the thread that will collect
 * and the one that called share it. The first of them loads what is known of the site when it has found a change.
 */
import { Pacer } from '../../fs/pace.js';
import { StateFolder } from '../../fs/state.js';
import { type CollectProject, rootsOf } from '../project.js';
import { type Changes, joinChanges, placesIn } from '../sweep.js';
import type { LocalHooks, LocalSettings, LocalThread, LocalWork } from '../thread/in-thread.js';
import type { NameWork } from '../thread/protocol.js';
import { newTurn } from '../thread/turn.js';
import { nameGone, type Went } from './gone.js';
import { lookSince } from './look-since.js';
import { holdsSameNames } from './same-names.js';
import { nothingSince, type Since } from './since-baseline.js';
import { recallMarks } from './stored-marks.js';
import { noteTouched, recallTouched, type Touched } from './touched-since.js';

const MOST_TOUCHED = 500; // more of them are cheaper to collect as a whole, and that leaves a new checkpoint
const MOST_NOTED = 200; // each run goes through them again; an edit adds about eight

/**
 * What has changed in STATIC_ROOT since the checkpoint. Undefined where there is none that holds, or all is to be collected:
 * nothing was changed then.
 */
export async function collectSinceCheckpoint(
  thread: LocalThread,
  work: LocalWork,
  settings: LocalSettings,
  hooks: LocalHooks,
): Promise<Since | undefined> {
  if (work.kind !== 'collect' || work.project.manifest === undefined) return undefined;
  const { project, mode } = work;
  const pacer = new Pacer(hooks);
  const state = new StateFolder(settings.statePath);
  const { checkpoint: version } = settings;
  const marks = version === undefined ? undefined : await recallMarks(project, version, state);
  if (marks === undefined) return undefined;
  const before = await recallTouched(state, 'checkpoint', marks.id);
  if (before === undefined || before.places.length > MOST_NOTED) return undefined;
  const trees = [
    { marks: marks.sources, ignore: project.ignore },
    { marks: marks.root, ignore: [] },
  ];
  const since = { trees, turn: newTurn() };
  const found = await Promise.all([
    thread.look({ kind: 'look', ...since, recall: project }, settings, hooks),
    lookSince(since, pacer),
  ]);
  const changes = joinChanges(found);
  const ofRoot = ({ places }: Touched): Pick<Since, 'isStillSo' | 'folders'> => ({
    isStillSo: (later) => holdsSameNames(project.root, marks.root, places, later),
    folders: () => marks.root.keys(),
  });
  const isNothing = before.places.length + placesIn(changes).length === 0;
  if (isNothing && marks.atRest !== undefined) return nothingSince(before, marks.atRest, ofRoot(before));
  const naming = { ...namingIn(project), noted: before.places };
  const name = (gone: Changes['gone']) => thread.nameGone({ ...naming, gone }, settings, hooks);
  const went = await nameOrPlace(changes.gone, before.places, name);
  const touched = [...new Set([...before.places, ...changes.touched, ...went])];
  const isUntold = touched.length === 0 && !isNothing; // what it is gone from went as well, and nothing above is looked at
  if (isUntold || touched.length > MOST_TOUCHED) return undefined;
  const note = async (now: Touched, all: readonly string[]): Promise<Touched | undefined> =>
    mode === 'write' ? noteTouched(state, 'checkpoint', now, all) : now;
  const noted = await note(before, touched);
  if (noted === undefined) return undefined;
  const collected = await thread.run({ kind: 'collect', mode, project, part: { touched } }, settings, hooks).result;
  if (collected === undefined) return undefined;
  // More than what was touched may be another one because of it.
  const { places = [] } = collected;
  const inRoot = places.map((path) => `${project.root}/${path}`);
  const all = await note(noted, inRoot);
  return all && { ...collected, baseline: all.state, follows: all.states, places, ...ofRoot(all) };
}

/** All that was collected may be gone, from a source and from STATIC_ROOT. */
function namingIn(project: CollectProject): Pick<NameWork, 'kind' | 'trees' | 'by'> {
  const trees = [...rootsOf(project), { path: project.root, prefix: '' }];
  return { kind: 'name', trees, by: { kind: 'memory' } };
}

/** What is gone, by `name` or by what was `noted`; where it has no name there, the folders that it is gone from. */
async function nameOrPlace(
  gone: Changes['gone'],
  noted: Touched['places'],
  name: (gone: Changes['gone']) => Promise<Went | undefined>,
): Promise<readonly string[]> {
  if (gone.length === 0) return [];
  const went = nameGone(gone, [], [], noted) ?? (await name(gone));
  return went?.places ?? placesIn({ touched: [], gone });
}
