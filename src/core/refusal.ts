/**
 * Refusal: why a file system under a target does not take something, as the end of a sentence: with what is known of it, and what to
 * do. The same words for every target.
 */

const MOST_PATH_BYTES = 4095; // PATH_MAX of Linux, less the NUL that ends it
const MOST_NAME_BYTES = 255; // of nearly all file systems
const SHOWN = 60; // characters at each end
const STICKY = 0o1000;

const OF_ITSELF: ReadonlySet<string> = new Set(['list', 'read', 'write', 'change the mode of']);

/** Whether the modes of the file or folder itself say if that may be done, where it is there; else those of the folder that holds it. */
export function dependsOnItself(verb: string): boolean {
  return OF_ITSELF.has(verb);
}

/** How full a file system is. `freeFiles`: inodes; undefined where there is no such limit. */
export interface Room {
  readonly freeBytes: number;
  readonly freeFiles: number | undefined;
}

/** What may not be written to, or looked into. `owner` is a number; undefined where that is not told. */
export interface Closed {
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  readonly path: string;
  readonly owner: number | undefined;
  readonly mode: number;
}

/** `at` is the whole path there; `mostNameBytes` is what its file system says, if it does. */
export function whyBadName(at: string, mostNameBytes = MOST_NAME_BYTES): string {
  const bytes = Buffer.byteLength(at);
  const longest = Math.max(...at.split('/').map((name) => Buffer.byteLength(name)));
  return `${whyLong(bytes, longest, mostNameBytes)}; rename the file or its folders, or exclude it from this target`;
}

export function whyNoSpace(room: Room, place: 'the server' | 'the disk'): string {
  if (room.freeFiles === 0)
    return `no inode is free on ${place}, so that it takes no more files (${room.freeBytes} bytes are free); remove files there`;
  return `no space left on ${place} (${roomOf(room)}); make room there`;
}

/** '3 bytes and 4 inodes are free'. */
export function roomOf({ freeBytes, freeFiles }: Room): string {
  return freeFiles === undefined
    ? `${freeBytes} bytes are free`
    : `${freeBytes} bytes and ${freeFiles} inodes are free`;
}

/** `account`: who was refused, where that is known. */
export function whyDenied({ kind, path, owner, mode }: Closed, account?: number): string {
  const what = kind === 'folder' ? `the folder ${path}` : path;
  const whose = owner === undefined ? 'has' : `belongs to user ${owner} and has`;
  const sticky = kind === 'folder' && (mode & STICKY) !== 0 ? ', where only the owner of a file may replace it' : '';
  const who = account === undefined ? 'the account of this target' : `user ${account}, who runs this`;
  const giving = owner !== undefined && owner === account ? '' : `give it to ${who}, or `;
  return `permission denied: ${what} ${whose} mode ${octal(mode)}${sticky}; ${giving}change its mode`;
}

export const OTHER_DEVICE =
  'it lies on another file system than the control area, out of which files are renamed into place; ' +
  'set "control" to a folder on that file system, such as one inside the target, or exclude what is mounted there';

/** A path for a message: of one that is too long for a line, its two ends. */
export function shortened(at: string): string {
  return at.length <= 4 * SHOWN ? at : `${at.slice(0, SHOWN)}…${at.slice(-SHOWN)}`;
}

function whyLong(bytes: number, longest: number, most: number): string {
  if (longest > most) return `a name in it has ${longest} bytes, and ${most} are the most on that file system`;
  if (bytes > MOST_PATH_BYTES) return `the whole path has ${bytes} bytes there, and ${MOST_PATH_BYTES} are the most`;
  return `the file system there takes no such name (the path has ${bytes} bytes, the longest name in it ${longest})`;
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
