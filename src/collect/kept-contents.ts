/**
 * KeptContents: small files that were read to be hashed, and style sheets and scripts that were adjusted, kept while there
 * is room, so that they need not be read or made again to be written. Other threads can be shown where they are.
 */
import type { Digest } from '../core/snapshot.js';

export const SMALL_BYTES = 64 * 1024; // of a larger file the reading is the smaller part of the work
const FEW_FILES = 20_000; // of so many, all that is small is kept for the most part; of more, memory is dearer than time
const ROOM_FOR_FEW_BYTES = 32 * 1024 * 1024;
const ROOM_FOR_MANY_BYTES = 8 * 1024 * 1024;
const MOST_MADE_BYTES = 8 * 1024 * 1024; // to make them again takes several times as long as to read a file
const SLAB_BYTES = 1024 * 1024;

/** How many bytes may be kept of what is read of so many files. */
export function roomFor(files: number): number {
  return files > FEW_FILES ? ROOM_FOR_MANY_BYTES : ROOM_FOR_FEW_BYTES;
}

/** Contents as another thread finds them. */
export interface SharedContents {
  readonly slabs: readonly SharedArrayBuffer[];
  /** For each of a list of contents, where it begins in all slabs one after another; -1 for what is not kept. */
  readonly places: Float64Array;
}

export class KeptContents {
  readonly #byDigest = new Map<Digest, Buffer>();
  #leftToRead: number;
  #leftToMake = MOST_MADE_BYTES;
  /** What lies in them is kept, all of it; the pool that Node has would hold what was thrown away as well. */
  readonly #slabs: SharedArrayBuffer[] = [];
  #slab: Buffer = Buffer.alloc(0);
  #used = 0;

  /** `room` in bytes, for what is read. */
  constructor(room: number) {
    this.#leftToRead = room;
  }

  /** Copies `bytes`, which were read, if they are small and there is room. */
  keep(digest: Digest, bytes: Uint8Array): void {
    if (bytes.length > this.#leftToRead || !this.#keep(digest, bytes)) return;
    this.#leftToRead -= bytes.length;
  }

  /** Copies `bytes`, which were made, if they are small and there is room. */
  keepMade(digest: Digest, bytes: Uint8Array): void {
    if (bytes.length > this.#leftToMake || !this.#keep(digest, bytes)) return;
    this.#leftToMake -= bytes.length;
  }

  get(digest: Digest): Buffer | undefined {
    return this.#byDigest.get(digest);
  }

  share(digests: readonly Digest[]): SharedContents {
    const numbers = new Map<ArrayBufferLike, number>(this.#slabs.map((slab, number) => [slab, number]));
    const places = Float64Array.from(digests, (digest) => {
      const bytes = this.#byDigest.get(digest);
      return bytes === undefined ? -1 : (numbers.get(bytes.buffer) ?? 0) * SLAB_BYTES + bytes.byteOffset;
    });
    return { slabs: this.#slabs, places };
  }

  #keep(digest: Digest, bytes: Uint8Array): boolean {
    if (bytes.length > SMALL_BYTES || this.#byDigest.has(digest)) return false;
    if (this.#used + bytes.length > this.#slab.length) {
      const slab = new SharedArrayBuffer(SLAB_BYTES);
      this.#slabs.push(slab);
      this.#slab = Buffer.from(slab);
      this.#used = 0;
    }
    this.#slab.set(bytes, this.#used);
    this.#byDigest.set(digest, this.#slab.subarray(this.#used, this.#used + bytes.length));
    this.#used += bytes.length;
    return true;
  }
}

/** The content at a position of the list, which has `size` bytes; undefined for one that is not kept. */
export function contentAt({ slabs, places }: SharedContents, at: number, size: number): Uint8Array | undefined {
  const place = places[at] ?? -1;
  const slab = slabs[Math.floor(place / SLAB_BYTES)];
  return slab && new Uint8Array(slab, place % SLAB_BYTES, size);
}
