/**
 * publish: makes visible what was staged, group by group in the order of the plan, and removes what is to go.
 *
 * When a step of a group fails, the groups after it are held back: what they hold may refer to it. Every step ends in
 * exactly one Outcome.
 */
import type { Outcome } from '../core/apply.js';
import { foldersOf, type Group, type Plan, type Step } from '../core/plan.js';
import { ancestorsOf, parentOf, type RelPath } from '../core/relpath.js';
import { type Problem, TargetError } from '../errors.js';
import type { Target } from '../targets/target.js';
import { inParallel } from './in-parallel.js';
import type { Staged, Upload } from './stage.js';
import { problemOf } from './trouble.js';

const IN_FLIGHT = 4096; // requests without a reply: a round trip each, some hundred bytes, and no handle on the server

export interface PublishOptions {
  /** The mode of new folders. */
  readonly folderMode: number;
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: (step: Step) => void;
}

/** `blocked` are folders that nothing may be written below; it takes in what stands in the way of others. */
export async function publish(
  plan: Plan,
  staged: Staged,
  blocked: Map<RelPath, Problem>,
  target: Target,
  options: PublishOptions,
): Promise<Outcome[]> {
  let outcomes: Outcome[] = [];
  let cause: Problem | undefined;
  let foldersMade = false;
  for (const group of plan.groups) {
    if (cause !== undefined) {
      outcomes = outcomes.concat(heldBack(group, cause));
      continue;
    }
    options.signal?.throwIfAborted();
    if (group.name !== 'clear' && !foldersMade) {
      await makeFolders(plan, target, options.folderMode, blocked);
      foldersMade = true;
    }
    const results = await carryOut(group, carry);
    outcomes = outcomes.concat(results);
    cause = results.find((outcome) => outcome.kind !== 'done')?.problem;
    await removeEmptyFolders(results, target);
  }
  return outcomes;

  async function carry(step: Step): Promise<Outcome> {
    const known = staged.problems.get(step.path) ?? blockedBy(step.path, blocked);
    if (known !== undefined) return { kind: 'untouched', step, problem: known };
    try {
      await act(step, staged, target);
      options.onStep?.(step);
      return { kind: 'done', step };
    } catch (error) {
      const problem = problemOf(step.path, step.kind === 'remove' ? 'remove' : 'publish', error);
      // A server that says no more than "Failure" may have done it.
      return { kind: problem.code === 'FAILED' ? 'uncertain' : 'untouched', step, problem };
    }
  }
}

function act(step: Step, staged: Staged, target: Target): Promise<void> {
  switch (step.kind) {
    case 'upload':
      return publishFile(step, staged.placeOf(step), target);
    case 'chmod':
      return changeMode(step.path, step.entry.mode, target);
    case 'remove':
      return removeFile(step.path, target);
  }
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

function publishFile({ path: to }: Upload, from: RelPath | undefined, target: Target): Promise<void> {
  if (from === undefined) throw new TargetError('failed', `cannot publish ${to}: nothing was staged for it`);
  return target.rename(from, to).catch(async (error: unknown) => {
    // An interrupted run, or the removal of what lay in them, leaves empty folders behind.
    const isFolder = error instanceof TargetError && error.kind === 'not-a-file';
    if (!isFolder || !(await removeEmptyTree(to, target))) throw error;
    await target.rename(from, to);
  });
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

async function carryOut(group: Group, carry: (step: Step) => Promise<Outcome>): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  await inParallel(group.steps, IN_FLIGHT, async (step) => {
    outcomes.push(await carry(step));
  });
  return outcomes;
}

function heldBack(group: Group, cause: Problem): Outcome[] {
  return group.steps.map((step) => {
    const message = `held back, because ${cause.path} could not be published`;
    return { kind: 'untouched', step, problem: { path: step.path, step: 'publish', code: 'HELD_BACK', message } };
  });
}

/**
 * Links that took the place of a folder of the plan. Without this look, one would lead a new file or a removal out of the
 * published tree. What else may stand there is found when the folder is made.
 */
export async function findLinks(plan: Plan, target: Target): Promise<Map<RelPath, Problem>> {
  const paths = plan.groups.flatMap((group) => group.steps.map((step) => step.path));
  const folders = new Set(paths.flatMap(ancestorsOf));
  const links = new Map<RelPath, Problem>();
  await inParallel(folders, IN_FLIGHT, async (path) => {
    const there = await target.stat(path);
    if (there?.kind !== 'link') return;
    const message = `${path} is a symbolic link on the target, and nothing is written through one; put a folder there`;
    links.set(path, { path, step: 'publish', code: 'OBSTRUCTED', message });
  });
  return links;
}

/** Makes the folders of the plan. What stands in the way of one joins `blocked`, but not what follows from it below. */
async function makeFolders(plan: Plan, target: Target, mode: number, blocked: Map<RelPath, Problem>): Promise<void> {
  const failed = (folder: RelPath) => (error: unknown) => {
    if (blockedBy(folder, blocked) === undefined) blocked.set(folder, problemOf(folder, 'publish', error));
  };
  const folders = foldersOf(plan).filter((folder) => !blocked.has(folder) && blockedBy(folder, blocked) === undefined);
  await Promise.all(folders.map((folder) => target.makeFolder(folder, mode).catch(failed(folder))));
}

function blockedBy(path: RelPath, blocked: ReadonlyMap<RelPath, Problem>): Problem | undefined {
  if (blocked.size === 0) return undefined;
  const folder = ancestorsOf(path).find((each) => blocked.has(each));
  const problem = folder === undefined ? undefined : blocked.get(folder);
  return problem === undefined ? undefined : { ...problem, path };
}

/** Folders that lost a file go too once they are empty; one with somebody else's files in it stays. */
async function removeEmptyFolders(outcomes: readonly Outcome[], target: Target): Promise<void> {
  const removed = outcomes.filter(({ kind, step }) => kind === 'done' && step.kind === 'remove');
  const folders = new Set(removed.flatMap(({ step }) => ancestorsOf(step.path)));
  const byDepth = new Map<number, RelPath[]>();
  for (const folder of folders) {
    const depth = ancestorsOf(folder).length;
    byDepth.set(depth, [...(byDepth.get(depth) ?? []), folder]);
  }
  const kept = new Set<RelPath | undefined>();
  for (const depth of [...byDepth.keys()].sort((a, b) => b - a)) {
    await Promise.all(
      (byDepth.get(depth) ?? []).map(async (folder) => {
        const gone = !kept.has(folder) && (await target.removeFolder(folder).catch(leaveIt));
        if (!gone) kept.add(parentOf(folder));
      }),
    );
  }
}

/** An empty folder that may not be removed does no harm. */
function leaveIt(error: unknown): boolean {
  if (error instanceof TargetError && error.kind !== 'unreachable') return false;
  throw error;
}
