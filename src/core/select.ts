/**
 * select: the part of a snapshot that one target gets, with the modes that it is to have there.
 */
import { type Entry, withMode } from './entry.js';
import type { RelPath } from './relpath.js';
import type { Snapshot } from './snapshot.js';
import { atOnce, type Work } from './work.js';

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
  return { ...snapshot, entries: yield* snapshot.entries.selecting(selection.accepts, selection.fileMode) };
}

/** The same of entries in any order, which keep it. */
export function selectFrom(entries: readonly Entry[], { accepts, fileMode }: Selection): Entry[] {
  return entries.filter(({ path }) => accepts(path)).map((entry) => withMode(entry, fileMode));
}
