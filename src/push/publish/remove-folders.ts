/** removeEmptyFolders: folders that may have become superfluous, each after those in it. */
import { ancestorsOf, parentOf, type RelPath } from '../../core/relpath.js';
import { TargetError } from '../../errors.js';
import type { RemoteFile, Target } from '../../targets/target.js';
import { levelsOf } from './levels.js';

/** What is not empty stays, and so does what holds it. Answers whether all of them are gone. */
export async function removeEmptyFolders(folders: Iterable<RelPath>, target: Target): Promise<boolean> {
  const kept = new Set<RelPath | undefined>();
  for (const level of levelsOf(folders).reverse()) {
    await Promise.all(
      level.map(async (folder) => {
        const gone = !kept.has(folder) && (await target.removeFolder(folder).catch(leaveIt));
        if (!gone) kept.add(parentOf(folder));
      }),
    );
  }
  return kept.size === 0;
}

/** Removes those that are empty, of an earlier run. What lies behind a link is not ours. */
export async function removeLeftFolders(folders: ReadonlySet<RelPath>, target: Target): Promise<void> {
  if (folders.size === 0) return;
  const places = new Set([...folders].flatMap((folder) => [...ancestorsOf(folder), folder]));
  const looks = [...places].map(async (place) => [place, await kindAt(place, target)] as const);
  const real = new Set((await Promise.all(looks)).flatMap(([place, kind]) => (kind === 'folder' ? [place] : [])));
  const isOurs = (folder: RelPath): boolean => [...ancestorsOf(folder), folder].every((place) => real.has(place));
  await removeEmptyFolders([...folders].filter(isOurs), target);
}

/** Undefined also where it cannot be seen, or cannot be there. */
async function kindAt(place: RelPath, target: Target): Promise<RemoteFile['kind'] | undefined> {
  try {
    return (await target.stat(place))?.kind;
  } catch (error) {
    leaveIt(error);
    return undefined;
  }
}

/** An empty folder that may not be removed does no harm. */
function leaveIt(error: unknown): boolean {
  if (error instanceof TargetError && error.kind !== 'unreachable') return false;
  throw error;
}
