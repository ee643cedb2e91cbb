/**
 * select: the part of a snapshot that one target gets, with the modes that it is to have there.
 */
import type { Entry } from './entry.js';
import { EntryTable } from './entry-table.js';
import type { RelPath } from './relpath.js';
import type { Snapshot } from './snapshot.js';
import { atOnce, isStop, type Work } from './work.js';

export interface Selection {
  readonly accepts: (path: RelPath) => boolean;
  /** The permission bits of every published file. */
  readonly fileMode: number;
}

export function select(snapshot: Snapshot, selection: Selection): Snapshot {
  return atOnce(selecting(snapshot, selection));
}

/** As `select`. */
export function* selecting(snapshot: Snapshot, selection: Selection): Work<Snapshot> {
  return { ...snapshot, entries: EntryTable.listing(yield* selectingFrom(snapshot.entries, selection)) };
}

/** The same of entries in any order, which keep it. */
export function selectFrom(entries: Iterable<Entry>, selection: Selection): Entry[] {
  return atOnce(selectingFrom(entries, selection));
}

function* selectingFrom(entries: Iterable<Entry>, { accepts, fileMode }: Selection): Work<Entry[]> {
  const selected: Entry[] = [];
  let at = 0;
  for (const entry of entries) {
    if (isStop(at++)) yield;
    if (accepts(entry.path)) selected.push(entry.mode === fileMode ? entry : { ...entry, mode: fileMode });
  }
  return selected;
}
