/**
 * KeptContents: small files that were read to be hashed, and style sheets and scripts that were adjusted, kept while there
 * is room, so that they need not be read or made again to be written.
 */
import type { Digest } from '../core/snapshot.js';

export const SMALL_BYTES = 64 * 1024; // of a larger file the reading is the smaller part of the work
const MOST_READ_BYTES = 24 * 1024 * 1024;
const MOST_MADE_BYTES = 12 * 1024 * 1024; // to make them again takes several times as long as to read a file

export class KeptContents {
  readonly #byDigest = new Map<Digest, Buffer>();
  #leftToRead = MOST_READ_BYTES;
  #leftToMake = MOST_MADE_BYTES;

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
    this.#byDigest.set(digest, Buffer.from(bytes));
    return true;
  }
}
