/**
 * What is taken from a file's stat: its stamp, which tells whether it may have changed, its mtime and its mode.
 */
import type { Stats } from 'node:fs';
import { clockMs } from '../core/unsettled.js';

const LAST_MTIME = 2 ** 32 - 1; // SFTP version 3 carries 32 bits, unsigned

const numbers = new Float64Array(5);
const bytes = Buffer.from(numbers.buffer);

/**
 * Size, mtime, ctime, inode and device as 40 characters, one per byte. Two equal stamps of a path mean that nothing
 * happened to the file in between, as far as the file system's clock can tell (`isRacy`). The ctime is what finds an
 * edit of the same size whose mtime was put back.
 *
 * Times are told apart to a quarter of a microsecond, which no clock of a file system does better in practice.
 */
export function stampOf(stats: Stats): string {
  numbers[0] = stats.size;
  numbers[1] = stats.mtimeMs;
  numbers[2] = stats.ctimeMs;
  numbers[3] = stats.ino;
  numbers[4] = stats.dev;
  return bytes.toString('latin1');
}

/** What a stamp was made of; undefined for an empty one. */
export function inStamp(stamp: string): Pick<Stats, 'size' | 'ctimeMs' | 'ino'> | undefined {
  if (stamp === '') return undefined;
  bytes.write(stamp, 'latin1');
  const [size = 0, , ctimeMs = 0, ino = 0] = numbers;
  return { size, ctimeMs, ino };
}

/**
 * Whether a file, read at `readAtMs` (since 1970) or later, was changed so shortly before that another change could
 * still get the same ctime. Git calls such an entry racily clean, and looks again at the content.
 */
export function isRacy({ ctimeMs }: Stats, readAtMs: number): boolean {
  return readAtMs - ctimeMs < clockMs(ctimeMs);
}

/** Whole seconds since 1970, rounded down, within what SFTP can say. */
export function mtimeOf({ mtimeMs }: Stats): number {
  return compact(Math.min(Math.max(Math.floor(mtimeMs / 1000), 0), LAST_MTIME));
}

/** Bytes. */
export function sizeOf({ size }: Stats): number {
  return compact(size);
}

/** The permission bits. */
export function modeOf({ mode }: Stats): number {
  return mode & 0o777;
}

/**
 * The same whole number, not as a floating-point one, which takes memory of its own for each of hundreds of thousands: what
 * stat says comes as such.
 */
export function compact(value: number): number {
  const small = value | 0;
  return small === value ? small : value;
}
