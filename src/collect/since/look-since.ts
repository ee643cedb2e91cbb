/**
 * lookSince: what has changed since a run before took these marks. Several threads can share the work.
 */
import type { Pacer } from '../../fs/pace.js';
import { type Changes, lookAgain, type MarkedFolders } from '../sweep.js';
import type { Turn } from '../thread/turn.js';

export interface LookSince {
  readonly trees: readonly MarkedFolders[];
  readonly turn: Turn;
}

export function lookSince({ trees, turn }: LookSince, pacer: Pacer): Promise<Changes> {
  return lookAgain(trees, turn, pacer);
}
