/**
 * KeptContents: small files that were read to be hashed, and style sheets and scripts that were adjusted, kept while there
 * is room, so that they need not be read or made again to be written.
 */
import type { Digest } from '../core/entry.js';

export const SMALL_BYTES = 64 * 1024; // of a larger file the reading is the smaller part of the work
const MOST_READ_BYTES = 1024 * 1024; // with eight times as much, a first run is no faster
const MOST_MADE_BYTES = 8 * 1024 * 1024; // to make them again takes several times as long as to read a file
const SLAB_BYTES = 1024 * 1024;

export class KeptContents {
  readonly #byDigest = new Map<Digest, Buffer>();
  #leftToRead = MOST_READ_BYTES;
  #leftToMake = MOST_MADE_BYTES;
  /** What lies in it is kept, all of it; the pool that Node has would hold what was thrown away as well. */
  #slab = Buffer.alloc(0);
  #used = 0;

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

  #keep(digest: Digest, bytes: Uint8Array): boolean {
    if (bytes.length > SMALL_BYTES || this.#byDigest.has(digest)) return false;
    if (this.#used + bytes.length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#used = 0;
    }
    this.#slab.set(bytes, this.#used);
    this.#byDigest.set(digest, this.#slab.subarray(this.#used, this.#used + bytes.length));
    this.#used += bytes.length;
    return true;
  }
}
