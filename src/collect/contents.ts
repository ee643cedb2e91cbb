/**
 * Contents: small files that were read to be hashed, kept so that they need not be read again to be sent.
 *
 * Bounded: what does not fit is simply read again. The bytes travel between threads in slabs, without being copied.
 */
import type { Digest } from '../core/snapshot.js';

const SMALL_BYTES = 64 * 1024; // of a larger file the reading is the smaller part of the work
const SLAB_BYTES = 320 * 1024;
const MOST_BYTES = 16 * 1024 * 1024; // at once
const MOST_IN_ALL = 32 * 1024 * 1024; // what was let go lies in memory a while longer: a big tree is read again

/** Contents one after another in `bytes`, and where each of them ends. */
export interface Slab {
  readonly bytes: ArrayBuffer;
  readonly digests: readonly Digest[];
  readonly ends: readonly number[];
}

/** Fills slabs, and hands over each one that is full. */
export class ContentPacker {
  readonly #handOver: (slab: Slab) => void;
  #bytes = Buffer.alloc(0);
  #used = 0;
  #digests: Digest[] = [];
  #ends: number[] = [];
  #left = MOST_BYTES;
  #leftInAll = MOST_IN_ALL;
  /** A copy in STATIC_ROOT has the content of its source: once is enough. */
  readonly #kept = new Set<Digest>();

  constructor(handOver: (slab: Slab) => void) {
    this.#handOver = handOver;
  }

  /** How many bytes wait in a slab that is not handed over yet. */
  get waitingBytes(): number {
    return this.#used;
  }

  /** Copies `bytes` if they are small and there is room. */
  keep(digest: Digest, bytes: Uint8Array): void {
    if (bytes.length > Math.min(SMALL_BYTES, this.#left, this.#leftInAll) || this.#kept.has(digest)) return;
    this.#kept.add(digest);
    if (this.#used + bytes.length > this.#bytes.length) this.#begin();
    this.#bytes.set(bytes, this.#used);
    this.#used += bytes.length;
    this.#left -= bytes.length;
    this.#leftInAll -= bytes.length;
    this.#digests.push(digest);
    this.#ends.push(this.#used);
  }

  /** `bytes` that were handed over are no longer in memory. */
  makeRoom(bytes: number): void {
    this.#left += bytes;
  }

  /** Hands over what is left. */
  finish(): void {
    if (this.#digests.length > 0) {
      const bytes = this.#bytes.buffer;
      this.#handOver({ bytes, digests: this.#digests, ends: this.#ends });
    }
    this.#bytes = Buffer.alloc(0);
    this.#used = 0;
    this.#digests = [];
    this.#ends = [];
  }

  #begin(): void {
    this.finish();
    // Never from a pool: the whole of its memory goes to the other thread.
    this.#bytes = Buffer.allocUnsafeSlow(SLAB_BYTES);
  }
}

/** Takes slabs apart, and says when one is of no more use. */
export class Contents {
  readonly #byDigest = new Map<Digest, Place>();
  readonly #onFree: (bytes: number) => void;

  /** `onFree` is told of the bytes of each slab from which everything was taken. */
  constructor(onFree: (bytes: number) => void = () => undefined) {
    this.#onFree = onFree;
  }

  add({ bytes, digests, ends }: Slab): void {
    const slab = { bytes, left: digests.length, used: ends.at(-1) ?? 0 };
    for (const [i, digest] of digests.entries()) {
      const start = i === 0 ? 0 : (ends[i - 1] ?? 0);
      this.#byDigest.set(digest, { slab, start, end: ends[i] ?? start });
    }
  }

  /** For one of several who want it. */
  of(digest: Digest): Uint8Array | undefined {
    const place = this.#byDigest.get(digest);
    return place === undefined ? undefined : viewOf(place);
  }

  /** For the only one who wants it. */
  take(digest: Digest): Uint8Array | undefined {
    const place = this.#byDigest.get(digest);
    if (place === undefined) return undefined;
    this.#byDigest.delete(digest);
    if (--place.slab.left === 0) this.#onFree(place.slab.used);
    return viewOf(place);
  }
}

interface Place {
  readonly slab: { readonly bytes: ArrayBuffer; readonly used: number; left: number };
  readonly start: number;
  readonly end: number;
}

function viewOf({ slab, start, end }: Place): Uint8Array {
  return new Uint8Array(slab.bytes, start, end - start);
}
