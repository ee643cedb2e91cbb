/**
 * publish: makes visible what was staged, group by group in the order of the plan, and removes what is to go.
 *
 * When a step of a group fails, the groups after it are held back: what they hold may refer to it. A path that the target can
 * never have holds nothing back. Every step ends in exactly one Outcome.
 */
import type { Outcome } from '../../core/outcome.js';
import type { Share, Step, Stop, Upload } from '../../core/plan.js';
import { ancestorsOf, isWithin, parentOf, type RelPath } from '../../core/relpath.js';
import { isStop, type Work } from '../../core/work.js';
import { type Problem, TargetError } from '../../errors.js';
import { inSlices, Pacer } from '../../fs/pace.js';
import type { Target } from '../../targets/target.js';
import { inParallel } from '../in-parallel.js';
import type { Staged } from '../stage/stage.js';
import { problemOf } from '../trouble.js';
import type { PublicFolders } from './public-folders.js';
import { removeEmptyFolders } from './remove-folders.js';

// Requests without a reply: a round trip each, some hundred bytes, and no handle on the server.
const LEAST_IN_FLIGHT = 256;
const MOST_IN_FLIGHT = 4096;
const STEPS_PER_MS = 80;

export interface PublishOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: (step: Step) => void;
  /** Throws where nothing more may be published: at the latest when another run takes away what is staged, or `at once`. */
  readonly mayGoOn?: ((when: 'in time' | 'at once') => Promise<void>) | undefined;
}

export interface Published {
  readonly outcomes: readonly Outcome[];
  readonly stop: Stop | undefined;
}

/** Publishes `share` into `folders`, or says why not. */
export async function publish(
  share: Share,
  staged: Staged,
  folders: PublicFolders,
  target: Target,
  options: PublishOptions,
): Promise<Published> {
  const uncleared = cannotClear(share, staged);
  if (uncleared !== undefined) return { outcomes: heldBack(share, uncleared, staged.problems), stop: uncleared };
  const means = { staged, folders, target };
  const outcomes: Outcome[] = [];
  const pacer = new Pacer();
  let stop: Stop | undefined;
  for (const [at, { name, steps }] of share.entries()) {
    options.signal?.throwIfAborted();
    await options.mayGoOn?.(steps.every(isFenced) ? 'in time' : 'at once');
    if (name !== 'clear') await folders.make(staged.folders);
    const begin = outcomes.length;
    const left = await inSlices(withoutArrived(steps), pacer);
    await inParallel(left, inFlight(target), carry);
    const { emptied, problem } = await inSlices(endOf(outcomes, begin), pacer);
    await removeEmptyFolders(emptied, target);
    if (problem === undefined) continue;
    stop = { group: name, problem };
    for (const outcome of heldBack(share.slice(at + 1), stop)) outcomes.push(outcome);
    break;
  }
  await removeEmptyFolders(await inSlices(madeInVain(outcomes, folders), pacer), target);
  return { outcomes, stop };

  /** What came with its folder is there, and nothing is left to do for it. */
  function* withoutArrived(steps: readonly Step[]): Work<Step[]> {
    const left: Step[] = [];
    for (const [at, step] of steps.entries()) {
      if (isStop(at)) yield;
      if (!cameWithFolder(step, means)) left.push(step);
      else {
        const problem = problemAt(step.path);
        if (problem === undefined) done(step);
        else outcomes.push({ kind: 'uncertain', step, problem });
      }
    }
    return left;
  }

  async function carry(step: Step): Promise<void> {
    const looking = folders.fresh(step.path);
    if (looking !== undefined) await looking;
    const known = problemAt(step.path);
    if (known !== undefined) {
      outcomes.push({ kind: 'untouched', step, problem: known });
      return;
    }
    if (!isFenced(step)) await options.mayGoOn?.('in time'); // who stood still for long may not write any more
    try {
      await act(step, means).catch((error: unknown) => clearAndAct(step, error, means));
      done(step);
    } catch (error) {
      const problem = problemOf(step.path, step.kind === 'remove' ? 'remove' : 'publish', error);
      // A server that says no more than "Failure" may have done it.
      outcomes.push({ kind: problem.code === 'FAILED' ? 'uncertain' : 'untouched', step, problem });
    }
  }

  function problemAt(path: RelPath): Problem | undefined {
    return staged.problems.get(path) ?? folders.problemAt(path);
  }

  function done(step: Step): void {
    options.onStep?.(step);
    outcomes.push({ kind: 'done', step });
  }
}

/** What is to come in the place of something that is to be cleared away, and does not: then that had better stay. */
function cannotClear([first]: Share, { problems }: Pick<Staged, 'problems'>): Stop | undefined {
  if (first?.name !== 'clear' || problems.size === 0) return undefined;
  const cleared = first.steps.map(({ path }) => path);
  const missing = [...problems].find(([path]) => cleared.some((each) => isWithin(path, each) || isWithin(each, path)));
  return missing && { group: first.name, problem: missing[1] };
}

/** Whether whoever takes over takes away what it needs. */
function isFenced(step: Step): boolean {
  return step.kind === 'upload' && step.namesake === undefined;
}

/** What can never be published is not waited for, as with a name that no target can have. */
function stops(outcome: Outcome): outcome is Exclude<Outcome, { kind: 'done' }> {
  if (outcome.kind === 'done') return false;
  const { code, step } = outcome.problem;
  return code !== 'BAD_NAME' || step !== 'publish';
}

function inFlight({ capabilities }: Target): number {
  return Math.min(MOST_IN_FLIGHT, Math.round(LEAST_IN_FLIGHT + STEPS_PER_MS * capabilities.roundTripMs));
}

/** What a step is carried out with. */
interface Means {
  readonly staged: Staged;
  readonly folders: PublicFolders;
  readonly target: Target;
}

async function act(step: Step, means: Means): Promise<void> {
  switch (step.kind) {
    case 'upload':
      return bring(step, means);
    case 'chmod':
      return changeMode(step.path, step.entry.mode, means.target);
    case 'remove':
      return step.namesake === undefined ? removeFile(step.path, means.target) : undefined;
  }
}

async function bring(step: Upload, { staged, target }: Means): Promise<void> {
  const place = staged.placeOf(step);
  if (place === undefined) throw new TargetError('failed', `cannot publish ${step.path}: nothing was staged for it`);
  if (step.namesake !== undefined) await respell(step.namesake, step.path, target);
  await target.rename(place, step.path);
}

function cameWithFolder(step: Step, { staged, folders }: Means): boolean {
  const place = step.kind === 'upload' ? staged.placeOf(step) : undefined;
  const folder = parentOf(step.path);
  return place !== undefined && folder !== undefined && folders.moved.get(folder) === parentOf(place);
}

/**
 * Where names are folded, a file that is replaced may keep the spelling that it has. Given the new one first, it is there at every
 * moment. A server that keeps the old one all the same finds the file under both.
 */
async function respell(from: RelPath, to: RelPath, target: Target): Promise<void> {
  try {
    await target.rename(from, to);
  } catch (error) {
    if (!(error instanceof TargetError) || error.kind !== 'not-found') throw error;
  }
}

/** An interrupted run, or the removal of what lay in them, leaves empty folders behind, in the way of a file. */
async function clearAndAct(step: Step, error: unknown, means: Means): Promise<void> {
  const isFolder = step.kind === 'upload' && error instanceof TargetError && error.kind === 'not-a-file';
  if (!isFolder || !(await removeEmptyTree(step.path, means.target))) throw error;
  await act(step, means);
}

/** A link in the place of the file would lead the change to what is behind it. */
async function changeMode(path: RelPath, mode: number, target: Target): Promise<void> {
  const there = await target.stat(path);
  if (there !== undefined && there.kind !== 'file')
    throw new TargetError(
      'failed',
      `cannot change the mode of ${path}: a ${there.kind} is in its place; the next run puts the file back`,
    );
  await target.chmod(path, mode);
}

async function removeFile(path: RelPath, target: Target): Promise<void> {
  try {
    await target.remove(path);
  } catch (error) {
    // Somebody else's folder took the place of our file, which so is gone.
    if (!(error instanceof TargetError) || error.kind !== 'not-a-file') throw error;
  }
}

/** Removes a folder that holds nothing but folders: true if it is gone. */
async function removeEmptyTree(folder: RelPath, target: Target): Promise<boolean> {
  const folders = [folder];
  for await (const each of target.list(folder)) {
    if (each.kind !== 'folder') return false;
    folders.push(each.path);
  }
  for (const each of folders.reverse()) if (!(await target.removeFolder(each))) return false;
  return true;
}

/** What comes after a stop; `own` is the trouble that some of it has itself. */
export function heldBack(
  share: Share,
  { problem: cause }: Stop,
  own: ReadonlyMap<RelPath, Problem> = new Map(),
): Outcome[] {
  const message = `held back, because ${cause.path} could not be published`;
  return share.flatMap(({ steps }) =>
    steps.map((step): Outcome => {
      const { path } = step;
      const problem = own.get(path) ?? { path, step: 'publish', code: 'HELD_BACK', message };
      return { kind: 'untouched', step, problem };
    }),
  );
}

/** How a group ended: the folders that lost a file, which go too once they are empty, and what holds back the groups after it. */
interface End {
  readonly emptied: ReadonlySet<RelPath>;
  readonly problem: Problem | undefined;
}

/** Of the outcomes from `begin` on. A folder with somebody else's files in it stays. */
function* endOf(outcomes: readonly Outcome[], begin: number): Work<End> {
  const emptied = new Set<RelPath>();
  let problem: Problem | undefined;
  for (let at = begin; at < outcomes.length; at++) {
    if (isStop(at)) yield;
    const outcome = outcomes[at] as Outcome;
    if (stops(outcome)) problem ??= outcome.problem;
    const isGone = outcome.kind === 'done' && outcome.step.kind === 'remove';
    if (isGone) for (const folder of ancestorsOf(outcome.step.path)) emptied.add(folder);
  }
  return { emptied, problem };
}

/** Folders that were made, some of them once more, for files that did not come. */
function* madeInVain(outcomes: readonly Outcome[], folders: PublicFolders): Work<RelPath[]> {
  const above = new Set<RelPath>();
  for (const [at, { kind, step }] of outcomes.entries()) {
    if (isStop(at)) yield;
    const isMissing = kind !== 'done' && step.kind === 'upload';
    if (isMissing) for (const folder of ancestorsOf(step.path)) above.add(folder);
  }
  if (above.size === 0) return [];
  const { emptied } = yield* endOf(outcomes, 0);
  return [...above].filter((folder) => folders.isNew(folder) || emptied.has(folder));
}
