/**
 * lookSince: what has changed since a run before took these marks. Several threads can share the work.
 */
import type { Pacer } from '../../fs/pace.js';
import { lookAgain, type MarkedFolders } from '../sweep.js';
import type { Turn } from '../thread/turn.js';

export interface LookSince {
  readonly trees: readonly MarkedFolders[];
  readonly turn: Turn;
}

/** Absolute places. */
export function lookSince({ trees, turn }: LookSince, pacer: Pacer): Promise<string[]> {
  return lookAgain(trees, turn, pacer);
}
