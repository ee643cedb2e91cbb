/**
 * Places: the parts of a tree that are in doubt. A place stands for whatever lies at or below it.
 *
 * What is listed by place fits in with what is known of the rest: entries are cut out and put in by place, and the whole
 * stays sorted.
 */
import type { Problem } from '../errors.js';
import { EntryTable } from './entry-table.js';
import { comparePaths, isBelowOneOf, isWithin, type RelPath } from './relpath.js';
import { type Entry, positionOf, type Snapshot } from './snapshot.js';
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

/** Those of `entries`, which are sorted as in a Snapshot, that lie in `places`; sorted. */
export function entriesIn(entries: readonly Entry[], places: Places): Entry[] {
  return rangesOf(entries, places).flatMap(({ from, to }) => entries.slice(from, to));
}

/** What `snapshot` says of `places`. */
export function partOf(snapshot: Snapshot, places: Places): Snapshot {
  const problems = snapshot.problems.filter(({ path }) => path === '' || touches(places, path));
  return { entries: entriesIn(snapshot.entries, places), problems };
}

/** What `index` says of `places`. */
export function indexPartOf(index: TargetIndex, places: Places): TargetIndex {
  const pending = new Map([...index.pending].filter(([path]) => covers(places, path)));
  return { ...index, entries: EntryTable.of(index.entries.in(places)), pending };
}

/** `snapshot` with `fresh` for all that it held in `places`. */
export function replaceIn(snapshot: Snapshot, places: Places, fresh: Snapshot): Snapshot {
  const pieces: (readonly Entry[])[] = [];
  let at = 0;
  for (const { from, to } of rangesOf(snapshot.entries, places)) {
    pieces.push(snapshot.entries.slice(at, from));
    at = to;
  }
  pieces.push(snapshot.entries.slice(at));
  const problems = snapshot.problems.filter(({ path }) => !covers(places, path));
  return { entries: insertInto(joined(pieces), fresh.entries), problems: mergeProblems(problems, fresh.problems) };
}

/** `entries` with `fresh` among them; both are sorted and have no path in common. */
export function insertInto(entries: readonly Entry[], fresh: readonly Entry[]): readonly Entry[] {
  if (fresh.length === 0) return entries;
  const pieces: (readonly Entry[])[] = [];
  let at = 0;
  for (const entry of fresh) {
    const next = positionOf(entries, entry.path);
    pieces.push(entries.slice(at, next), [entry]);
    at = next;
  }
  pieces.push(entries.slice(at));
  return joined(pieces);
}

/** One by one: `flat` takes twenty times as long for a hundred thousand. */
function joined(pieces: readonly (readonly Entry[])[]): Entry[] {
  const all: Entry[] = [];
  for (const piece of pieces) for (const entry of piece) all.push(entry);
  return all;
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** Where in `entries` the places lie, in order. Between `a` and what lies below it others may stand, such as `a-b`. */
function rangesOf(entries: readonly Entry[], places: Places): Range[] {
  const ranges = places.flatMap((place): Range[] => {
    const at = positionOf(entries, place);
    const itself = entries[at]?.path === place ? [{ from: at, to: at + 1 }] : [];
    // '0' is the character after '/'.
    return [...itself, { from: positionOf(entries, `${place}/`), to: positionOf(entries, `${place}0`) }];
  });
  return ranges.filter(({ from, to }) => from < to).sort((a, b) => a.from - b.from);
}

/** A problem may stand above the places, and then it is told again each time. */
function mergeProblems(kept: readonly Problem[], fresh: readonly Problem[]): Problem[] {
  const paths = new Set(fresh.map(({ path }) => path));
  return [...kept.filter(({ path }) => !paths.has(path)), ...fresh];
}
