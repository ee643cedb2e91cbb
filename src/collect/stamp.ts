/**
 * What is taken from a file's stat: its stamp, which tells whether it may have changed, its mtime and its mode.
 */
import type { BigIntStats, Stats } from 'node:fs';

const LAST_MTIME = 2 ** 32 - 1; // SFTP version 3 carries 32 bits, unsigned
const NS_PER_S = 1_000_000_000n;
const COARSE_CLOCK_MS = 2000; // FAT
const FINE_CLOCK_MS = 50; // file systems take the kernel's tick, 10 ms at worst, and network ones round

const words = new BigUint64Array(5);
const bytes = Buffer.from(words.buffer);

/**
 * Size, mtime, ctime, inode and device as 40 characters, one per byte. Two equal stamps of a path mean that nothing
 * happened to the file in between, as far as the file system's clock can tell (`isRacy`). The ctime is what finds an
 * edit of the same size whose mtime was put back.
 */
export function stampOf(stats: BigIntStats): string {
  words[0] = stats.size;
  words[1] = stats.mtimeNs;
  words[2] = stats.ctimeNs;
  words[3] = stats.ino;
  words[4] = stats.dev;
  return bytes.toString('latin1');
}

/**
 * Whether a file, read at `readAtMs` (since 1970) or later, was changed so shortly before that another change could
 * still get the same ctime. Git calls such an entry racily clean, and looks again at the content.
 */
export function isRacy(stats: BigIntStats | Stats, readAtMs: number): boolean {
  const isWhole = 'ctimeNs' in stats ? stats.ctimeNs % NS_PER_S === 0n : stats.ctimeMs % 1000 === 0;
  const clockMs = isWhole ? COARSE_CLOCK_MS : FINE_CLOCK_MS;
  return readAtMs - Number(stats.ctimeMs) < clockMs;
}

/** Whole seconds since 1970, rounded down, within what SFTP can say. */
export function mtimeOf(stats: BigIntStats | Stats): number {
  return Math.min(Math.max(Math.floor(Number(stats.mtimeMs) / 1000), 0), LAST_MTIME);
}

/** The permission bits. */
export function modeOf(stats: BigIntStats | Stats): number {
  return Number(stats.mode) & 0o777;
}
