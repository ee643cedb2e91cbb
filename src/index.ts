/**
 * What a program may use of this package: one cycle for one target, and what it takes and gives.
 */

export type { Change } from './core/diff.js';
export type { Entry } from './core/entry.js';
export type { Limit } from './core/guard.js';
export { type Outcome, problemsOf } from './core/outcome.js';
export type { Plan, Step } from './core/plan.js';
export { parseRelPath, type RelPath } from './core/relpath.js';
export type { Snapshot } from './core/snapshot.js';
export type { TargetIndex } from './core/target-index.js';
export * from './errors.js';
export { StateFolder } from './fs/state.js';
export {
  type CycleEvent,
  type CycleOptions,
  type CycleResult,
  syncTarget,
  type TargetJob,
} from './sync.js';
export type { Target } from './targets/target.js';
