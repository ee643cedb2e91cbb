/**
 * inTheWay: what must go before something else can be written: a path is a file or a folder, never both.
 */
import { ancestorsOf, type RelPath } from './relpath.js';

/** Those of `removed` that are a folder of a written path, or lie below one. */
export function inTheWay(removed: readonly RelPath[], written: readonly RelPath[]): Set<RelPath> {
  if (removed.length === 0 || written.length === 0) return new Set();
  const all = new Set(written);
  const folders = new Set(written.flatMap(ancestorsOf));
  return new Set(removed.filter((path) => folders.has(path) || ancestorsOf(path).some((folder) => all.has(folder))));
}
