/**
 * Committed: what a push had committed that ended with an error all the same. The next one finds that done, and whoever tells
 * of both needs to know.
 */
import type { Outcome } from '../core/apply.js';

/** What was published and committed. */
export interface Committed {
  readonly outcomes: readonly Outcome[];
  /** How many of the published files were not sent whole. */
  readonly linked: number;
  readonly patched: number;
  readonly sentBytes: number;
}

const byError = new WeakMap<object, Committed>();

/** Of the push that ends with `error`. */
export function noteCommitted(error: unknown, committed: Committed): void {
  if (typeof error === 'object' && error !== null) byError.set(error, committed);
}

/** By the pushes that ended with these errors, all together. */
export function committedBefore(errors: readonly unknown[]): Committed {
  const all = { outcomes: [] as Outcome[], linked: 0, patched: 0, sentBytes: 0 };
  for (const error of errors) {
    const committed = typeof error === 'object' && error !== null ? byError.get(error) : undefined;
    for (const outcome of committed?.outcomes ?? []) if (outcome.kind === 'done') all.outcomes.push(outcome);
    all.linked += committed?.linked ?? 0;
    all.patched += committed?.patched ?? 0;
    all.sentBytes += committed?.sentBytes ?? 0;
  }
  return all;
}
