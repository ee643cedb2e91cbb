/**
 * collectSinceCheckpoint: what has changed since a run before collected all, in time that hangs on that.
 *
 * Looking at a hundred thousand files takes longer than all else, and is the system's work: two threads share it.
 */
import type { LocalHooks, LocalResult, LocalSettings, LocalThread, LocalWork } from './in-thread.js';

const MOST_TOUCHED = 500; // more of them are cheaper to collect as a whole, and that leaves a new checkpoint

/** Undefined where there is no checkpoint that holds, or all is to be collected: nothing was changed then. */
export async function collectSinceCheckpoint(
  threads: readonly [LocalThread, LocalThread],
  work: LocalWork,
  settings: LocalSettings,
  hooks: LocalHooks,
): Promise<LocalResult | undefined> {
  if (work.kind !== 'collect' || work.project.manifest === undefined) return undefined;
  const { project, mode } = work;
  const looks = threads.map((thread, index) =>
    thread.look({ kind: 'look', project, share: { index, of: threads.length } }, settings, hooks),
  );
  const touched: string[] = [];
  for (const look of await Promise.all(looks)) {
    if (look === undefined) return undefined;
    touched.push(...look);
  }
  if (touched.length > MOST_TOUCHED) return undefined;
  return threads[0].run({ kind: 'collect', mode, project, part: { touched } }, settings, hooks).result;
}
