/**
 * foundOrder: the order in which Django's finders list files. A part of what it makes depends on it: the order of a
 * manifest before Django 6.0, and whether long chains of references settle in time.
 *
 * Of each folder first the files, then the folders one after another with all that they hold, both as the system lists
 * them (Django's `contrib/staticfiles/utils.py`, `get_files`).
 */
import type { Listing } from './sources.js';

/** All paths of the sources, each once: where the first source that has it lists it. */
export function foundOrder(listings: readonly Listing[]): Set<string> {
  const paths = new Set<string>();
  for (const { source, walked } of listings) {
    const files = byFolder(walked.files);
    const folders = byFolder(Array.from(walked.folders, ([path, rank]) => ({ path, rank })));
    const open = [source.prefix];
    for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
      for (const { path } of files.get(folder) ?? []) paths.add(path);
      for (const { path } of folders.get(folder)?.toReversed() ?? []) open.push(path);
    }
  }
  return paths;
}

interface Ranked {
  readonly path: string;
  readonly rank: number;
}

/** What each folder holds, in the order of the system; '' is the top. */
function byFolder(entries: readonly Ranked[]): Map<string, Ranked[]> {
  const folders = new Map<string, Ranked[]>();
  for (const entry of entries) {
    const folder = entry.path.slice(0, Math.max(entry.path.lastIndexOf('/'), 0));
    const known = folders.get(folder);
    if (known === undefined) folders.set(folder, [entry]);
    else known.push(entry);
  }
  for (const each of folders.values()) each.sort((a, b) => a.rank - b.rank);
  return folders;
}
