/**
 * Contents: small files that were read to be hashed, kept so that they need not be read again to be sent.
 *
 * Bounded: what does not fit is simply read again. The bytes travel between threads in slabs, without being copied, and a
 * slab from which everything was taken goes back to be filled again.
 */
import type { Digest } from '../../core/entry.js';
import { SMALL_BYTES } from '../kept-contents.js';

const SLAB_BYTES = 320 * 1024;
const MOST_SLABS = 96; // 30 MiB
const FEW_SLABS = 8;

/** Contents one after another in `bytes`, and where each of them ends. */
export interface Slab {
  readonly bytes: ArrayBuffer;
  readonly digests: readonly Digest[];
  readonly ends: readonly number[];
}

/** Fills slabs, and hands over each one that is full. */
export class ContentPacker {
  readonly #handOver: (slab: Slab) => void;
  /** Slabs to fill: those that came back, and how many may still be made. */
  readonly #spare: ArrayBuffer[] = [];
  #unmade = MOST_SLABS;
  /** The slab that is being filled. */
  #bytes: Buffer<ArrayBuffer> | undefined;
  #used = 0;
  #digests: Digest[] = [];
  #ends: number[] = [];
  /** A copy in STATIC_ROOT has the content of its source: once is enough. */
  readonly #kept = new Set<Digest>();

  constructor(handOver: (slab: Slab) => void) {
    this.#handOver = handOver;
  }

  /** From now on: of very many files it is a small part anyway, and memory is dear. */
  keepLess(): void {
    this.#unmade = Math.min(this.#unmade, FEW_SLABS);
  }

  /** How many bytes wait in a slab that is not handed over yet. */
  get waitingBytes(): number {
    return this.#used;
  }

  /** Copies `bytes` if they are small and there is room. */
  keep(digest: Digest, bytes: Uint8Array): void {
    if (bytes.length > SMALL_BYTES || this.#kept.has(digest)) return;
    const slab = this.#slabFor(bytes.length);
    if (slab === undefined) return;
    this.#kept.add(digest);
    slab.set(bytes, this.#used);
    this.#used += bytes.length;
    this.#digests.push(digest);
    this.#ends.push(this.#used);
  }

  /** Takes back the bytes of a slab. */
  refill(bytes: ArrayBuffer): void {
    this.#spare.push(bytes);
  }

  /** Hands over what is left. */
  finish(): void {
    if (this.#bytes !== undefined) {
      this.#handOver({ bytes: this.#bytes.buffer, digests: this.#digests, ends: this.#ends });
    }
    this.#bytes = undefined;
    this.#used = 0;
    this.#digests = [];
    this.#ends = [];
  }

  /** The slab that is being filled, or a new one where that has no room; undefined if there may be no more. */
  #slabFor(bytes: number): Buffer<ArrayBuffer> | undefined {
    if (this.#bytes !== undefined && this.#used + bytes <= this.#bytes.length) return this.#bytes;
    const spare = this.#spare.pop();
    if (spare === undefined && this.#unmade === 0) return undefined;
    this.finish();
    if (spare === undefined) this.#unmade--;
    // Never from a pool: the whole of its memory goes to the other thread.
    this.#bytes = spare === undefined ? Buffer.allocUnsafeSlow(SLAB_BYTES) : Buffer.from(spare);
    return this.#bytes;
  }
}

/** Takes slabs apart, and says when one is of no more use. */
export class Contents {
  readonly #byDigest = new Map<Digest, Place>();
  readonly #onFree: (bytes: ArrayBuffer) => void;

  /** `onFree` is given the bytes of each slab from which everything was taken. */
  constructor(onFree: (bytes: ArrayBuffer) => void = () => undefined) {
    this.#onFree = onFree;
  }

  add({ bytes, digests, ends }: Slab): void {
    const slab = { bytes, left: digests.length };
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

  /** For the only one who wants it. Good until control is given up. */
  take(digest: Digest): Uint8Array | undefined {
    const place = this.#byDigest.get(digest);
    if (place === undefined) return undefined;
    this.#byDigest.delete(digest);
    const { slab } = place;
    if (--slab.left === 0) setImmediate(() => this.#onFree(slab.bytes));
    return viewOf(place);
  }
}

interface Place {
  readonly slab: { readonly bytes: ArrayBuffer; left: number };
  readonly start: number;
  readonly end: number;
}

function viewOf({ slab, start, end }: Place): Uint8Array {
  return Buffer.from(slab.bytes, start, end - start);
}
