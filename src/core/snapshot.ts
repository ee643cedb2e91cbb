/**
 * Snapshot: the state of a tree of files at one moment.
 */
import type { Problem } from '../errors.js';
import type { EntryTable } from './entry-table.js';

/** A tree. `problems` are the paths whose state is unknown. */
export interface Snapshot {
  readonly entries: EntryTable;
  readonly problems: readonly Problem[];
}
