/**
 * bodyOf: the content of one local file as a target wants it, and proof that it is the content that was planned.
 *
 * Everything that is read here is hashed on the way. A file that grows, shrinks or is rewritten while it is read does not
 * match its digest, which is a FileError 'CHANGED'; what was sent of it is never published.
 */
import { createHash, hash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Entry } from '../../core/entry.js';
import { FileError } from '../../errors.js';
import { makeRoomForPackets } from '../../heap.js';
import { codeOf, reasonOf } from '../../system-error.js';
import type { Body } from '../../targets/target.js';

/** Files up to this size are read at once. Larger ones never lie in memory as a whole. */
export const SMALL_BYTES = 256 * 1024;

// A FIFO that took the file's place must not hang the run.
const READ = constants.O_RDONLY | constants.O_NONBLOCK;

/** The content of `file`, which is to be that of `entry`. Throws a FileError 'CHANGED' where it is not any more. */
export function bodyOf(file: string, entry: Entry): Body {
  return entry.size <= SMALL_BYTES ? () => readSmall(file, entry) : () => readLarge(file, entry);
}

/** The first `bytes` of `file`. Throws as `bodyOf` does where it cannot be read. */
export function beginningOf(file: string, bytes: number): Uint8Array {
  const handle = attempt(file, () => openSync(file, READ));
  try {
    const beginning = Buffer.alloc(bytes);
    return beginning.subarray(
      0,
      attempt(file, () => readSync(handle, beginning, 0, bytes, null)),
    );
  } finally {
    closeSync(handle);
  }
}

/** Where small files are read into, one after another: whoever gets the content uses it before the next one is read. */
const scratch = Buffer.allocUnsafeSlow(SMALL_BYTES + 1);

// Synchronous: for small files an order of magnitude cheaper than a trip through the thread pool.
function readSmall(file: string, entry: Entry): Uint8Array {
  const handle = attempt(file, () => openSync(file, READ));
  try {
    // One byte more than expected, so that growth shows. A regular file gives all it has in one read.
    const length = attempt(file, () => readSync(handle, scratch, 0, entry.size + 1, null));
    const content = scratch.subarray(0, length);
    requireDigest(file, entry, length, hash('sha256', content, 'hex'));
    return content;
  } finally {
    closeSync(handle);
  }
}

async function* readLarge(file: string, entry: Entry): AsyncIterable<Uint8Array> {
  const handle = await open(file, READ).catch((error: unknown) => {
    throw unreadable(file, error);
  });
  const release = makeRoomForPackets();
  try {
    yield* hashed(handle, file, entry);
  } finally {
    release();
    await handle.close();
  }
}

async function* hashed(handle: FileHandle, file: string, entry: Entry): AsyncIterable<Uint8Array> {
  const sum = createHash('sha256');
  const buffer = Buffer.allocUnsafe(SMALL_BYTES);
  let position = 0;
  while (position <= entry.size) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position).catch((error: unknown) => {
      throw unreadable(file, error);
    });
    if (bytesRead === 0) break;
    position += bytesRead;
    const piece = buffer.subarray(0, bytesRead);
    sum.update(piece);
    if (position <= entry.size) yield piece;
  }
  requireDigest(file, entry, position, sum.digest('hex'));
}

function requireDigest(file: string, entry: Entry, size: number, digest: string): void {
  if (size !== entry.size || digest !== entry.digest) throw changed(file);
}

function attempt<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw unreadable(file, error);
  }
}

function changed(file: string): FileError {
  return new FileError('CHANGED', `it changed while it was read (${file}); the next run sends it`);
}

function unreadable(file: string, error: unknown): FileError {
  // Or something else has taken its place, or that of a folder above it.
  const isGone = ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error));
  if (isGone) return new FileError('CHANGED', `it vanished before it was read (${file})`, { cause: error });
  return new FileError('UNREADABLE', `cannot read ${file}: ${reasonOf(error)}`, { cause: error });
}
