/**
 * ListedEntries: entries as the objects that they came as, for those that are soon gone again: to pack them would cost more than it
 * saves.
 */
import { type Digest, type Entry, type EntryCursor, findEntry, isSameAt, positionOf } from './entry.js';
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

  /** Over those from the first on whose path is not before `path`. */
  cursor(path = ''): EntryCursor {
    return new ListCursor(this.#entries, positionOf(this.#entries, path));
  }

  /** Calls `found` with those that have one of these contents. */
  *seeking(digests: ReadonlySet<Digest>, found: (entry: Entry) => void): Work<void> {
    for (const [at, entry] of this.#entries.entries()) {
      if (isStop(at)) yield;
      if (digests.has(entry.digest)) found(entry);
    }
  }
}

class ListCursor implements EntryCursor {
  readonly #entries: readonly Entry[];
  #at: number;

  constructor(entries: readonly Entry[], first: number) {
    this.#entries = entries;
    this.#at = first - 1;
  }

  next(): boolean {
    return ++this.#at < this.#entries.length;
  }

  get path(): RelPath {
    return this.entry().path;
  }

  get mode(): number {
    return this.entry().mode;
  }

  get standing(): EntryCursor {
    return this;
  }

  entry(): Entry {
    return this.#entries[this.#at] as Entry;
  }

  isAs(other: EntryCursor): boolean {
    return isSameAt(this, other);
  }
}
