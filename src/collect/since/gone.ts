/**
 * nameGone: what is gone, by name. The marks of a folder tell that something of it is, and a part of what its name was; the names that
 * were known there tell the rest.
 */
import { lstatSync } from 'node:fs';
import { placesOf } from '../../core/places.js';
import { isWithin, type RelPath } from '../../core/relpath.js';
import { mayBeLost } from '../../core/shrink.js';
import { countAt, namesIn, type SortedPaths, sortedPaths } from '../../core/sorted-paths.js';
import { pathUnder, type Root } from '../../core/touched.js';
import { codeOf, isSystemError } from '../../system-error.js';
import { markOf, nameIn } from '../marks.js';
import type { Gone } from '../sweep.js';

/** What is not there any more. */
export interface Went {
  /** Absolute. */
  readonly places: readonly string[];
  /** How many of the known files lay there, in all trees. */
  readonly files: number;
}

/** A tree in which something is gone. */
export interface Tree extends Root {
  /** How many files it had; undefined where it may lose as many as it likes. */
  readonly had?: number | undefined;
}

/**
 * `known` are the published paths of what lay in `trees`, and `noted` absolute places that are known beside them. Undefined where
 * none of them tells what is gone, where the system does not say that it is, and where a tree has lost so much that it may be lost.
 */
export function nameGone(
  gone: readonly Gone[],
  trees: readonly Tree[],
  known: SortedPaths,
  noted: readonly string[],
): Went | undefined {
  const places = new Set<string>();
  const lost = trees.map(() => new Set<RelPath>());
  const beside = sortedPaths(noted);
  for (const { folder, names } of gone) {
    // Of one that is gone itself, the folder that it lay in tells; and what is noted stands for all below it.
    if (isGone(folder) || noted.some((place) => isWithin(folder, place))) continue;
    const wanted = new Set(names);
    const found = new Map<string, number>();
    const isOne = (name: string): boolean => {
      const said = nameIn(markOf(name, undefined));
      if (!wanted.has(said) || !(found.has(name) || isGone(`${folder}/${name}`))) return false;
      found.set(name, said);
      return true;
    };
    for (const [at, tree] of trees.entries()) {
      const path = pathUnder(tree, folder);
      if (path === undefined) continue;
      for (const name of namesIn(known, path))
        if (isOne(name)) lost[at]?.add((path === '' ? name : `${path}/${name}`) as RelPath);
    }
    for (const name of namesIn(beside, folder)) isOne(name);
    if (!areNamed(names, found.values())) return undefined;
    for (const name of found.keys()) places.add(`${folder}/${name}`);
  }
  const counts = lost.map((paths) => placesOf(paths).reduce((sum, path) => sum + countAt(known, path), 0));
  if (trees.some(({ had }, at) => had !== undefined && mayBeLost(counts[at] ?? 0, had))) return undefined;
  return { places: [...places], files: counts.reduce((sum, count) => sum + count, 0) };
}

/** Whether there is one that was found for each that is gone: two names may be the same in a mark. */
function areNamed(gone: readonly number[], found: Iterable<number>): boolean {
  const times = new Map<number, number>();
  for (const name of found) times.set(name, (times.get(name) ?? 0) + 1);
  return gone.every((name) => {
    const left = (times.get(name) ?? 0) - 1;
    times.set(name, left);
    return left >= 0;
  });
}

/** Not so where the system says no more than that it cannot look, as where something that is no folder is in the way. */
export function isGone(place: string): boolean {
  try {
    lstatSync(place); // not `throwIfNoEntry`: a newer Node answers undefined for ENOTDIR as well
    return false;
  } catch (error) {
    if (isSystemError(error)) return codeOf(error) === 'ENOENT';
    throw error;
  }
}
