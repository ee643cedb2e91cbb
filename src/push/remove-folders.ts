/** removeEmptyFolders: folders that may have become superfluous, each after those in it. */
import { ancestorsOf, parentOf, type RelPath } from '../core/relpath.js';
import { TargetError } from '../errors.js';
import type { Target } from '../targets/target.js';

/** What is not empty stays, and so does what holds it. */
export async function removeEmptyFolders(folders: Iterable<RelPath>, target: Target): Promise<void> {
  const byDepth = new Map<number, RelPath[]>();
  for (const folder of folders) {
    const depth = ancestorsOf(folder).length;
    const same = byDepth.get(depth);
    if (same === undefined) byDepth.set(depth, [folder]);
    else same.push(folder);
  }
  const kept = new Set<RelPath | undefined>();
  for (const depth of [...byDepth.keys()].sort((a, b) => b - a)) {
    await Promise.all(
      (byDepth.get(depth) ?? []).map(async (folder) => {
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
