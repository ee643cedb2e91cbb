/**
 * digestFile: the digest of a file's content, and what stat said while that content was there.
 *
 * The file is read up to the size it had when it was opened, in pieces of constant size, and must have the same stamp
 * before and after. A file that does not hold still is read again a few times and then is a problem; one that grows
 * for ever cannot hold up the run.
 */
import { createHash, hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, type Stats } from 'node:fs';
import type { Digest } from '../core/entry.js';
import { CONTENT_HASH_DIGITS, type ContentHash } from '../core/manifest/hashed-name.js';
import { FileError } from '../errors.js';
import type { Pacer } from '../fs/pace.js';
import { isSystemError } from '../system-error.js';
import { isRacy, modeOf, mtimeOf, sizeOf, stampOf } from './stamp.js';
import { readTrouble } from './trouble.js';

const PIECE_BYTES = 1024 * 1024;
const TRIES = 3;

/** What is made of a content beside its digest: what hashed names hold. */
export type Also = 'content-hash' | undefined;

/** A file at one moment. `size` in bytes, `mtime` in whole seconds since 1970, `mode` the permission bits. */
export interface Reading {
  readonly digest: Digest;
  readonly size: number;
  readonly mtime: number;
  readonly mode: number;
  /** As in the digest cache: empty if the file could change without getting another one. */
  readonly stamp: string;
  /** The stamp that the file had, lasting or not. */
  readonly seenAs: string;
  /** If it was asked for. */
  readonly hash: ContentHash | undefined;
}

/** Is given all pieces in order, and all again from position 0 if the file changed meanwhile. Must not keep `bytes`. */
export type Sink = (bytes: Uint8Array, position: number) => void;

// Shared by all who read: between the call that fills it and the one that uses it nothing else runs.
const piece = Buffer.allocUnsafeSlow(PIECE_BYTES);

/**
 * Reads `file`, which may also be a link to a file. Rejects with a FileError: 'CHANGED' when it does not hold still or
 * has vanished, 'NOT_A_FILE', or 'UNREADABLE'. What `sink` throws comes back as it is.
 */
export async function digestFile(
  file: string,
  pacer: Pacer,
  sink: Sink = () => undefined,
  also?: Also,
): Promise<Reading> {
  for (let left = TRIES; left > 0; left--) {
    const reading = await readOnce(file, pacer, sink, also);
    if (reading !== undefined) return reading;
  }
  throw new FileError('CHANGED', `it changed each of the ${TRIES} times it was read; the next run takes it up`);
}

/**
 * The reading of a small file that is still as `stamp` and `size` say, in one synchronous go; undefined if it is not, or is
 * large: then digestFile is for it. Its bytes are only good until the next file is read.
 */
export function digestAtOnce(
  file: string,
  size: number,
  stamp: string,
  also?: Also,
): (Reading & { readonly bytes: Buffer }) | undefined {
  if (size > PIECE_BYTES) return undefined;
  const readAtMs = Date.now();
  const descriptor = openOrTrouble(file);
  try {
    const length = orTrouble(() => readSync(descriptor, piece, 0, size, 0));
    const after = orTrouble(() => fstatSync(descriptor));
    if (length !== size || stampOf(after) !== stamp) return undefined;
    const bytes = piece.subarray(0, length);
    const sums = { digest: hash('sha256', bytes, 'hex'), hash: also && contentHashOf(bytes) };
    return { ...readingOf(after, sums, readAtMs), bytes };
  } finally {
    closeSync(descriptor);
  }
}

/** The whole of a file that fits into memory. Throws a FileError. */
export function readWhole(file: string): Buffer {
  const descriptor = openOrTrouble(file);
  try {
    return orTrouble(() => readFileSync(descriptor));
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The content of a file if it is small, can be read, and has the size and the digest that it had; else undefined. Its bytes
 * are only good until the next file is read.
 */
export function readKnown(file: string, size: number, digest: Digest): Buffer | undefined {
  if (size >= PIECE_BYTES) return undefined;
  const descriptor = openOrTrouble(file);
  try {
    const length = readSync(descriptor, piece, 0, size + 1, 0);
    const bytes = piece.subarray(0, length);
    return length === size && hash('sha256', bytes, 'hex') === digest ? bytes : undefined;
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** The content hash of bytes that are at hand. */
export function contentHashOf(bytes: Uint8Array): ContentHash {
  return hash('md5', bytes, 'hex').slice(0, CONTENT_HASH_DIGITS);
}

/** Undefined if the file changed meanwhile. */
async function readOnce(file: string, pacer: Pacer, sink: Sink, also: Also): Promise<Reading | undefined> {
  const readAtMs = Date.now();
  const descriptor = openOrTrouble(file);
  try {
    const before = orTrouble(() => fstatSync(descriptor));
    if (!before.isFile()) throw new FileError('NOT_A_FILE', 'it is no file any more');
    const sums = await digestOpen(descriptor, before.size, pacer, sink, also);
    const after = orTrouble(() => fstatSync(descriptor));
    if (sums === undefined || stampOf(after) !== stampOf(before)) return undefined;
    return readingOf(after, sums, readAtMs);
  } finally {
    closeSync(descriptor);
  }
}

/** Undefined if the file ends before `size`. */
async function digestOpen(
  descriptor: number,
  size: number,
  pacer: Pacer,
  sink: Sink,
  also: Also,
): Promise<Sums | undefined> {
  const sum = createHash('sha256');
  const hashing = also && createHash('md5');
  for (let position = 0; position < size; ) {
    const wanted = Math.min(PIECE_BYTES, size - position);
    const length = orTrouble(() => readSync(descriptor, piece, 0, wanted, position));
    if (length === 0) return undefined;
    const bytes = piece.subarray(0, length);
    sum.update(bytes);
    hashing?.update(bytes);
    sink(bytes, position);
    position += length;
    if (position < size && pacer.isDue) await pacer.breathe();
  }
  return { digest: sum.digest('hex'), hash: hashing?.digest('hex').slice(0, CONTENT_HASH_DIGITS) };
}

type Sums = Pick<Reading, 'digest' | 'hash'>;

function readingOf(stats: Stats, { digest, hash: contentHash }: Sums, readAtMs: number): Reading {
  const seenAs = stampOf(stats);
  const stamp = isRacy(stats, readAtMs) ? '' : seenAs;
  return { digest, hash: contentHash, size: sizeOf(stats), mtime: mtimeOf(stats), mode: modeOf(stats), stamp, seenAs };
}

function openOrTrouble(file: string): number {
  // Without O_NONBLOCK, a FIFO that has taken the name would wait here for a writer.
  return orTrouble(() => openSync(file, constants.O_RDONLY | constants.O_NONBLOCK));
}

function orTrouble<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw readTrouble(error);
  }
}
