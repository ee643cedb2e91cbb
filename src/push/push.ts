/**
 * push: carries out a plan on a target, from the first byte staged to the commit of the index.
 *
 * Staging and the announcement of what may change run at once, for neither is visible. Publishing waits for both.
 */
import { type Outcome, truthsOf } from '../core/apply.js';
import { type Plan, type Step, uploadsOf } from '../core/plan.js';
import type { TargetIndex, Truths } from '../core/target-index.js';
import type { Target } from '../targets/target.js';
import { allOf } from './in-parallel.js';
import type { IndexStore } from './index-store.js';
import { PublicFolders } from './public-folders.js';
import { publish } from './publish.js';
import type { Stage } from './stage.js';
import type { Way } from './staged-item.js';

export interface PushOptions {
  /** The mode of new folders. */
  readonly folderMode: number;
  readonly signal?: AbortSignal | undefined;
  readonly onPhase?: (phase: 'stage' | 'publish' | 'commit') => void;
  readonly onStep?: (step: Step) => void;
}

/** What a push works with: all three belong to one target. */
export interface Means {
  readonly target: Target;
  readonly store: IndexStore;
  readonly stage: Stage;
}

export interface Pushed {
  readonly index: TargetIndex;
  readonly outcomes: readonly Outcome[];
  /** How many of the published files were not sent whole. */
  readonly linked: number;
  readonly patched: number;
  readonly sentBytes: number;
}

/** `stage` may hold some of the content already. */
export async function push(
  plan: Plan,
  index: TargetIndex,
  { target, store, stage }: Means,
  options: PushOptions,
): Promise<Pushed> {
  options.onPhase?.('stage');
  const announced = announcementOf(plan);
  const folders = new PublicFolders(plan, target, options.folderMode);
  const staged = await allOf([stage.finish(uploadsOf(plan), index), store.begin(index, announced), folders.look()]);
  options.onPhase?.('publish');
  const outcomes = await publish(plan, staged, folders, target, options);
  options.onPhase?.('commit');
  const published = outcomes.filter(({ kind, step }) => kind === 'done' && step.kind === 'upload');
  const files = new Set(published.map(({ step }) => step.path));
  const amount = (way: Way): number =>
    published.filter(({ step }) => step.kind === 'upload' && staged.wayOf(step) === way).length;
  const committed = await allOf([
    store.commit(index, announced, truthsOf(index, outcomes)),
    stage.tidy(files, folders.moved),
  ]);
  await store.reap();
  return {
    index: committed,
    outcomes,
    linked: amount('linked'),
    patched: amount('patched'),
    sentBytes: staged.sentBytes,
  };
}

/** What each path of the plan shall become. */
function announcementOf(plan: Plan): Truths {
  return new Map(plan.changes.map((change) => [change.path, change.kind === 'removed' ? undefined : change.entry]));
}
