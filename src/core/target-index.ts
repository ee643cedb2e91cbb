/**
 * TargetIndex: what a target is known to hold.
 *
 * A path is in `entries` when its content is certain, in `pending` when a run announced that it would change it and
 * has not said how that ended, and in neither when nothing of ours lies there. So the index never claims content that
 * the target may not hold.
 */
import type { Entry } from './entry.js';
import { type EntryChanges, EntryTable } from './entry-table.js';
import type { RelPath } from './relpath.js';
import { atOnce, isStop, type Work } from './work.js';

export interface TargetIndex {
  /** Which project the target belongs to. */
  readonly site: string;
  /** Grows by one with each commit; 0 before the first. */
  readonly generation: number;
  /** None of them in `pending`. */
  readonly entries: EntryTable;
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
export type Truths = EntryChanges;

/** What a look at the target told of one path: a plain file's figures, or undefined where no file lies. */
export type Observed = { readonly size: number; readonly mtime: number; readonly mode: number } | undefined;

export function emptyIndex(site: string): TargetIndex {
  return { site, generation: 0, entries: EntryTable.EMPTY, pending: new Map() };
}

/** The index after each path of `announced` was marked to become its entry, or no file. */
export function withPending(index: TargetIndex, announced: Truths): TargetIndex {
  const pending = new Map(index.pending);
  for (const [path, after] of announced) {
    const before = index.entries.find(path);
    const candidates = before === undefined ? pending.get(path)?.candidates : [before];
    pending.set(path, pendingOf(path, candidates, after));
  }
  return { ...index, entries: index.entries.without(announced.keys()), pending };
}

/**
 * The index after a push: `truths` became known, and of what was `announced` the rest is pending. As withPending and
 * then withTruths would have it, without making a Pending for each of a hundred thousand paths that end well.
 */
export function* afterPush(index: TargetIndex, announced: Truths, truths: Truths): Work<TargetIndex> {
  const open = new Map<RelPath, Entry | undefined>();
  let at = 0;
  for (const [path, after] of announced) {
    if (isStop(at++)) yield;
    if (!truths.has(path)) open.set(path, after);
  }
  return yield* learning(open.size === 0 ? index : withPending(index, open), truths);
}

/** `path` after one more announcement: what it may have held, and what it shall become, each content once. */
export function pendingOf(path: RelPath, may: readonly Entry[] = [], after: Entry | undefined): Pending {
  const isNew = after !== undefined && !may.some((entry) => isSame(entry, after));
  return { path, candidates: isNew ? [...may, after] : may };
}

/**
 * `index`, in which what is still to be changed of the `recorded` pending paths is pending again, whatever a look told of them: if
 * the change fails, the target is still known to lack it.
 */
export function withUnsettled(
  index: TargetIndex,
  recorded: TargetIndex['pending'],
  changes: Iterable<{ readonly path: RelPath }>,
): TargetIndex {
  if (recorded.size === 0) return index;
  const pending = new Map(index.pending);
  for (const { path } of changes) {
    const before = recorded.get(path);
    if (before !== undefined) pending.set(path, before);
  }
  return { ...index, entries: index.entries.without(pending.keys()), pending };
}

/** The index after the truth about some paths became known: they are pending no longer. */
export function withTruths(index: TargetIndex, truths: Truths): TargetIndex {
  return atOnce(learning(index, truths));
}

function* learning(index: TargetIndex, truths: Truths): Work<TargetIndex> {
  if (truths.size === 0) return index;
  const pending = new Map([...index.pending].filter(([path]) => !truths.has(path)));
  return { ...index, entries: yield* index.entries.changing(truths), pending };
}

/**
 * What a look at the target says about pending paths. A file is published by one rename of a complete copy, so size
 * and mtime tell which of the candidates it is, unless two different ones share them; and one of another size than all
 * of them is somebody else's. The paths that stay undecided are missing from the answer, and so remain pending.
 */
export function settlePending(pending: Iterable<Pending>, look: (path: RelPath) => Observed): Truths {
  const truths = new Map<RelPath, Entry | undefined>();
  for (const { path, candidates } of pending) {
    const observed = look(path);
    if (observed === undefined || candidates.every(({ size }) => size !== observed.size)) {
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

function isSame(a: Entry, b: Entry): boolean {
  return fits(a, b) && a.mode === b.mode && a.digest === b.digest;
}

function fits(entry: Entry, observed: { size: number; mtime: number }): boolean {
  return entry.size === observed.size && entry.mtime === observed.mtime;
}
