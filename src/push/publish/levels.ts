/** levelsOf: folders by their depth, outermost first. Those of one level can be made or removed at once. */
import { ancestorsOf, type RelPath } from '../../core/relpath.js';

export function levelsOf(folders: Iterable<RelPath>): RelPath[][] {
  const byDepth = new Map<number, RelPath[]>();
  for (const folder of folders) {
    const depth = ancestorsOf(folder).length;
    const same = byDepth.get(depth);
    if (same === undefined) byDepth.set(depth, [folder]);
    else same.push(folder);
  }
  return [...byDepth].sort(([a], [b]) => a - b).map(([, level]) => level);
}
