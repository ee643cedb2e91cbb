/**
 * diff: what must change on a target so that it holds what is wanted. A merge-join of two sorted lists.
 *
 * Content decides, never the time: a file that was only touched is no change, and keeps its published mtime.
 */
import { type Entry, sameContent } from './entry.js';
import type { RelPath } from './relpath.js';
import { isCovered } from './resolve.js';
import type { Snapshot } from './snapshot.js';
import type { TargetIndex } from './target-index.js';
import { atOnce, isStop, type Work } from './work.js';

/**
 * `entry` is what the path shall hold, `old` what it is known to hold now. An added path may hold content of ours that
 * is uncertain after an interrupted run; it is sent again. A removed path without `old` is uncertain likewise.
 */
export type Change =
  | { readonly kind: 'added'; readonly path: RelPath; readonly entry: Entry }
  | { readonly kind: 'modified'; readonly path: RelPath; readonly entry: Entry; readonly old: Entry }
  /** `where`: in place, or in a file of its own, since this one may have a second name that keeps its mode. */
  | {
      readonly kind: 'mode';
      readonly path: RelPath;
      readonly entry: Entry;
      readonly old: Entry;
      readonly where: 'in place' | 'apart';
    }
  | { readonly kind: 'removed'; readonly path: RelPath; readonly old: Entry | undefined };

/**
 * The changes, sorted by path. A path that has a problem in `wanted`, or lies below one, is in an unknown state there:
 * it is never removed because of that.
 */
export function diff(index: TargetIndex, wanted: Snapshot): Change[] {
  return atOnce(diffing(index, wanted));
}

/** As `diff`. */
export function* diffing(index: TargetIndex, wanted: Snapshot): Work<Change[]> {
  const isUnknown = unknownIn(wanted);
  const changes: Change[] = [];
  const held = heldIn(index);
  let at = 0;
  let have = next();
  for (const entry of wanted.entries) {
    if (isStop(at++)) yield;
    for (; have !== undefined && have.path < entry.path; have = next()) {
      if (isStop(at++)) yield;
      removal(have);
    }
    if (have?.path !== entry.path) changes.push({ kind: 'added', path: entry.path, entry });
    else {
      const change = compare(have.entry, entry);
      if (change !== undefined) changes.push(change);
      have = next();
    }
  }
  for (; have !== undefined; have = next()) {
    if (isStop(at++)) yield;
    removal(have);
  }
  return apart(changes, index);

  function next(): Held | undefined {
    return held.next().value ?? undefined;
  }

  function removal({ path, entry }: Held): void {
    if (!isUnknown(path)) changes.push({ kind: 'removed', path, old: entry });
  }
}

interface Held {
  readonly path: RelPath;
  /** Undefined while pending. */
  readonly entry: Entry | undefined;
}

function compare(have: Entry | undefined, entry: Entry): Change | undefined {
  if (have === undefined) return { kind: 'added', path: entry.path, entry };
  if (!sameContent(have, entry)) return { kind: 'modified', path: entry.path, entry, old: have };
  if (have.mode === entry.mode) return undefined;
  return { kind: 'mode', path: entry.path, entry: { ...have, mode: entry.mode }, old: have, where: 'in place' };
}

/** The names of one file have the same content, time and mode, and get another mode all together or each in a file of its own. */
function apart(changes: Change[], { entries }: TargetIndex): Change[] {
  const modes = new Map<RelPath, number>();
  for (const change of changes) if (change.kind === 'mode') modes.set(change.path, change.entry.mode);
  if (modes.size === 0) return changes;
  const wanted = new Map<string, number | undefined>();
  const divided = new Set<string>();
  for (const entry of entries) {
    const identity = identityOf(entry);
    const mode = modes.get(entry.path);
    if (wanted.has(identity) && wanted.get(identity) !== mode) divided.add(identity);
    wanted.set(identity, mode);
  }
  const isDivided = (change: Change): boolean => change.kind === 'mode' && divided.has(identityOf(change.old));
  return changes.map((change) => (isDivided(change) ? ({ ...change, where: 'apart' } as Change) : change));
}

function identityOf({ digest, mtime, mode }: Entry): string {
  return `${digest} ${mtime} ${mode}`;
}

/** All that an index knows of, sorted by path. */
function* heldIn(index: TargetIndex): Generator<Held, void> {
  const pending = [...index.pending.keys()].sort();
  let at = 0;
  for (const entry of index.entries) {
    for (let path = pending[at]; path !== undefined && path < entry.path; path = pending[++at])
      yield { path, entry: undefined };
    yield { path: entry.path, entry };
  }
  for (const path of pending.slice(at)) yield { path, entry: undefined };
}

function unknownIn(snapshot: Snapshot): (path: RelPath) => boolean {
  const unknown = new Set<string>(snapshot.problems.map((problem) => problem.path));
  return (path) => isCovered(path, unknown);
}
