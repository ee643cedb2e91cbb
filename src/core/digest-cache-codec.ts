/**
 * The digest cache as bytes: 'PSDC', format, count, records sorted by path, SHA-256 over all of it.
 *
 *   record  path (length shared with the path before, rest), mtime, twice the length of the stamp (and 1 if there is a
 *           content hash), the stamp, the digest, the content hash
 *
 * Records are added one at a time, so that the caller can make pauses. PackedDigests reads them.
 */
import { createHash } from 'node:crypto';
import { IndexError } from '../errors.js';
import { ByteReader, ByteWriter, damaged, unseal } from './bytes.js';
import type { Digest } from './entry.js';
import { CONTENT_HASH_DIGITS, type ContentHash } from './manifest/hashed-name.js';
import { writePath } from './path-codec.js';

const MAGIC = Buffer.from('PSDC');
const FORMAT = 2;
const PIECE_BYTES = 256 * 1024;

export const DIGEST_BYTES = 32;
/** Of a content hash. */
export const HASH_BYTES = CONTENT_HASH_DIGITS / 2;

const LEAST_RECORD_BYTES = 2 + 1 + 1 + DIGEST_BYTES; // a path that shares all but nothing, no stamp

/** What is remembered of a file's content. */
export interface CachedDigest {
  /** Bytes as Latin-1. Empty: not to be trusted again, because the file could have changed without a new stamp. */
  readonly stamp: string;
  readonly digest: Digest;
  /** The published mtime, in whole seconds since 1970: that of the first time this content was seen. */
  readonly mtime: number;
  /** Only where hashed names are made. */
  readonly hash?: ContentHash | undefined;
}

export type CacheRecord = readonly [string, CachedDigest];

/** Makes the bytes from `count` records, sorted by path, piece by piece. */
export class CacheEncoder {
  readonly #writer = new ByteWriter(PIECE_BYTES);
  readonly #sum = createHash('sha256');
  #before = '';

  constructor(count: number) {
    this.#writer.bytes(MAGIC).number(FORMAT).number(count);
  }

  /** Answers with a piece when there is one: good until more is added. */
  add(path: string, entry: CachedDigest): Buffer | undefined {
    writeRecord(this.#writer, this.#before, path, entry);
    this.#before = path;
    return this.#writer.length < PIECE_BYTES ? undefined : this.#piece();
  }

  /** The last piece. */
  finish(): Buffer {
    const piece = Buffer.from(this.#piece());
    return Buffer.concat([piece, this.#sum.digest()]);
  }

  #piece(): Buffer {
    const piece = this.#writer.take();
    this.#sum.update(piece);
    return piece;
  }
}

/** `before` is the path of the record before it. */
export function writeRecord(writer: ByteWriter, before: string, path: string, entry: CachedDigest): void {
  const { stamp, digest, mtime, hash } = entry;
  writePath(writer, before, path);
  writer.number(mtime).number(stamp.length * 2 + (hash === undefined ? 0 : 1));
  writer.latin1(stamp).hex(digest);
  if (hash !== undefined) writer.hex(hash);
}

/** The records in `bytes`, which nobody has looked at, and how many they are. Throws an IndexError at whatever such bytes cannot be. */
export function openCache(bytes: Uint8Array): { readonly content: Buffer; readonly count: number } {
  const reader = new ByteReader(unseal(bytes));
  if (!reader.bytes(MAGIC.length).equals(MAGIC)) throw damaged('it does not begin like a digest cache');
  if (reader.number() !== FORMAT) throw new IndexError('it has another format', 'foreign-version');
  const count = reader.count(LEAST_RECORD_BYTES);
  return { content: reader.rest(), count };
}
