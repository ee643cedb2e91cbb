/**
 * EntryTable: many entries as a value, sorted by path, each path once: packed or listed as they came, and what has changed since
 * beside them. To change a few costs a few, and of those that are packed, an entry is an object for as long as somebody looks at it.
 */
import { type Digest, type Entry, type EntryCursor, isSameAt, positionOf, sortEntries, withMode } from './entry.js';
import { ListedEntries } from './listed-entries.js';
import { PackedEntries } from './packed-entries.js';
import { comparePaths, type RelPath } from './relpath.js';
import { sorting } from './sorting.js';
import { atOnce, isStop, type Work } from './work.js';

const FEW_CHANGES = 16_384;
const MOST_CHANGED = 1 / 4; // of the entries: more of them take more memory than all of them packed again

/** What a path holds from now on: its entry, or nothing. */
export type EntryChanges = ReadonlyMap<RelPath, Entry | undefined>;

/** One of the changes. */
interface Renewal {
  readonly path: RelPath;
  readonly entry: Entry | undefined;
}

export class EntryTable implements Iterable<Entry> {
  static readonly EMPTY = EntryTable.of([]);

  readonly length: number;
  /** The sum of the sizes of the files. */
  readonly fileBytes: number;
  readonly #base: PackedEntries | ListedEntries;
  readonly #changes: EntryChanges;
  /** The changes, sorted by path. */
  #inOrder: readonly Renewal[] | undefined;

  constructor(
    base: PackedEntries | ListedEntries,
    changes: EntryChanges = new Map(),
    { length, fileBytes }: Pick<EntryTable, 'length' | 'fileBytes'> = base,
  ) {
    this.#base = base;
    this.#changes = changes;
    this.length = length;
    this.fileBytes = fileBytes;
  }

  /** `entries` are sorted by path, each path once. */
  static of(entries: Iterable<Entry>): EntryTable {
    return new EntryTable(PackedEntries.of(entries));
  }

  /** As `of`, of such that are soon gone again. */
  static listing(entries: readonly Entry[]): EntryTable {
    return new EntryTable(new ListedEntries(entries));
  }

  with(changes: EntryChanges): EntryTable {
    return atOnce(this.changing(changes));
  }

  /** As `with`. */
  *changing(changes: EntryChanges): Work<EntryTable> {
    if (changes.size === 0) return this;
    const all = new Map(this.#changes);
    let at = 0;
    if (all.size + changes.size > Math.max(FEW_CHANGES, this.length * MOST_CHANGED)) {
      for (const [path, after] of changes) {
        if (isStop(at++)) yield;
        all.set(path, after);
      }
      const changed = new EntryTable(this.#base, all);
      if (!(this.#base instanceof ListedEntries)) return new EntryTable(yield* changed.packing());
      changed.#inOrder = yield* orderingOf(all);
      return EntryTable.listing(yield* listOf(changed));
    }
    let { length, fileBytes } = this;
    for (const [path, after] of changes) {
      if (isStop(at++)) yield;
      const before = this.find(path);
      if (before === after) continue; // nothing, before and after
      all.set(path, after);
      length += Number(after !== undefined) - Number(before !== undefined);
      fileBytes += (after?.size ?? 0) - (before?.size ?? 0);
    }
    const changed = new EntryTable(this.#base, all, { length, fileBytes });
    if (this.#inOrder !== undefined) changed.#inOrder = mergeRenewals(this.#inOrder, yield* orderingOf(changes));
    return changed;
  }

  /** Without those at `paths`, most of which it may not hold. */
  without(paths: Iterable<RelPath>): EntryTable {
    const held = new Map<RelPath, undefined>();
    for (const path of paths) if (this.find(path) !== undefined) held.set(path, undefined);
    return this.with(held);
  }

  /** How many there are without those at `paths`, and the sum of their sizes. */
  *countingWithout(paths: Iterable<RelPath>): Work<Pick<EntryTable, 'length' | 'fileBytes'>> {
    let { length, fileBytes } = this;
    let at = 0;
    for (const path of paths) {
      if (isStop(at++)) yield;
      const entry = this.find(path);
      if (entry === undefined) continue;
      length--;
      fileBytes -= entry.size;
    }
    return { length, fileBytes };
  }

  /** All of it, packed. */
  *packing(): Work<PackedEntries> {
    if (this.#changes.size === 0 && this.#base instanceof PackedEntries) return this.#base;
    this.#inOrder ??= yield* orderingOf(this.#changes);
    return yield* PackedEntries.packing(this);
  }

  /** The same, to be kept for long. */
  *packed(): Work<EntryTable> {
    return new EntryTable(yield* this.packing());
  }

  /** Those that `accepts` lets pass, with this mode: the same table where all of them are so. */
  *selecting(accepts: (path: RelPath) => boolean, mode: number): Work<EntryTable> {
    let at = 0;
    for (const cursor = this.cursor(); cursor.next(); ) {
      if (isStop(at++)) yield;
      if (cursor.mode === mode && accepts(cursor.path)) continue;
      const isPacked = this.#base instanceof PackedEntries;
      const selected = this.#selected(accepts, mode);
      return isPacked
        ? new EntryTable(yield* PackedEntries.packing(selected))
        : EntryTable.listing(yield* listOf(selected));
    }
    return this;
  }

  *#selected(accepts: (path: RelPath) => boolean, mode: number): Generator<Entry, void> {
    for (const entry of this) if (accepts(entry.path)) yield withMode(entry, mode);
  }

  find(path: RelPath): Entry | undefined {
    return this.#changes.has(path) ? this.#changes.get(path) : this.#base.find(path);
  }

  [Symbol.iterator](): Generator<Entry, void> {
    return this.from('');
  }

  /** From the first on whose path is not before `path`. */
  *from(path: string): Generator<Entry, void> {
    for (const cursor = this.cursor(path); cursor.next(); ) yield cursor.entry();
  }

  /** Over those from the first on whose path is not before `path`. */
  cursor(path = ''): EntryCursor {
    const base = this.#base.cursor(path);
    if (this.#changes.size === 0) return base;
    const renewals = (this.#inOrder ??= inOrder(this.#changes));
    return new ChangedCursor(base, renewals, positionOf(renewals, path));
  }

  /** Those at or below one of `places`, none of which lies within another one. */
  in(places: readonly RelPath[]): Entry[] {
    const found = places.flatMap((place) => [this.find(place) ?? [], this.below(place)].flat());
    return sortEntries(found); // between `a` and what lies below it others may stand, such as `a-b`
  }

  /** Those below `folder`, at any depth. */
  below(folder: RelPath): Entry[] {
    const start = `${folder}/`;
    const found: Entry[] = [];
    for (const cursor = this.cursor(start); cursor.next() && cursor.path.startsWith(start); )
      found.push(cursor.entry());
    return found;
  }

  holdsBelow(folder: RelPath): boolean {
    const cursor = this.cursor(`${folder}/`);
    return cursor.next() && cursor.path.startsWith(`${folder}/`);
  }

  /** Calls `found` with those that have one of these contents, in no particular order. */
  *seeking(digests: ReadonlySet<Digest>, found: (entry: Entry) => void): Work<void> {
    yield* this.#base.seeking(digests, (entry) => {
      if (!this.#changes.has(entry.path)) found(entry);
    });
    for (const entry of this.#changes.values()) if (entry !== undefined && digests.has(entry.digest)) found(entry);
  }
}

function inOrder(changes: EntryChanges): Renewal[] {
  return atOnce(orderingOf(changes));
}

function* orderingOf(changes: EntryChanges): Work<Renewal[]> {
  const renewals: Renewal[] = [];
  for (const [path, entry] of changes) {
    if (isStop(renewals.length)) yield;
    renewals.push({ path, entry });
  }
  return yield* sorting(renewals, (a, b) => comparePaths(a.path, b.path));
}

/** Of two lists in order; where both tell of a path, the second one counts. */
function mergeRenewals(first: readonly Renewal[], second: readonly Renewal[]): Renewal[] {
  const merged: Renewal[] = [];
  let at = 0;
  for (const renewal of second) {
    for (let next = first[at]; next !== undefined && next.path <= renewal.path; next = first[++at])
      if (next.path !== renewal.path) merged.push(next);
    merged.push(renewal);
  }
  for (let next = first[at]; next !== undefined; next = first[++at]) merged.push(next);
  return merged;
}

class ChangedCursor implements EntryCursor {
  readonly #base: EntryCursor;
  readonly #renewals: readonly Renewal[];
  #at: number;
  /** Whether the base stands at an entry that is still to come, or is where this one stands. */
  #isBaseLeft: boolean;
  #here: Entry | 'base' | undefined;

  /** `base` and `first`, among `renewals`, are where it begins. */
  constructor(base: EntryCursor, renewals: readonly Renewal[], first: number) {
    this.#base = base;
    this.#renewals = renewals;
    this.#at = first;
    this.#isBaseLeft = base.next();
  }

  next(): boolean {
    if (this.#here === 'base') this.#isBaseLeft = this.#base.next();
    for (let next = this.#renewal(); next !== undefined; next = this.#renewal()) {
      this.#at++;
      if (this.#isBaseLeft && this.#base.path === next.path) this.#isBaseLeft = this.#base.next();
      this.#here = next.entry;
      if (this.#here !== undefined) return true;
    }
    this.#here = 'base';
    return this.#isBaseLeft;
  }

  get path(): RelPath {
    return this.#here === 'base' ? this.#base.path : this.entry().path;
  }

  get mode(): number {
    return this.#here === 'base' ? this.#base.mode : this.entry().mode;
  }

  get standing(): EntryCursor {
    return this.#here === 'base' ? this.#base.standing : this;
  }

  entry(): Entry {
    return this.#here === 'base' ? this.#base.entry() : (this.#here as Entry);
  }

  isAs(other: EntryCursor): boolean {
    return this.#here === 'base' ? this.#base.isAs(other) : isSameAt(this, other);
  }

  /** The one that comes next; undefined where an entry of the base does. */
  #renewal(): Renewal | undefined {
    const next = this.#renewals[this.#at];
    return next !== undefined && (!this.#isBaseLeft || next.path <= this.#base.path) ? next : undefined;
  }
}

function* listOf<T>(items: Iterable<T>): Work<T[]> {
  const all: T[] = [];
  for (const item of items) {
    if (isStop(all.length)) yield;
    all.push(item);
  }
  return all;
}
