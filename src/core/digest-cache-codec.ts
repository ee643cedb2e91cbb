/**
 * The digest cache as bytes: 'PSDC', format, count, entries, SHA-256 over all of it.
 *
 *   entry   path (length shared with the path before, rest), mtime, twice the length of the stamp (and 1 if there is a
 *           content hash), the stamp, the digest, the content hash
 *
 * Entries are added and read one at a time, so that the caller can make pauses; `encodeCache` and `decodeCache` are
 * for callers who need none.
 */
import { createHash } from 'node:crypto';
import { IndexError } from '../errors.js';
import { ByteReader, ByteWriter, damaged, unseal } from './bytes.js';
import { CONTENT_HASH_DIGITS, type ContentHash } from './manifest/hashed-name.js';
import { readPath, writePath } from './path-codec.js';
import { comparePaths } from './relpath.js';
import type { Digest } from './snapshot.js';

const MAGIC = Buffer.from('PSDC');
const FORMAT = 2;
const DIGEST_DIGITS = 64;
const PIECE_BYTES = 256 * 1024;
const LEAST_ENTRY_BYTES = 2 + 1 + 1 + 1 + DIGEST_DIGITS / 2;

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

/** Makes the bytes from `count` entries, piece by piece. Sorted by path they become smallest. */
export class CacheEncoder {
  readonly #writer = new ByteWriter(PIECE_BYTES);
  readonly #sum = createHash('sha256');
  #before = '';

  constructor(count: number) {
    this.#writer.bytes(MAGIC).number(FORMAT).number(count);
  }

  /** Answers with a piece when there is one: good until more is added. */
  add(path: string, entry: CachedDigest): Buffer | undefined {
    writePath(this.#writer, this.#before, path);
    this.#before = path;
    const { stamp, digest, mtime, hash } = entry;
    this.#writer.number(mtime).number(stamp.length * 2 + (hash === undefined ? 0 : 1));
    this.#writer.latin1(stamp).hex(digest);
    if (hash !== undefined) this.#writer.hex(hash);
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

/** The entries in `bytes`, in the order they were added. Throws an IndexError at whatever such bytes cannot be. */
export function* readCache(bytes: Uint8Array): Generator<CacheRecord> {
  const { reader, count } = begin(bytes);
  let before = '';
  for (let i = 0; i < count; i++) {
    const path = readPath(reader, before);
    const mtime = reader.number();
    const lengthAndFlag = reader.number();
    const length = Math.floor(lengthAndFlag / 2);
    const both = reader.bytes(length + DIGEST_DIGITS / 2); // one slice instead of two: there are many entries
    const hash = lengthAndFlag % 2 === 1 ? reader.hex(CONTENT_HASH_DIGITS) : undefined;
    yield [path, { stamp: both.toString('latin1', 0, length), digest: both.toString('hex', length), mtime, hash }];
    before = path;
  }
  reader.end();
}

/** The paths of the entries in `bytes`, in the order they were added; undefined for what `decodeCache` has no entries of. */
export function cachedPaths(bytes: Uint8Array): string[] | undefined {
  return unlessDamaged(() => {
    const { reader, count } = begin(bytes);
    const paths: string[] = [];
    let before = '';
    for (let i = 0; i < count; i++) {
      paths.push((before = readPath(reader, before)));
      reader.number();
      const lengthAndFlag = reader.number();
      const ofHash = lengthAndFlag % 2 === 1 ? CONTENT_HASH_DIGITS / 2 : 0;
      reader.bytes(Math.floor(lengthAndFlag / 2) + DIGEST_DIGITS / 2 + ofHash);
    }
    reader.end();
    return paths;
  });
}

function begin(bytes: Uint8Array): { readonly reader: ByteReader; readonly count: number } {
  const reader = new ByteReader(unseal(bytes));
  if (!reader.bytes(MAGIC.length).equals(MAGIC)) throw damaged('it does not begin like a digest cache');
  if (reader.number() !== FORMAT) throw new IndexError('it has another format', 'foreign-version');
  return { reader, count: reader.count(LEAST_ENTRY_BYTES) };
}

export function encodeCache(entries: ReadonlyMap<string, CachedDigest>): Buffer {
  const encoder = new CacheEncoder(entries.size);
  const pieces: Buffer[] = [];
  for (const [path, entry] of [...entries].toSorted((a, b) => comparePaths(a[0], b[0]))) {
    const piece = encoder.add(path, entry);
    if (piece !== undefined) pieces.push(Buffer.from(piece));
  }
  return Buffer.concat([...pieces, encoder.finish()]);
}

/** The entries, or undefined for bytes that are damaged or of another version. */
export function decodeCache(bytes: Uint8Array): Map<string, CachedDigest> | undefined {
  return unlessDamaged(() => new Map(readCache(bytes)));
}

function unlessDamaged<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof IndexError) return undefined;
    throw error;
  }
}
