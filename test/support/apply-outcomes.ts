/** The index after a push that announced `announced` on top of `before`. */
import { type Outcome, truthsOf } from '../../src/core/outcome.js';
import { afterPush, type TargetIndex, type Truths } from '../../src/core/target-index.js';
import { atOnce } from '../../src/core/work.js';

export function applyOutcomes(before: TargetIndex, announced: Truths, outcomes: readonly Outcome[]): TargetIndex {
  return atOnce(afterPush(before, announced, atOnce(truthsOf(before, outcomes))));
}
