/** A digest cache as a whole, both ways: without the pauses that the program makes. */
import { type CachedDigest, CacheEncoder } from '../../src/core/digest-cache-codec.js';
import { PackedDigests } from '../../src/core/packed-digests.js';
import { comparePaths } from '../../src/core/relpath.js';
import { atOnce } from '../../src/core/work.js';
import { IndexError } from '../../src/errors.js';

export function encodeCache(entries: ReadonlyMap<string, CachedDigest>): Buffer {
  const encoder = new CacheEncoder(entries.size);
  const pieces: Buffer[] = [];
  for (const [path, entry] of [...entries].toSorted((a, b) => comparePaths(a[0], b[0]))) {
    const piece = encoder.add(path, entry);
    if (piece !== undefined) pieces.push(Buffer.from(piece));
  }
  return Buffer.concat([...pieces, encoder.finish()]);
}

/** The records as a Map, for callers who need no pauses; undefined for bytes that are damaged or of another version. */
export function decodeCache(bytes: Uint8Array): Map<string, CachedDigest> | undefined {
  try {
    return new Map(atOnce(PackedDigests.reading(bytes)));
  } catch (error) {
    if (error instanceof IndexError) return undefined;
    throw error;
  }
}
