/**
 * Committed: what a push had committed that ended with an error all the same. The next one finds that done, and whoever tells
 * of both needs to know.
 */
import type { Outcome } from '../core/outcome.js';
import type { RelPath } from '../core/relpath.js';

/** What was published and committed. */
export interface Committed {
  readonly outcomes: readonly Outcome[];
  /** Of the index that is in force. */
  readonly generation?: number | undefined;
  /** How many of the published files were not sent whole. */
  readonly linked: number;
  readonly patched: number;
  readonly sentBytes: number;
}

/** And what may have been published besides, by paths. */
export interface BrokenOff extends Committed {
  readonly doubtful: readonly RelPath[];
}

const byError = new WeakMap<object, BrokenOff>();

/** Of the push that ends with `error`. */
export function noteCommitted(error: unknown, committed: Committed): void {
  if (typeof error === 'object' && error !== null) byError.set(error, { ...committed, doubtful: [] });
}

/** And of the cycle that ends with it. */
export function noteDoubtful(error: unknown, doubtful: readonly RelPath[]): void {
  if (typeof error === 'object' && error !== null) byError.set(error, { ...committedBefore([error]), doubtful });
}

/** The error is told as another one. */
export function noteSame(cause: unknown, error: unknown): void {
  if (typeof cause === 'object' && cause !== null && cause !== error) byError.set(cause, committedBefore([error]));
}

/** By the pushes that ended with these errors, all together. */
export function committedBefore(errors: readonly unknown[]): BrokenOff {
  const all = {
    outcomes: [] as Outcome[],
    generation: undefined as number | undefined,
    linked: 0,
    patched: 0,
    sentBytes: 0,
    doubtful: [] as RelPath[],
  };
  for (const error of errors) {
    const committed = typeof error === 'object' && error !== null ? byError.get(error) : undefined;
    for (const outcome of committed?.outcomes ?? []) if (outcome.kind === 'done') all.outcomes.push(outcome);
    for (const path of committed?.doubtful ?? []) all.doubtful.push(path);
    all.generation = committed?.generation ?? all.generation;
    all.linked += committed?.linked ?? 0;
    all.patched += committed?.patched ?? 0;
    all.sentBytes += committed?.sentBytes ?? 0;
  }
  return all;
}
