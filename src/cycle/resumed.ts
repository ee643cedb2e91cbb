/**
 * resumed: the result of a cycle that went on with what others before it had committed, as if it had been one.
 */
import { changeOf } from '../core/plan.js';
import type { BrokenOff, CycleResult } from '../sync.js';

export function resumed<R extends CycleResult>(result: R, before: BrokenOff): R {
  if (before.outcomes.length + before.doubtful.length === 0) return result;
  const again = new Set(result.plan.changes.map(({ path }) => path));
  const only = before.outcomes.map(({ step }) => step).filter(({ path }) => !again.has(path));
  return {
    ...result,
    plan: { ...result.plan, changes: [...only.map(changeOf), ...result.plan.changes] },
    outcomes: [...before.outcomes, ...result.outcomes],
    unchanged: result.unchanged - only.filter(({ kind }) => kind !== 'remove').length,
    linked: result.linked + before.linked,
    patched: result.patched + before.patched,
    sentBytes: result.sentBytes + before.sentBytes,
    settled: [...new Set([...(result.settled ?? []), ...before.doubtful])],
  };
}
