/**
 * lookSince: what has changed since the checkpoint of a run before, in a share of the tree.
 */
import { Pacer } from '../fs/pace.js';
import { recallMarks } from './checkpoint.js';
import type { CollectProject } from './project.js';
import type { RunOptions } from './run-options.js';
import { lookAgain, type Share } from './sweep.js';

export interface LookSince {
  readonly project: CollectProject;
  readonly share: Share;
}

/** Absolute places; undefined where there is no checkpoint that holds. */
export async function lookSince(
  { project, share }: LookSince,
  options: Pick<RunOptions, 'state' | 'signal'>,
): Promise<string[] | undefined> {
  const marks = await recallMarks(project, options.state);
  if (marks === undefined) return undefined;
  const trees = [
    { marks: marks.sources, ignore: project.ignore },
    { marks: marks.root, ignore: [] },
  ];
  return lookAgain(trees, share, new Pacer(options));
}
