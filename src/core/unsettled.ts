/**
 * unsettled: whether a file is probably in the middle of being written, by what stat says of it and what is known of it.
 *
 * Who writes a file in several goes keeps it open meanwhile: so a file that was written a moment ago is left alone until
 * nobody has it open to write, or it has been quiet for a while, as one may stay open that nobody writes to any more. Where
 * nobody tells who has it open, what it looks like counts: who writes it in place empties it first. A whole file that was renamed
 * to its name, or written in one go, does not look like that, but where the latter made it shorter.
 */

const QUIET_MS = 500; // programs that write in several goes seldom pause for longer
const OPEN_QUIET_MS = 2000; // and those that do, or that wait for a busy machine, have it open
const COARSE_CLOCK_MS = 2000; // FAT
const FINE_CLOCK_MS = 50; // file systems take the kernel's tick, 10 ms at worst, and network ones round
const MOST_AHEAD_MS = 2000; // of another clock; what is further ahead was dated by hand

/** What stat says. Bytes, and milliseconds since 1970; 0 for a time of birth that the file system does not keep. */
export interface Sight {
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly birthtimeMs: number;
  readonly ino: number;
}

export interface Past {
  /** Its size in bytes when it was last taken; 0 if it never was, and infinite if that is not known. */
  readonly size: number;
  /** The file there that was unsettled, or seen to change, a moment ago. */
  readonly suspect?: Identity | undefined;
  /** Whether a program has it open to write; undefined where that cannot be told. Asked only of what was just written. */
  readonly isOpen?: (() => boolean | undefined) | undefined;
}

/** What a file keeps while it is written. An inode is given to another file as soon as it is free. */
export type Identity = Pick<Sight, 'ino' | 'birthtimeMs'>;

/** For how many milliseconds it is to be left alone from now on, if nothing more happens to it; 0: it may be taken. */
export function unsettledFor(seen: Sight, past: Past, nowMs: number): number {
  const { size, mtimeMs, ctimeMs } = seen;
  if (mtimeMs - nowMs > MOST_AHEAD_MS) return 0;
  const quietMs = nowMs - mtimeMs - clockMs(ctimeMs);
  if (quietMs >= OPEN_QUIET_MS) return 0;
  const left = Math.ceil(QUIET_MS - quietMs);
  if (left > 0 && size === 0) return left; // also where its writer opens it anew each time
  const isOpen = past.isOpen?.();
  if (isOpen === true) return left > 0 ? left : Math.ceil(Math.min(QUIET_MS, OPEN_QUIET_MS - quietMs));
  const looksSo = isSame(seen, past.suspect) || (size < past.size && isWrittenInPlace(seen));
  return left > 0 && (isOpen ?? looksSo) ? left : 0;
}

/** Whether a file of this mtime, in whole seconds, is settled whatever else is known of it. */
export function isLongQuiet(mtime: number, nowMs: number): boolean {
  return nowMs - mtime * 1000 > 1000 + OPEN_QUIET_MS + COARSE_CLOCK_MS;
}

/** How fine the clock of the file system is, by one of its times. */
export function clockMs(ctimeMs: number): number {
  return ctimeMs % 1000 === 0 ? COARSE_CLOCK_MS : FINE_CLOCK_MS;
}

function isSame({ ino, birthtimeMs }: Identity, other: Identity | undefined): boolean {
  return ino === other?.ino && birthtimeMs === other.birthtimeMs;
}

/** What is to be renamed over another file is born shortly before it is written. */
function isWrittenInPlace({ mtimeMs, birthtimeMs }: Sight): boolean {
  return mtimeMs - birthtimeMs > QUIET_MS;
}
