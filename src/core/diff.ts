/**
 * diff: what must change on a target so that it holds what is wanted. A merge-join of two sorted tables, of which nothing is made but
 * what is different.
 *
 * Content decides, never the time: a file that was only touched is no change, and keeps its published mtime.
 */
import { type Entry, identityOf, sameContent, sortEntries } from './entry.js';
import { comparePaths, type RelPath } from './relpath.js';
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
  const modes = new Map<RelPath, number>();
  const [have, want] = [index.entries.cursor(), wanted.entries.cursor()];
  let [isHeld, isWanted] = [have.next(), want.next()];
  for (let at = 0; isHeld || isWanted; at++) {
    if (isStop(at)) yield;
    const isSame = isHeld && isWanted && have.isAs(want);
    const order = isSame ? 0 : isHeld && isWanted ? comparePaths(have.path, want.path) : isHeld ? -1 : 1;
    if (order > 0) changes.push(added(want.entry()));
    else if (order < 0 && !isUnknown(have.path)) changes.push({ kind: 'removed', path: have.path, old: have.entry() });
    else if (order === 0 && !isSame) {
      const change = compare(have.entry(), want.entry());
      if (change !== undefined) changes.push(change);
      if (change?.kind === 'mode') modes.set(change.path, change.entry.mode);
    }
    if (order <= 0) isHeld = have.next();
    if (order >= 0) isWanted = want.next();
  }
  const found = changes.length;
  let seen = 0;
  for (const path of index.pending.keys()) {
    if (isStop(seen++)) yield;
    if (wanted.entries.find(path) === undefined && !isUnknown(path))
      changes.push({ kind: 'removed', path, old: undefined });
  }
  return apart(changes.length === found ? changes : sortEntries(changes), modes, index);
}

/** How many there are of each kind. */
export function* tallying(changes: readonly Change[]): Work<Record<Change['kind'], number>> {
  const tally = { added: 0, modified: 0, mode: 0, removed: 0 };
  for (const [at, { kind }] of changes.entries()) {
    if (isStop(at)) yield;
    tally[kind]++;
  }
  return tally;
}

function added(entry: Entry): Change {
  return { kind: 'added', path: entry.path, entry };
}

/** They are of one path. Nothing but their times may be different. */
function compare(have: Entry, entry: Entry): Change | undefined {
  const { path, mode } = entry;
  if (!sameContent(have, entry)) return { kind: 'modified', path, entry, old: have };
  return have.mode === mode
    ? undefined
    : { kind: 'mode', path, entry: { ...have, mode }, old: have, where: 'in place' };
}

/**
 * The names of one file have the same content, time and mode, and get another mode all together or each in a file of its own. `modes`
 * are those that paths get among the changes.
 */
function apart(changes: Change[], modes: ReadonlyMap<RelPath, number>, { entries }: TargetIndex): Change[] {
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

function unknownIn(snapshot: Snapshot): (path: RelPath) => boolean {
  const unknown = new Set<string>(snapshot.problems.map((problem) => problem.path));
  return (path) => isCovered(path, unknown);
}
