/**
 * Outcome: what became of one step of a push, and what that makes certain of the index: what was really achieved, and nothing else.
 */
import type { Problem } from '../errors.js';
import { type Entry, identityOf } from './entry.js';
import type { Step } from './plan.js';
import type { RelPath } from './relpath.js';
import type { TargetIndex, Truths } from './target-index.js';
import { isStop, type Work } from './work.js';

/** The result of one step. 'untouched': the target holds what it held before. 'uncertain': it may hold either. */
export type Outcome =
  | { readonly kind: 'done'; readonly step: Step }
  | { readonly kind: 'untouched'; readonly step: Step; readonly problem: Problem }
  | { readonly kind: 'uncertain'; readonly step: Step; readonly problem: Problem };

/**
 * What the outcomes make certain of paths that `before` knew. A path whose outcome is uncertain stays pending, and so does
 * one without outcome.
 */
export function* truthsOf(before: TargetIndex, outcomes: readonly Outcome[]): Work<Truths> {
  const truths = new Map<RelPath, Entry | undefined>();
  const replaced = new Set<RelPath>();
  const changedModes = yield* identitiesWithOtherModes(outcomes);
  for (const [at, outcome] of outcomes.entries()) {
    if (isStop(at)) yield;
    const { step } = outcome;
    if (step.kind === 'upload' && step.namesake !== undefined && outcome.kind !== 'untouched')
      replaced.add(step.namesake); // under that name lies what was uploaded
    if (outcome.kind === 'done') truths.set(step.path, step.kind === 'remove' ? undefined : step.entry);
    // What was pending before the step, and was not touched by it, still is.
    else if (outcome.kind === 'untouched' && !before.pending.has(step.path) && !replaced.has(step.path)) {
      const isShared = step.kind === 'chmod' && changedModes.has(identityOf(step.old));
      if (!isShared) truths.set(step.path, step.old);
    }
  }
  return truths;
}

/** Of files that got another mode, or may have: so did all other names that they have. */
function* identitiesWithOtherModes(outcomes: readonly Outcome[]): Work<Set<string>> {
  const identities = new Set<string>();
  for (const [at, { kind, step }] of outcomes.entries()) {
    if (isStop(at)) yield;
    if (step.kind === 'chmod' && kind !== 'untouched') identities.add(identityOf(step.old));
  }
  return identities;
}

/** The trouble of a push. */
export function problemsOf(outcomes: readonly Outcome[]): Problem[] {
  const problems: Problem[] = [];
  for (const outcome of outcomes) if (outcome.kind !== 'done') problems.push(outcome.problem);
  return problems;
}

/** Whether files changed again while they were pushed, and nothing else was in the way: what is told of that brings them. */
export function areSuperseded(problems: readonly Problem[]): boolean {
  const isSuperseded = ({ code }: Problem): boolean => code === 'CHANGED' || code === 'HELD_BACK';
  return problems.some(({ code }) => code === 'CHANGED') && problems.every(isSuperseded);
}
