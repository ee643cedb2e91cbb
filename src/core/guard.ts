/**
 * guard: refuses a plan that would take more from a target than a person is likely to have meant.
 */
import { SafetyError } from '../errors.js';
import type { Plan } from './plan.js';

/** How much one run may remove: a number of files, or a share (0 to 1) of the files the target holds. */
export type Limit =
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'share'; readonly share: number };

/** How many files of ours a target holds, and how many it will hold if all goes well. */
export interface Extent {
  readonly held: number;
  readonly left: number;
}

/** Throws a SafetyError when a plan removes more files than `limit` allows, or when it leaves nothing. */
export function guard(plan: Plan, { held, left }: Extent, limit: Limit): void {
  const removed = plan.changes.filter((change) => change.kind === 'removed').length;
  if (!isTooMuch(removed, { held, left }, limit)) return;
  if (left === 0) {
    throw new SafetyError(
      `nothing is left to publish and all ${held} files would be removed; if that is right, sync this target with --force`,
    );
  }
  throw new SafetyError(
    `${removed} of ${held} files would be removed, more than delete.max allows (${formatLimit(limit)}); ` +
      'if that is right, sync this target with --force',
  );
}

/** Whether `guard` refuses to remove so many files. */
export function isTooMuch(removed: number, { held, left }: Extent, limit: Limit): boolean {
  return removed > 0 && (left === 0 || removed > allowed(limit, held));
}

/** Throws a SafetyError when a plan replaces published files: for a target that cannot do that in one step. */
export function guardReplacement(plan: Plan): void {
  const replaced = plan.changes.filter(({ kind }) => kind === 'modified').length;
  if (replaced === 0) return;
  throw new SafetyError(
    `${replaced} published ${replaced === 1 ? 'file' : 'files'} would be replaced, which the server cannot do in one step ` +
      '(it offers no posix-rename): readers would find each of them missing for a moment; to accept that, set ' +
      'allowNonAtomic: true for this target',
  );
}

function allowed(limit: Limit, held: number): number {
  return limit.kind === 'count' ? limit.count : limit.share * held;
}

/** As it is written in a configuration. */
export function formatLimit(limit: Limit): string {
  // The product of a share and 100 has a tail of binary noise; 12 digits are more than anybody writes.
  return limit.kind === 'count' ? `${limit.count}` : `${Number((limit.share * 100).toPrecision(12))}%`;
}
