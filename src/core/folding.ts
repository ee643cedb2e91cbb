/**
 * Folding: what a plan must heed on a target whose file system takes for one name what are two to us, such as `Logo.png` and
 * `logo.png`.
 *
 * Case and composition are not told apart here: who folds case is taken to fold composition as well, so that one look at the
 * target is enough.
 */
import { SafetyError } from '../errors.js';
import type { Change } from './diff.js';
import { ancestorsOf, foldedPath, parentOf, type RelPath } from './relpath.js';
import type { TargetIndex } from './target-index.js';

const NAMED = 3; // in the message

/** How a target takes names: by each of their characters, or as `foldedPath` does. */
export type Naming = 'exact' | 'folded';

/** Removed paths, each with the wanted one that is the same file there. */
export type Namesakes = ReadonlyMap<RelPath, RelPath>;

/** Throws a SafetyError where two of the paths that are wanted after `changes` of `index` are one on a target that folds names. */
export function namesakesOf(changes: readonly Change[], index: TargetIndex): Namesakes {
  const removed = changes.filter(({ kind }) => kind === 'removed').map(({ path }) => path);
  const wanted = requireDistinct(pathsAfter(changes, index, new Set(removed)));
  const namesakes = new Map<RelPath, RelPath>();
  for (const path of removed) {
    const wantedPath = wanted.get(foldedPath(path));
    if (wantedPath !== undefined) namesakes.set(path, wantedPath);
  }
  return namesakes;
}

function* pathsAfter(
  changes: readonly Change[],
  { entries, pending }: TargetIndex,
  removed: ReadonlySet<RelPath>,
): Generator<RelPath, void> {
  for (const { path } of entries) if (!removed.has(path)) yield path;
  for (const path of pending.keys()) if (!removed.has(path)) yield path;
  for (const { kind, path } of changes) if (kind === 'added') yield path; // a pending one comes once more
}

/** The paths by what they are folded. */
function requireDistinct(paths: Iterable<RelPath>): Map<string, RelPath> {
  const files = new Map<string, RelPath>();
  const folders = new Map<string, RelPath>();
  const parents = new Set<RelPath>();
  const clashes: string[] = [];
  for (const path of paths) {
    const folded = foldedPath(path);
    const other = files.get(folded) ?? path;
    if (other !== path) clashes.push(pairOf(other, path));
    files.set(folded, path);
    const parent = parentOf(path);
    if (parent === undefined || parents.has(parent)) continue;
    parents.add(parent);
    for (const folder of ancestorsOf(path)) folders.set(foldedPath(folder), folder);
  }
  for (const [folded, folder] of folders) {
    const file = files.get(folded);
    if (file !== undefined) clashes.push(`the file ${file} and the folder ${folder}`);
  }
  if (clashes.length > 0) throw clash(clashes);
  return files;
}

/** Names that differ in composition alone look the same. */
function pairOf(a: RelPath, b: RelPath): string {
  return a.normalize() === b.normalize() ? `${a}, composed and decomposed` : `${a} and ${b}`;
}

function clash(clashes: readonly string[]): SafetyError {
  const rest = clashes.length - NAMED;
  return new SafetyError(
    `nothing is published, for the target does not tell these names apart and would keep one file of two: ` +
      `${clashes.slice(0, NAMED).join('; ')}${rest > 0 ? ` (and ${rest} more pairs)` : ''}; ` +
      'rename them in the sources, or name one of them under exclude of the target',
  );
}
