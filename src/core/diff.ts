/**
 * diff: what must change on a target so that it holds what is wanted. A merge-join of two sorted tables, of which nothing is made but
 * what is different.
 *
 * Content decides, never the time: a file that was only touched is no change, and keeps its published mtime.
 */
import { type Entry, sameContent, sortEntries } from './entry.js';
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
  const [have, want] = [index.entries.cursor(), wanted.entries.cursor()];
  let [isHeld, isWanted] = [have.next(), want.next()];
  for (let at = 0; isHeld || isWanted; at++) {
    if (isStop(at)) yield;
    const isSame = isHeld && isWanted && have.isAs(want);
    const order = isSame ? 0 : isHeld && isWanted ? comparePaths(have.path, want.path) : isHeld ? -1 : 1;
    if (order > 0) changes.push(added(want.entry()));
    else if (order < 0 && !isUnknown(have.path)) changes.push({ kind: 'removed', path: have.path, old: have.entry() });
    else if (order === 0 && !isSame) changes.push(...compare(have.entry(), want.entry()));
    if (order <= 0) isHeld = have.next();
    if (order >= 0) isWanted = want.next();
  }
  const lost = [...index.pending.keys()].filter((path) => wanted.entries.find(path) === undefined && !isUnknown(path));
  for (const path of lost) changes.push({ kind: 'removed', path, old: undefined });
  return apart(lost.length === 0 ? changes : sortEntries(changes), index);
}

function added(entry: Entry): Change {
  return { kind: 'added', path: entry.path, entry };
}

/** They are of one path. Nothing but their times may be different. */
function compare(have: Entry, entry: Entry): Change[] {
  if (!sameContent(have, entry)) return [{ kind: 'modified', path: entry.path, entry, old: have }];
  if (have.mode === entry.mode) return [];
  return [{ kind: 'mode', path: entry.path, entry: { ...have, mode: entry.mode }, old: have, where: 'in place' }];
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

function unknownIn(snapshot: Snapshot): (path: RelPath) => boolean {
  const unknown = new Set<string>(snapshot.problems.map((problem) => problem.path));
  return (path) => isCovered(path, unknown);
}
