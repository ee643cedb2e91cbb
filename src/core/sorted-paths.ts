/**
 * Sorted paths: what is asked of a long list of them, by halving.
 */
import { firstNotBefore } from './halving.js';
import { comparePaths } from './relpath.js';

/** In the order of `comparePaths`, each once. */
export type SortedPaths = readonly string[];

export function sortedPaths(paths: Iterable<string>): SortedPaths {
  const all = [...paths];
  return all.every((path, at) => at === 0 || (all[at - 1] as string) < path)
    ? all
    : [...new Set(all)].sort(comparePaths);
}

/** The names in `folder` ('' for the root) of what `paths` say lies there, of folders too: each once, but for a path that others lie below. */
export function* namesIn(paths: SortedPaths, folder: string): Generator<string, void> {
  const above = folder === '' ? '' : `${folder}/`;
  const end = folder === '' ? paths.length : endOf(paths, folder);
  for (let at = firstFrom(paths, above); at < end; ) {
    const path = paths[at] as string;
    const slash = path.indexOf('/', above.length);
    yield path.slice(above.length, slash < 0 ? undefined : slash);
    at = slash < 0 ? at + 1 : endOf(paths, path.slice(0, slash));
  }
}

/** How many of them are `place`, or lie below it. */
export function countAt(paths: SortedPaths, place: string): number {
  const itself = paths[firstFrom(paths, place)] === place ? 1 : 0;
  return itself + endOf(paths, place) - firstFrom(paths, `${place}/`);
}

/** The position behind all that lies below `folder`: '0' is the character after '/'. */
function endOf(paths: SortedPaths, folder: string): number {
  return firstFrom(paths, `${folder}0`);
}

/** The position of the first that is not before `path`. */
function firstFrom(paths: SortedPaths, path: string): number {
  return firstNotBefore(paths.length, (at) => (paths[at] as string) < path);
}
