/** removeEmptyFolders: folders that may have become superfluous, each after those in it. */
import { parentOf, type RelPath } from '../core/relpath.js';
import { TargetError } from '../errors.js';
import type { Target } from '../targets/target.js';
import { levelsOf } from './levels.js';

/** What is not empty stays, and so does what holds it. */
export async function removeEmptyFolders(folders: Iterable<RelPath>, target: Target): Promise<void> {
  const kept = new Set<RelPath | undefined>();
  for (const level of levelsOf(folders).reverse()) {
    await Promise.all(
      level.map(async (folder) => {
        const gone = !kept.has(folder) && (await target.removeFolder(folder).catch(leaveIt));
        if (!gone) kept.add(parentOf(folder));
      }),
    );
  }
}

/** An empty folder that may not be removed does no harm. */
function leaveIt(error: unknown): boolean {
  if (error instanceof TargetError && error.kind !== 'unreachable') return false;
  throw error;
}
