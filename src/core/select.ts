/**
 * select: the part of a snapshot that one target gets, with the modes that it is to have there.
 */
import type { RelPath } from './relpath.js';
import type { Snapshot } from './snapshot.js';

export interface Selection {
  readonly accepts: (path: RelPath) => boolean;
  /** The permission bits of every published file. */
  readonly fileMode: number;
}

export function select(snapshot: Snapshot, { accepts, fileMode }: Selection): Snapshot {
  const entries = snapshot.entries.filter((entry) => accepts(entry.path));
  return {
    ...snapshot,
    entries: entries.map((entry) => (entry.mode === fileMode ? entry : { ...entry, mode: fileMode })),
  };
}
