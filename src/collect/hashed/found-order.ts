/**
 * The order in which Django's finders list files. A part of what it makes depends on it: the order of a manifest before
 * Django 6.0, and whether long chains of references settle in time.
 *
 * Of each folder first the files, then the folders one after another with all that they hold, both as the system lists
 * them (Django's `contrib/staticfiles/utils.py`, `get_files`).
 */
import { opendirSync } from 'node:fs';
import type { Places } from '../../core/places.js';
import { isBelowOneOf } from '../../core/relpath.js';
import { isSystemError } from '../../system-error.js';
import type { Listing } from '../sources.js';

/** The paths in one folder, as the system lists them. */
interface FolderOrder {
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

/** What a source has, by folder; its top is its prefix ('' for none). */
export interface SourceOrder {
  readonly path: string;
  readonly prefix: string;
  readonly folders: ReadonlyMap<string, FolderOrder>;
}

const EMPTY: FolderOrder = { files: [], folders: [] };

export function sourceOrder({ source, walked }: Listing): SourceOrder {
  const files = byFolder(walked.files);
  const folders = byFolder(Array.from(walked.folders, ([path, rank]) => ({ path, rank })));
  const all = new Map<string, FolderOrder>();
  for (const folder of new Set([...files.keys(), ...folders.keys()])) {
    all.set(folder, { files: files.get(folder) ?? [], folders: folders.get(folder) ?? [] });
  }
  return { path: source.path, prefix: source.prefix, folders: all };
}

/** All paths of the sources, each once: where the first source that has it lists it. */
export function foundOrder(sources: readonly SourceOrder[]): Set<string> {
  const paths = new Set<string>();
  for (const { prefix, folders } of sources) {
    const open = [prefix];
    for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
      const { files, folders: below } = folders.get(folder) ?? EMPTY;
      for (const path of files) paths.add(path);
      for (const path of below.toReversed()) open.push(path);
    }
  }
  return paths;
}

/**
 * `order` after something changed in `places`, of which `part` was listed anew. The folders that hold them are listed again.
 * The same object if nothing is otherwise.
 */
export function changedOrder(order: SourceOrder, part: Listing, places: Places): SourceOrder {
  const fresh = sourceOrder(part).folders;
  const folders = new Map<string, FolderOrder>();
  const wanted: ReadonlySet<string> = new Set(places);
  for (const [folder, each] of order.folders) if (!isAtOrBelow(folder, wanted)) folders.set(folder, each);
  for (const [folder, each] of fresh) if (isAtOrBelow(folder, wanted)) folders.set(folder, each);
  // Those above a place may be new as well.
  for (const folder of new Set([...places.map(folderOf), ...fresh.keys()])) {
    if (isAtOrBelow(folder, wanted)) continue;
    const rank = ranksIn(folder, order);
    const [before, now] = [order.folders.get(folder) ?? EMPTY, fresh.get(folder) ?? EMPTY];
    const merge = (kept: readonly string[], added: readonly string[]): string[] =>
      [...new Set([...kept.filter((path) => !wanted.has(path)), ...added])].sort((a, b) => rank(a) - rank(b));
    const merged = { files: merge(before.files, now.files), folders: merge(before.folders, now.folders) };
    // A source that has no such folder is as it was.
    if (folders.has(folder) || merged.files.length + merged.folders.length > 0) folders.set(folder, merged);
  }
  return isSame(order.folders, folders) ? order : { ...order, folders };
}

/** The rank of each entry of a published `folder`, by its path, as the system lists them now. */
function ranksIn(folder: string, { path, prefix }: SourceOrder): (path: string) => number {
  const ranks = new Map<string, number>();
  const below = prefix === '' ? folder : folder.slice(prefix.length + 1);
  try {
    const entries = opendirSync(below === '' ? path : `${path}/${below}`);
    try {
      for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
        ranks.set(folder === '' ? entry.name : `${folder}/${entry.name}`, ranks.size);
      }
    } finally {
      entries.closeSync();
    }
  } catch (error) {
    if (!isSystemError(error)) throw error; // it went meanwhile, or is in another source
  }
  return (each) => ranks.get(each) ?? ranks.size;
}

function isSame(before: ReadonlyMap<string, FolderOrder>, after: ReadonlyMap<string, FolderOrder>): boolean {
  if (before.size !== after.size) return false;
  for (const [folder, each] of after) {
    const known = before.get(folder);
    if (known === each) continue;
    if (known === undefined || !isSameList(known.files, each.files)) return false;
    if (!isSameList(known.folders, each.folders)) return false;
  }
  return true;
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((path, at) => path === b[at]);
}

/** What each folder holds, in the order of the system; '' is the top. */
function byFolder(entries: Iterable<{ readonly path: string; readonly rank: number }>): Map<string, string[]> {
  const ranked = new Map<string, { readonly path: string; readonly rank: number }[]>();
  for (const entry of entries) {
    const folder = folderOf(entry.path);
    const known = ranked.get(folder);
    if (known === undefined) ranked.set(folder, [entry]);
    else known.push(entry);
  }
  const folders = new Map<string, string[]>();
  for (const [folder, each] of ranked) {
    folders.set(
      folder,
      each.sort((a, b) => a.rank - b.rank).map(({ path }) => path),
    );
  }
  return folders;
}

function isAtOrBelow(folder: string, places: ReadonlySet<string>): boolean {
  return places.has(folder) || isBelowOneOf(folder, places);
}

/** The folder that holds `path`; '' for the top. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}
