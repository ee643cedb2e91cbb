/**
 * collectSinceCheckpoint: what has changed since a run before collected all, in time that hangs on that.
 *
 * Looking at a hundred thousand files takes longer than all else, and is the system's work: the thread that will collect
 * and the one that called share it.
 */
import { StateFolder } from '../fs/state.js';
import type { LocalHooks, LocalResult, LocalSettings, LocalThread, LocalWork } from './in-thread.js';
import { lookSince } from './look-since.js';

const MOST_TOUCHED = 500; // more of them are cheaper to collect as a whole, and that leaves a new checkpoint
const SHARE_OF_THREAD = 0.35; // it also has what is known of the site to load

/** Undefined where there is no checkpoint that holds, or all is to be collected: nothing was changed then. */
export async function collectSinceCheckpoint(
  thread: LocalThread,
  work: LocalWork,
  settings: LocalSettings,
  hooks: LocalHooks,
): Promise<LocalResult | undefined> {
  if (work.kind !== 'collect' || work.project.manifest === undefined) return undefined;
  const { project, mode } = work;
  const state = new StateFolder(settings.statePath);
  const looks = await Promise.all([
    thread.look({ kind: 'look', project, share: { from: 0, to: SHARE_OF_THREAD } }, settings, hooks),
    lookSince({ project, share: { from: SHARE_OF_THREAD, to: 1 } }, { state, signal: hooks.signal }),
  ]);
  const touched: string[] = [];
  for (const look of looks) {
    if (look === undefined) return undefined;
    touched.push(...look);
  }
  if (touched.length > MOST_TOUCHED) return undefined;
  return thread.run({ kind: 'collect', mode, project, part: { touched } }, settings, hooks).result;
}
