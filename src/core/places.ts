/**
 * Places: the parts of a tree that are in doubt. A place stands for whatever lies at or below it.
 *
 * What is listed by place fits in with what is known of the rest: entries are cut out and put in by place, and the whole
 * stays sorted.
 */
import type { Problem } from '../errors.js';
import { type Entry } from './entry.js';
import { EntryTable } from './entry-table.js';
import { comparePaths, isBelowOneOf, isWithin, type RelPath } from './relpath.js';
import type { Snapshot } from './snapshot.js';
import type { TargetIndex } from './target-index.js';

/** Sorted, and none lies within another one. */
export type Places = readonly RelPath[];

export function placesOf(paths: Iterable<RelPath>): Places {
  const sorted = [...new Set(paths)].sort(comparePaths);
  const all: ReadonlySet<string> = new Set(sorted);
  return sorted.filter((path) => !isBelowOneOf(path, all));
}

/** Whether `path` lies at or below one of `places`. */
export function covers(places: Places, path: string): boolean {
  return places.some((place) => isWithin(path, place));
}

/** Whether `path` lies at, below or above one of `places`. */
export function touches(places: Places, path: string): boolean {
  return places.some((place) => isWithin(path, place) || isWithin(place, path));
}

/** What `snapshot` says of `places`. */
export function partOf(snapshot: Snapshot, places: Places): Snapshot {
  const problems = snapshot.problems.filter(({ path }) => path === '' || touches(places, path));
  return { entries: EntryTable.listing(snapshot.entries.in(places)), problems };
}

/** What `index` says of `places`. */
export function indexPartOf(index: TargetIndex, places: Places): TargetIndex {
  const pending = new Map([...index.pending].filter(([path]) => covers(places, path)));
  return { ...index, entries: EntryTable.of(index.entries.in(places)), pending };
}

/** `snapshot` with `fresh` for all that it held in `places`. */
export function replaceIn(snapshot: Snapshot, places: Places, fresh: Snapshot): Snapshot {
  const changes = new Map<RelPath, Entry | undefined>();
  for (const { path } of snapshot.entries.in(places)) changes.set(path, undefined);
  for (const entry of fresh.entries) changes.set(entry.path, entry);
  const problems = snapshot.problems.filter(({ path }) => !covers(places, path));
  return { entries: snapshot.entries.with(changes), problems: mergeProblems(problems, fresh.problems) };
}

/** A problem may stand above the places, and then it is told again each time. */
function mergeProblems(kept: readonly Problem[], fresh: readonly Problem[]): Problem[] {
  const paths = new Set(fresh.map(({ path }) => path));
  return [...kept.filter(({ path }) => !paths.has(path)), ...fresh];
}
