/**
 * push: carries out a plan on a target, from the first byte staged to the commit of the index.
 *
 * Staging and the announcement of what may change run at once, for neither is visible. Publishing waits for both.
 */
import { type Outcome, truthsOf } from '../core/apply.js';
import type { Plan, Step } from '../core/plan.js';
import type { RelPath } from '../core/relpath.js';
import type { Entry } from '../core/snapshot.js';
import type { TargetIndex } from '../core/target-index.js';
import type { Target } from '../targets/target.js';
import { allOf } from './in-parallel.js';
import type { IndexStore } from './index-store.js';
import { findLinks, publish } from './publish.js';
import { type StageOptions, stage } from './stage.js';

export interface PushOptions extends StageOptions {
  readonly folderMode: number;
  readonly onPhase?: (phase: 'stage' | 'publish' | 'commit') => void;
  readonly onStep?: (step: Step) => void;
}

export interface Pushed {
  readonly index: TargetIndex;
  readonly outcomes: readonly Outcome[];
  readonly sentBytes: number;
}

export async function push(
  plan: Plan,
  index: TargetIndex,
  store: IndexStore,
  target: Target,
  options: PushOptions,
): Promise<Pushed> {
  options.onPhase?.('stage');
  const control = await allOf([store.control(), store.open()]);
  const announced = announcementOf(plan);
  const links = findLinks(plan, target);
  const staged = await allOf([stage(plan, target, control, options), links, store.begin(index, announced)]);
  options.onPhase?.('publish');
  const outcomes = await publish(plan, staged, await links, target, options);
  options.onPhase?.('commit');
  const published = new Set(outcomes.filter(({ kind }) => kind === 'done').map(({ step }) => step.path));
  const committed = await allOf([store.commit(index, announced, truthsOf(index, outcomes)), staged.tidy(published)]);
  await store.reap();
  return { index: committed, outcomes, sentBytes: staged.sentBytes };
}

/** What each path of the plan shall become. */
function announcementOf(plan: Plan): ReadonlyMap<RelPath, Entry | undefined> {
  const steps = plan.groups.flatMap((group) => group.steps);
  const sorted = steps.sort((a, b) => (a.path < b.path ? -1 : 1));
  return new Map(sorted.map((step) => [step.path, step.kind === 'remove' ? undefined : step.entry]));
}
