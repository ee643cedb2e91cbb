/**
 * reservedFolder: the folders that are nobody's to publish into, since what lies in them belongs to a system or to a person.
 * What lies in them may well be a place to publish to.
 */

/**
 * Of the Filesystem Hierarchy Standard 3.0 (chapter 3), of Linux, and of macOS. Left out is what may be all that a server shows of
 * itself, or a volume: `srv`, `opt`, `media`, `mnt` and `tmp`.
 */
const SYSTEM = new Set(
  (
    'bin boot dev etc home lib lib32 lib64 libx32 proc run sbin sys usr var ' +
    'Applications Library System Users Volumes private'
  ).split(' '),
);

/** What a path without `.`, `..` and a slash at its end names, in words; undefined for any other place, and for one that is relative. */
export function reservedFolder(path: string): string | undefined {
  if (!path.startsWith('/')) return undefined;
  const [first = '', ...rest] = path.split('/').slice(1);
  if (first === '') return 'the root of the file system';
  if (rest.length === 0 && SYSTEM.has(first)) return 'a folder of the system';
  const isHome = rest.length === 0 ? first === 'root' : rest.length === 1 && ['home', 'Users'].includes(first);
  return isHome ? 'a home folder' : undefined;
}
