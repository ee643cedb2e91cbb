/**
 * select: the part of a snapshot that one target gets, with the modes that it is to have there.
 */
import type { Entry } from './entry.js';
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
  return { ...snapshot, entries: yield* snapshot.entries.mapping((entry) => selected(entry, selection)) };
}

/** The same of entries in any order, which keep it. */
export function selectFrom(entries: Iterable<Entry>, selection: Selection): Entry[] {
  return Array.from(entries, (entry) => selected(entry, selection)).filter((entry) => entry !== undefined);
}

function selected(entry: Entry, { accepts, fileMode }: Selection): Entry | undefined {
  if (!accepts(entry.path)) return undefined;
  return entry.mode === fileMode ? entry : { ...entry, mode: fileMode };
}
