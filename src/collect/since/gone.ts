/**
 * nameGone: what is gone, by name. The marks of a folder tell that something of it is, and a part of what its name was; the names that
 * were known there tell the rest.
 */
import { lstatSync } from 'node:fs';
import { placesOf } from '../../core/places.js';
import { isWithin, type RelPath } from '../../core/relpath.js';
import { countAt, namesIn, type SortedPaths, sortedPaths } from '../../core/sorted-paths.js';
import type { Root } from '../../core/touched.js';
import { isSystemError } from '../../system-error.js';
import { markOf, nameIn } from '../marks.js';
import type { Gone } from '../sweep.js';

/** What is not there any more. */
export interface Went {
  /** Absolute. */
  readonly places: readonly string[];
  /** How many of the known files lay there. */
  readonly files: number;
}

/**
 * `known` are the published paths of what lay below `roots`, and `noted` absolute places that are known beside them. Undefined where
 * none of them tells what is gone, or the system does not say that it is.
 */
export function nameGone(
  gone: readonly Gone[],
  roots: readonly Root[],
  known: SortedPaths,
  noted: readonly string[],
): Went | undefined {
  const places = new Set<string>();
  const paths = new Set<RelPath>();
  const beside = sortedPaths(noted);
  for (const { folder, names } of gone) {
    // Of one that is gone itself, the folder that it lay in tells; and what is noted stands for all below it.
    if (isGone(folder) || noted.some((place) => isWithin(folder, place))) continue;
    const wanted = new Set(names);
    const left = new Set(names);
    const isOne = (name: string): boolean => {
      const said = nameIn(markOf(name, undefined));
      if (!wanted.has(said) || !isGone(`${folder}/${name}`)) return false;
      left.delete(said);
      places.add(`${folder}/${name}`);
      return true;
    };
    for (const root of roots) {
      const path = pathOf(folder, root);
      if (path === undefined) continue;
      for (const name of namesIn(known, path))
        if (isOne(name)) paths.add((path === '' ? name : `${path}/${name}`) as RelPath);
    }
    for (const name of namesIn(beside, folder)) isOne(name);
    if (left.size > 0) return undefined;
  }
  const files = placesOf(paths).reduce((sum, path) => sum + countAt(known, path), 0);
  return { places: [...places], files };
}

/** Under which path what lies in the absolute `folder` is published; undefined outside of the root. */
function pathOf(folder: string, { path, prefix }: Root): string | undefined {
  if (!isWithin(folder, path)) return undefined;
  const below = folder.slice(path.length + 1);
  return prefix === '' || below === '' ? `${prefix}${below}` : `${prefix}/${below}`;
}

/** Not so where the system says no more than that it cannot look. */
export function isGone(place: string): boolean {
  try {
    return lstatSync(place, { throwIfNoEntry: false }) === undefined;
  } catch (error) {
    if (isSystemError(error)) return false;
    throw error;
  }
}
