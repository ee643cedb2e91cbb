/**
 * holdsSameNames: whether STATIC_ROOT, looked at later than it was marked, holds the names that it held then.
 *
 * Another content has another mark, and the next run sees that. What came and went again, or went and came back, leaves none: a
 * target that got it as it was in between does not hold what was marked. So it is with a folder in the place of another one.
 */
import type { Marks } from '../../core/marks-codec.js';
import { isCovered } from '../../core/resolve.js';
import type { Snapshot } from '../../core/snapshot.js';
import { holdMark, markOf, nameIn, seenAt } from '../marks.js';

/** `touched` are absolute places that are known to be otherwise than they were marked, with what lies below them. */
export function holdsSameNames(
  root: string,
  marks: Marks,
  touched: readonly string[],
  { entries }: Pick<Snapshot, 'entries'>,
): boolean {
  const found = namesOf(
    Array.from(entries, ({ path }) => `${root}/${path}`),
    root,
  );
  const excused = namesOf(touched, root);
  const places: ReadonlySet<string> = new Set(touched);
  if (!areSameFolders(root, marks, places)) return false;
  for (const [folder, names] of found) {
    if (isCovered(folder, places)) continue;
    const known = new Set(Array.from(marks.get(folder) ?? [], nameIn));
    for (const name of names) if (!known.has(name) && excused.get(folder)?.has(name) !== true) return false;
  }
  for (const [folder, all] of marks) {
    const names = found.get(folder);
    for (const mark of all) {
      const name = nameIn(mark);
      if (names?.has(name) !== true && excused.get(folder)?.has(name) !== true) return false;
    }
  }
  return true;
}

/** Whether each folder that was marked, and lies in none of `places`, has the mark that it had. */
function areSameFolders(root: string, marks: Marks, places: ReadonlySet<string>): boolean {
  for (const folder of marks.keys()) {
    if (folder === root || places.has(folder) || isCovered(folder, places)) continue;
    const at = folder.lastIndexOf('/');
    const { stats, behind } = seenAt(folder);
    if (stats === undefined && behind === undefined) continue; // then its name is not found
    const before = marks.get(folder.slice(0, at));
    if (before === undefined || !holdMark(before, markOf(folder.slice(at + 1), stats, behind))) return false;
  }
  return true;
}

/** By folder, what marks say of the names in it: of all `places` below `root`, and of the folders that lead there. */
function namesOf(places: Iterable<string>, root: string): Map<string, Set<number>> {
  const names = new Map<string, Set<number>>();
  for (let place of places) {
    while (place.startsWith(`${root}/`)) {
      const at = place.lastIndexOf('/');
      const folder = place.slice(0, at);
      const name = nameIn(markOf(place.slice(at + 1), undefined));
      const known = names.get(folder);
      if (known?.has(name) === true) break; // and so is what lies above
      if (known === undefined) names.set(folder, new Set([name]));
      else known.add(name);
      place = folder;
    }
  }
  return names;
}
