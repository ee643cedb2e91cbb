/**
 * inTheWay: what must go before something else can be written: a path is a file or a folder, never both.
 */
import { ancestorsOf, type RelPath } from './relpath.js';

/** Those of `removed` that are a folder of a written path, or lie below one. `keyOf` is equal for paths that are one there. */
export function inTheWay(
  removed: readonly RelPath[],
  written: readonly RelPath[],
  keyOf: (path: RelPath) => string = (path) => path,
): Set<RelPath> {
  if (removed.length === 0 || written.length === 0) return new Set();
  const all = new Set(written.map(keyOf));
  const folders = new Set(written.flatMap(ancestorsOf).map(keyOf));
  const isFile = (folder: RelPath): boolean => all.has(keyOf(folder));
  return new Set(removed.filter((path) => folders.has(keyOf(path)) || ancestorsOf(path).some(isFile)));
}
