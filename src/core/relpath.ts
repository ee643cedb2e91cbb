/**
 * RelPath: the one kind of path that travels through the program, and the only place that decides what it may be.
 *
 * A RelPath is relative, POSIX (`/` between components), well-formed Unicode, and cannot climb: it has no empty,
 * `.` or `..` component, no NUL and no backslash (Django's storages turn one into `/`, so such a name means two
 * different files to two programs). At most 4,096 bytes as UTF-8, PATH_MAX of Linux.
 */

declare const brand: unique symbol;

export type RelPath = string & { readonly [brand]: 'RelPath' };

const MAX_BYTES = 4096; // PATH_MAX

/** Where pushstatic keeps its own things on a target. Nothing is ever published at or below it. */
export const CONTROL = '.pushstatic' as RelPath;

/** In it, what is not published yet. */
export const STAGE = '.pushstatic/stage' as RelPath;

/** The path, or undefined if `text` may not be one. */
export function parseRelPath(text: string): RelPath | undefined {
  return faultOf(text) === undefined ? (text as RelPath) : undefined;
}

/** Why `text` may not be a RelPath, as the end of a sentence; undefined if it may. */
export function faultOf(text: string): string | undefined {
  if (isSurelyFine(text)) return undefined;
  if (text === '') return 'the name is empty';
  if (text.includes('\0')) return 'the name contains a NUL byte';
  if (text.includes('\\')) return 'the name contains a backslash, which Django and some servers read as a slash';
  if (!text.isWellFormed()) return 'the name is not valid Unicode';
  if (Buffer.byteLength(text) > MAX_BYTES) return `the path is longer than ${MAX_BYTES} bytes`;
  for (const component of text.split('/')) {
    if (component === '' || component === '.' || component === '..') return 'the path is not a plain relative path';
  }
  return undefined;
}

const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const DOT = 0x2e;
const FIRST_NOT_ASCII = 0x80;

/** Code points that some file systems leave out where they compare names. */
const UNSEEN = /\p{Default_Ignorable_Code_Point}/gu;

/** True for nearly all names there are, in one way over them: an index may hold a million. False decides nothing. */
function isSurelyFine(text: string): boolean {
  if (text.length > MAX_BYTES) return false;
  let dots = 0;
  let length = 0; // of the component so far, of which `dots` are dots
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= FIRST_NOT_ASCII || unit === 0 || unit === BACKSLASH) return false;
    if (unit === SLASH) {
      if (length <= 2 && length === dots) return false;
      length = 0;
      dots = 0;
    } else {
      length++;
      if (unit === DOT) dots++;
    }
  }
  return length > 2 || length !== dots;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= FIRST_NOT_ASCII) return false;
  return true;
}

/** `folder` and `name` joined; `folder` undefined stands for the root. `name` must be a RelPath itself. */
export function join(folder: RelPath | undefined, name: RelPath): RelPath {
  return (folder === undefined ? name : `${folder}/${name}`) as RelPath;
}

/** The folder that holds `path`; undefined for the root. */
export function parentOf(path: RelPath): RelPath | undefined {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? undefined : (path.slice(0, slash) as RelPath);
}

/** The last component of `path`. */
export function nameOf(path: RelPath): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Whether a folder above `path` is among `places`. Nothing is made for it: it is asked for every file. */
export function isBelowOneOf(path: string, places: ReadonlySet<string>): boolean {
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
    if (places.has(path.slice(0, at))) return true;
  }
  return false;
}

/** All folders above `path`, outermost first. */
export function ancestorsOf(path: RelPath): RelPath[] {
  const found: RelPath[] = [];
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) found.push(path.slice(0, at) as RelPath);
  return found;
}

/** Whether `path` is `folder` itself or lies below it. */
export function isWithin(path: string, folder: string): boolean {
  return path.startsWith(folder) && (path.length === folder.length || path[folder.length] === '/');
}

/**
 * Equal for two paths that some file system takes for one: by case (macOS, Windows, casefold of ext4), by composition (macOS), or
 * by what is not seen. One rule for all of them, so it makes equal a little more than each of them does.
 */
export function foldedPath(path: string): string {
  if (isAscii(path)) return path.toLowerCase();
  const seen = path.normalize('NFD').replaceAll(UNSEEN, '');
  // Lower and then upper case: of three ways to write a sigma or a double s it makes one. Again, for that leaves what it came from.
  return seen.toLowerCase().toUpperCase().normalize('NFC').toLowerCase();
}

/** Whether `path` lies in the control area, or would on a target that folds names. */
export function isControl(path: string): boolean {
  const first = path.charCodeAt(0);
  if (first !== DOT && first < FIRST_NOT_ASCII) return false; // nearly all of them
  const slash = path.indexOf('/');
  return foldedPath(slash < 0 ? path : path.slice(0, slash)) === CONTROL;
}

/** The order of paths everywhere: by UTF-16 code unit, which is what `<` does. Negative, zero or positive. */
export function comparePaths(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
