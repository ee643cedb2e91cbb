/**
 * collectSinceCheckpoint: what has changed since a run before collected all, in time that hangs on that.
 *
 * Looking at a hundred thousand files takes longer than all else, and is the system's work: the thread that will collect
 * and the one that called share it. The first of them has what is known of the site to load before it takes its part.
 */
import { Pacer } from '../fs/pace.js';
import { StateFolder } from '../fs/state.js';
import type { LocalHooks, LocalResult, LocalSettings, LocalThread, LocalWork } from './in-thread.js';
import { lookSince } from './look-since.js';
import { recallMarks } from './stored-marks.js';
import { newTurn } from './turn.js';

const MOST_TOUCHED = 500; // more of them are cheaper to collect as a whole, and that leaves a new checkpoint

/** Undefined where there is no checkpoint that holds, or all is to be collected: nothing was changed then. */
export async function collectSinceCheckpoint(
  thread: LocalThread,
  work: LocalWork,
  settings: LocalSettings,
  hooks: LocalHooks,
): Promise<LocalResult | undefined> {
  if (work.kind !== 'collect' || work.project.manifest === undefined) return undefined;
  const { project, mode } = work;
  const pacer = new Pacer(hooks);
  const marks = await recallMarks(project, new StateFolder(settings.statePath));
  if (marks === undefined) return undefined;
  const trees = [
    { marks: marks.sources, ignore: project.ignore },
    { marks: marks.root, ignore: [] },
  ];
  const since = { trees, turn: newTurn() };
  // Whoever asks will want to know what it means.
  const looking = thread.look({ kind: 'look', ...since, recall: project }, settings, hooks);
  const looks = [looking, lookSince(since, pacer)];
  const touched = (await Promise.all(looks)).flat();
  if (touched.length > MOST_TOUCHED) return undefined;
  return thread.run({ kind: 'collect', mode, project, part: { touched } }, settings, hooks).result;
}
