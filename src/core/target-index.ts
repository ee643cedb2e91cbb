/**
 * TargetIndex: what a target is known to hold.
 *
 * A path is in `entries` when its content is certain, in `pending` when a run announced that it would change it and
 * has not said how that ended, and in neither when nothing of ours lies there. So the index never claims content that
 * the target may not hold.
 */
import type { RelPath } from './relpath.js';
import { comparePaths } from './relpath.js';
import type { Entry } from './snapshot.js';

export interface TargetIndex {
  /** Which project the target belongs to. */
  readonly site: string;
  /** Grows by one with each commit; 0 before the first. */
  readonly generation: number;
  /** Sorted by path, each path once, none of them in `pending`. */
  readonly entries: readonly Entry[];
  readonly pending: ReadonlyMap<RelPath, Pending>;
}

/**
 * A path that may hold any of these contents, or nothing. A path that is announced again before it was settled may
 * hold what either announcement meant.
 */
export interface Pending {
  readonly path: RelPath;
  readonly candidates: readonly Entry[];
}

/** What is now certain of a path: its entry, or undefined for no file of ours. */
export type Truths = ReadonlyMap<RelPath, Entry | undefined>;

/** What a look at the target told of one path: a plain file's figures, or undefined where no file lies. */
export type Observed = { readonly size: number; readonly mtime: number; readonly mode: number } | undefined;

/** `index` as it is, with the strings of `known` wherever they say the same: two lists of the same paths are memory. */
export function sharingWith(index: TargetIndex, known: readonly Entry[]): TargetIndex {
  let at = 0;
  const entries = index.entries.map((entry) => {
    for (let each = known[at]; each !== undefined && each.path < entry.path; each = known[++at]);
    const same = known[at];
    if (same?.path !== entry.path || same.digest !== entry.digest) return entry;
    const isEqual = same.mtime === entry.mtime && same.mode === entry.mode && same.size === entry.size;
    return isEqual ? same : { ...entry, path: same.path, digest: same.digest };
  });
  return { ...index, entries };
}

export function emptyIndex(site: string): TargetIndex {
  return { site, generation: 0, entries: [], pending: new Map() };
}

/** Every path that may hold something of ours. */
export function pathsOf(index: TargetIndex): Set<RelPath> {
  return new Set([...index.entries.map((entry) => entry.path), ...index.pending.keys()]);
}

/** The index after each path of `announced` was marked to become its entry, or no file. */
export function withPending(index: TargetIndex, announced: Truths): TargetIndex {
  const pending = new Map(index.pending);
  const held = new Map<RelPath, Entry>();
  for (const entry of index.entries) if (announced.has(entry.path)) held.set(entry.path, entry);
  for (const [path, after] of announced) {
    const before = held.get(path);
    const candidates = before === undefined ? pending.get(path)?.candidates : [before];
    pending.set(path, pendingOf(path, candidates, after));
  }
  return { ...index, entries: index.entries.filter((entry) => !announced.has(entry.path)), pending };
}

/**
 * The index after a push: `truths` became known, and of what was `announced` the rest is pending. As withPending and
 * then withTruths would have it, without making a Pending for each of a hundred thousand paths that end well.
 */
export function afterPush(index: TargetIndex, announced: Truths, truths: Truths): TargetIndex {
  const open = new Map<RelPath, Entry | undefined>();
  for (const [path, after] of announced) if (!truths.has(path)) open.set(path, after);
  return withTruths(open.size === 0 ? index : withPending(index, open), truths);
}

/** `path` after one more announcement: what it may have held, and what it shall become. */
export function pendingOf(path: RelPath, may: readonly Entry[] | undefined, after: Entry | undefined): Pending {
  return { path, candidates: [...(may ?? []), ...(after === undefined ? [] : [after])] };
}

/** The index after the truth about some paths became known: they are pending no longer. */
export function withTruths(index: TargetIndex, truths: Truths): TargetIndex {
  if (truths.size === 0) return index;
  const kept = index.entries.filter((entry) => !truths.has(entry.path));
  const known = [...truths.values()]
    .filter((entry) => entry !== undefined)
    .sort((a, b) => comparePaths(a.path, b.path));
  const pending = new Map([...index.pending].filter(([path]) => !truths.has(path)));
  return { ...index, entries: mergeSorted(kept, known), pending };
}

/**
 * What a look at the target says about pending paths. A file is published by one rename of a complete copy, so size
 * and mtime tell which of the candidates it is, unless two different ones share them. The paths that stay undecided
 * are missing from the answer, and so remain pending.
 */
export function settlePending(pending: Iterable<Pending>, look: (path: RelPath) => Observed): Truths {
  const truths = new Map<RelPath, Entry | undefined>();
  for (const { path, candidates } of pending) {
    const observed = look(path);
    if (observed === undefined) {
      truths.set(path, undefined);
      continue;
    }
    const fitting = candidates.filter((entry) => fits(entry, observed));
    const [only] = fitting;
    if (only === undefined || fitting.some((each) => each.digest !== only.digest)) continue;
    truths.set(path, { ...only, mode: observed.mode });
  }
  return truths;
}

function fits(entry: Entry, observed: { size: number; mtime: number }): boolean {
  return entry.size === observed.size && entry.mtime === observed.mtime;
}

function mergeSorted(a: readonly Entry[], b: readonly Entry[]): Entry[] {
  const merged: Entry[] = [];
  let i = 0;
  for (const entry of b) {
    for (let next = a[i]; next !== undefined && next.path < entry.path; next = a[++i]) merged.push(next);
    merged.push(entry);
  }
  while (i < a.length) merged.push(a[i++] as Entry);
  return merged;
}
