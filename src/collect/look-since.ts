/**
 * lookSince: what has changed since the checkpoint of a run before. Several threads can share the work.
 */
import type { Pacer } from '../fs/pace.js';
import type { CollectProject } from './project.js';
import type { ProjectMarks } from './stored-marks.js';
import { lookAgain } from './sweep.js';
import type { Turn } from './turn.js';

export interface LookSince {
  readonly project: CollectProject;
  /** Of the checkpoint. */
  readonly marks: ProjectMarks;
  readonly turn: Turn;
}

/** Absolute places. */
export function lookSince({ project, marks, turn }: LookSince, pacer: Pacer): Promise<string[]> {
  const trees = [
    { marks: marks.sources, ignore: project.ignore },
    { marks: marks.root, ignore: [] },
  ];
  return lookAgain(trees, turn, pacer);
}
