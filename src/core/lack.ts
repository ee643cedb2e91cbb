/**
 * lackOf: a file that is wanted and did not come to STATIC_ROOT, although it may come: what may refer to it has to wait for it, as
 * after a step of a push that failed.
 *
 * A path that can never come, such as a link that leads nowhere, holds nothing back, and neither does one of which the target has an
 * older version, or gets one: nobody is led astray by that.
 */
import type { Problem, ProblemCode } from '../errors.js';
import { groupOfNew, isBefore, type Stop } from './plan.js';
import { parseRelPath, type RelPath } from './relpath.js';
import type { Snapshot } from './snapshot.js';
import type { TargetIndex } from './target-index.js';

const PASSING: ReadonlySet<ProblemCode> = new Set(['CHANGED', 'NO_SPACE', 'DENIED', 'READ_ONLY', 'FAILED']);

/** Whether trouble with collecting may pass without a change in the sources or in STATIC_ROOT. (Of a push, see `standing.ts`.) */
export function isPassing({ code }: Problem): boolean {
  return PASSING.has(code);
}

/** The first in the order of groups. `accepts` tells what the target is to have; `manifest` is as in `makePlan`. */
export function lackOf(
  { entries, problems }: Snapshot,
  index: TargetIndex,
  accepts: (path: RelPath) => boolean,
  manifest?: string,
): Stop | undefined {
  let first: Stop | undefined;
  for (const problem of problems) {
    const path = isPassing(problem) ? parseRelPath(problem.path) : undefined;
    if (path === undefined || !accepts(path)) continue;
    if (index.entries.find(path) !== undefined || entries.find(path) !== undefined) continue;
    const stop = { group: groupOfNew(path, manifest), problem };
    if (first === undefined || isBefore(stop.group, first.group)) first = stop;
  }
  return first;
}
