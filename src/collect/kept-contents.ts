/**
 * KeptContents: small files that were read to be hashed, kept while there is room, so that they need not be read again to
 * be copied or adjusted.
 */
import type { Digest } from '../core/snapshot.js';

export const SMALL_BYTES = 64 * 1024; // of a larger file the reading is the smaller part of the work
const MOST_BYTES = 32 * 1024 * 1024;

export class KeptContents {
  readonly #byDigest = new Map<Digest, Buffer>();
  #left = MOST_BYTES;

  /** Copies `bytes` if they are small and there is room. */
  keep(digest: Digest, bytes: Uint8Array): void {
    if (bytes.length > SMALL_BYTES || bytes.length > this.#left || this.#byDigest.has(digest)) return;
    this.#left -= bytes.length;
    this.#byDigest.set(digest, Buffer.from(bytes));
  }

  get(digest: Digest): Buffer | undefined {
    return this.#byDigest.get(digest);
  }
}
