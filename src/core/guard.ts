/**
 * guard: refuses a plan that would take more from a target than a person is likely to have meant.
 */
import { SafetyError } from '../errors.js';
import type { Plan } from './plan.js';
import type { Snapshot } from './snapshot.js';
import type { TargetIndex } from './target-index.js';

/** How much one run may remove: a number of files, or a share (0 to 1) of the files the target holds. */
export type Limit =
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'share'; readonly share: number };

/**
 * The plan, if it keeps within bounds. Throws a SafetyError when it removes more files than `limit` allows, or when
 * nothing is wanted any more of a target that holds something.
 */
export function guard(plan: Plan, index: TargetIndex, wanted: Snapshot, limit: Limit): Plan {
  const removed = plan.changes.filter((change) => change.kind === 'removed').length;
  const held = index.entries.length + index.pending.size;
  if (removed === 0) return plan;
  if (wanted.entries.length === 0) {
    throw new SafetyError(
      `nothing is left to publish and all ${held} files would be removed; if that is right, run again with --force`,
    );
  }
  if (removed > allowed(limit, held)) {
    throw new SafetyError(
      `${removed} of ${held} files would be removed, more than delete.max allows (${describe(limit)}); ` +
        'if that is right, run again with --force',
    );
  }
  return plan;
}

function allowed(limit: Limit, held: number): number {
  return limit.kind === 'count' ? limit.count : limit.share * held;
}

function describe(limit: Limit): string {
  return limit.kind === 'count' ? `${limit.count}` : `${Math.round(limit.share * 1000) / 10}%`;
}
