/**
 * RenewedDigests: what has become different from a digest cache as it was loaded. Mostly that is little, or nothing; in a first look
 * at a tree it is all of it, and comes in order: of a big one what came first is packed, a piece at a time.
 */
import type { CachedDigest, CacheRecord } from './digest-cache-codec.js';
import { firstNotBefore } from './halving.js';
import { PackedDigests } from './packed-digests.js';

const PIECE_RECORDS = 1024; // packed in one go, in some milliseconds
const MOST_RECENT = 49_152; // records, about 15 MB: to pack fewer takes longer than it is worth

/** What is known of a path now; nothing, if it is forgotten. */
export type Renewal = readonly [path: string, known: CachedDigest | undefined];

interface Piece {
  readonly first: string;
  readonly digests: PackedDigests;
}

export class RenewedDigests {
  /** One behind the other. */
  readonly #pieces: Piece[] = [];
  /** Counts for more than what is packed. */
  readonly #recent = new Map<string, CachedDigest | undefined>();
  #last = '';
  /** Whether what is recent lies behind what is packed, came in order, and is known. */
  #isPackable = true;

  has(path: string): boolean {
    return this.#recent.has(path) || this.#packed(path) !== undefined;
  }

  /** Undefined also for what is forgotten. */
  get(path: string): CachedDigest | undefined {
    return this.#recent.has(path) ? this.#recent.get(path) : this.#packed(path);
  }

  set(path: string, known: CachedDigest | undefined): void {
    if (path <= this.#last || known === undefined) this.#isPackable = false;
    this.#last = path;
    this.#recent.set(path, known);
    if (this.#isPackable && this.#recent.size === MOST_RECENT) this.#packFirst();
  }

  *paths(): Generator<string, void> {
    for (const { digests } of this.#pieces) yield* digests.paths();
    yield* this.#recent.keys();
  }

  /** Those that are not packed, in no order. */
  get recent(): ReadonlyMap<string, CachedDigest | undefined> {
    return this.#recent;
  }

  /** Those that are, in order. */
  *packed(): Generator<CacheRecord, void> {
    for (const { digests } of this.#pieces) yield* digests;
  }

  #packed(path: string): CachedDigest | undefined {
    const behind = firstNotBefore(this.#pieces.length, (at) => (this.#pieces[at] as Piece).first <= path);
    return this.#pieces[behind - 1]?.digests.find(path);
  }

  #packFirst(): void {
    const records: CacheRecord[] = [];
    for (const [path, known] of this.#recent) {
      if (records.length === PIECE_RECORDS) break;
      if (known !== undefined) records.push([path, known]);
    }
    for (const [path] of records) this.#recent.delete(path);
    const [[first]] = records as [CacheRecord];
    this.#pieces.push({ first, digests: PackedDigests.of(records) });
  }
}
