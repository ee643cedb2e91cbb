/**
 * select: the part of a snapshot that one target gets, with the modes that it is to have there.
 */
import type { RelPath } from './relpath.js';
import type { Entry, Snapshot } from './snapshot.js';
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
export function* selecting(snapshot: Snapshot, { accepts, fileMode }: Selection): Work<Snapshot> {
  const entries: Entry[] = [];
  let at = 0;
  for (const entry of snapshot.entries) {
    if (isStop(at++)) yield;
    if (accepts(entry.path)) entries.push(entry.mode === fileMode ? entry : { ...entry, mode: fileMode });
  }
  return { ...snapshot, entries };
}
