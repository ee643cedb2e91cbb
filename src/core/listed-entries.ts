/**
 * ListedEntries: entries as the objects that they came as, for those that are soon gone again: to pack them would cost more than it
 * saves.
 */
import { type Digest, type Entry, findEntry, positionOf } from './entry.js';
import type { RelPath } from './relpath.js';
import { isStop, type Work } from './work.js';

export class ListedEntries {
  readonly length: number;
  readonly #entries: readonly Entry[];

  /** `entries` are sorted by path, each path once. */
  constructor(entries: readonly Entry[]) {
    this.length = entries.length;
    this.#entries = entries;
  }

  /** The sum of the sizes of the files. */
  get fileBytes(): number {
    return this.#entries.reduce((sum, { size }) => sum + size, 0);
  }

  find(path: RelPath): Entry | undefined {
    return findEntry(this.#entries, path);
  }

  /** From the first on whose path is not before `path`. */
  *from(path = ''): Generator<Entry, void> {
    for (let at = positionOf(this.#entries, path); at < this.length; at++) yield this.#entries[at] as Entry;
  }

  /** Calls `found` with those that have one of these contents. */
  *seeking(digests: ReadonlySet<Digest>, found: (entry: Entry) => void): Work<void> {
    for (const [at, entry] of this.#entries.entries()) {
      if (isStop(at)) yield;
      if (digests.has(entry.digest)) found(entry);
    }
  }
}
