/**
 * readSettled: reads a file that may be in the middle of being written, when it has come to rest.
 */
import { type Stats, statSync } from 'node:fs';
import { type Identity, unsettledFor } from '../core/unsettled.js';
import { FileError } from '../errors.js';
import type { Pacer } from '../fs/pace.js';
import { isOpenToWrite } from '../fs/writers.js';
import type { Reading } from './digest.js';
import { inStamp, stampOf } from './stamp.js';
import { readTrouble } from './trouble.js';

const MOST_MS = 3000; // for which all others wait for files that do not come to rest

/** What a run waits for files that are being written, in all. */
export class Patience {
  readonly #pacer: Pacer;
  #endAt: number | undefined;

  constructor(pacer: Pacer) {
    this.#pacer = pacer;
  }

  /** Rejects with a FileError 'CHANGED' when there is no time left, and as `Pacer.rest` does. */
  async wait(ms: number): Promise<void> {
    const now = performance.now();
    this.#endAt ??= now + MOST_MS;
    if (now + ms > this.#endAt) {
      throw new FileError('CHANGED', 'it is still being written; the next run takes it up');
    }
    await this.#pacer.rest(ms + 1); // a timer may be early by less than one
  }
}

/** A file to read, and what is known of it. */
export interface Moving {
  readonly file: string;
  /** Its stamp before it was read; undefined if it has changed since in any case. */
  readonly listedAs: string | undefined;
  /** See `Past`. */
  readonly sizeBefore: () => number;
  /** Whether its content is nothing new. */
  readonly isTaken: (reading: Reading) => boolean;
}

/**
 * What `read` reads of it when it has come to rest; `first` was read already. Rejects as `read` does, and with a FileError
 * 'CHANGED' where patience ends.
 */
export async function readSettled(
  { file, listedAs, sizeBefore, isTaken }: Moving,
  first: Reading | undefined,
  read: () => Promise<Reading>,
  patience: Patience,
): Promise<Reading> {
  let suspect: Identity | undefined;
  for (let known = first; ; known = undefined) {
    const reading = known ?? (await unlessMoving(file, read));
    if (reading !== undefined && isTaken(reading)) return reading;
    const seen = lookAt(file);
    if (seen === undefined) return reading ?? (await read()); // it vanished: who reads it says so
    if (hasMoved(seen, reading, listedAs)) suspect = seen;
    const left = unsettledFor(seen, { size: sizeBefore(), suspect, isOpen: () => isOpenToWrite(seen) }, Date.now());
    if (left === 0 && reading?.seenAs === stampOf(seen)) return reading;
    if (left > 0) suspect = seen;
    await patience.wait(left);
  }
}

/** Undefined for a file that changes whenever it is read. */
async function unlessMoving(file: string, read: () => Promise<Reading>): Promise<Reading | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof FileError && error.code === 'CHANGED' && lookAt(file) !== undefined) return undefined;
    throw error;
  }
}

/** Whether the same file was another one before it was read, or meanwhile. */
function hasMoved(seen: Stats, reading: Reading | undefined, listedAs: string | undefined): boolean {
  if (reading === undefined || listedAs === undefined) return true;
  const now = stampOf(seen);
  return [listedAs, reading.seenAs].some((stamp) => stamp !== now && isOf(seen, stamp));
}

/** Whether the file had this stamp; a younger one may have been given its inode. */
function isOf({ ino, birthtimeMs }: Stats, stamp: string): boolean {
  const before = inStamp(stamp);
  return before?.ino === ino && birthtimeMs <= before.ctimeMs;
}

/** Undefined where nothing lies. */
function lookAt(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch (error) {
    throw readTrouble(error);
  }
}
