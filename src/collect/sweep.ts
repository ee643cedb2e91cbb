/**
 * sweep: finds the files that may have changed since the last sweep, by their names and stamps alone. Nothing is read.
 *
 * It is for what no event told of. Of each folder it remembers a number per entry, eight bytes: one that is
 * new tells which name has changed, and one that is missing that something of the folder is gone.
 */
import { type Dirent, lstatSync, readdirSync, type Stats, statSync } from 'node:fs';
import { type IgnoreRules, ignoreRules } from '../core/fnmatch.js';
import type { Pacer } from '../fs/pace.js';
import { isSystemError } from './trouble.js';

/** The absolute folders that were met, each with the marks of its entries, sorted. */
export type Marks = ReadonlyMap<string, Float64Array>;

export interface Swept {
  readonly marks: Marks;
  /** Absolute places: whatever changed lies at or below one of them. Empty for a first sweep. */
  readonly touched: readonly string[];
}

/** Sweeps `folders`, links followed. `before` are the marks of the last sweep of the same folders. */
export async function sweep(
  folders: readonly string[],
  ignore: readonly string[],
  before: Marks | undefined,
  pacer: Pacer,
): Promise<Swept> {
  const rules = ignoreRules(ignore);
  const marks = new Map<string, Float64Array>();
  const touched: string[] = [];
  const open = folders.map((place): Folder => ({ place, parent: undefined, identity: identityOf(place) }));
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    const { place } = folder;
    const entries = leadsUp(folder) ? [] : list(place, rules);
    marks.set(place, Float64Array.from(entries, ({ mark }) => mark).sort());
    if (before !== undefined) touched.push(...changesIn(place, entries, before.get(place)));
    for (const { name, isFolder } of entries) if (isFolder) open.push(inner(folder, name));
    if (pacer.isDue) await pacer.breathe();
  }
  return { marks, touched };
}

/** A folder on the way down. One that several links lead to is met under each of their names, as it is published. */
interface Folder {
  readonly place: string;
  readonly parent: Folder | undefined;
  /** Device and inode; undefined for one that cannot be read. */
  readonly identity: string | undefined;
}

function inner(parent: Folder, name: string): Folder {
  const place = `${parent.place}/${name}`;
  return { place, parent, identity: identityOf(place) };
}

/** Whether a link led back to a folder that it lies in. */
function leadsUp({ identity, parent }: Folder): boolean {
  for (let above = parent; above !== undefined; above = above.parent) if (above.identity === identity) return true;
  return false;
}

function identityOf(place: string): string | undefined {
  const stats = lookThrough(place);
  return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`;
}

interface Marked {
  readonly name: string;
  readonly isFolder: boolean;
  readonly mark: number;
}

/** Nothing for a folder that cannot be read. */
function list(folder: string, ignore: IgnoreRules): Marked[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter(({ name }) => !ignore.ignoresFolder(name))
      .map((entry) => marked(folder, entry));
  } catch (error) {
    if (isSystemError(error)) return [];
    throw error;
  }
}

function marked(folder: string, entry: Dirent): Marked {
  const place = `${folder}/${entry.name}`;
  if (entry.isDirectory()) return { name: entry.name, isFolder: true, mark: markOf(entry.name) };
  const stats = lstatSync(place, { throwIfNoEntry: false });
  const behind = entry.isSymbolicLink() ? lookThrough(place) : undefined;
  const isFolder = behind?.isDirectory() === true;
  return { name: entry.name, isFolder, mark: markOf(entry.name, stats, isFolder ? undefined : behind) };
}

function lookThrough(place: string): Stats | undefined {
  try {
    return statSync(place, { throwIfNoEntry: false });
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

/** The places in `folder` that are different. The name of one that is gone is not known any more: then it is the folder. */
function changesIn(folder: string, entries: readonly Marked[], before: Float64Array = new Float64Array()): string[] {
  const gone = new Set(before);
  const fresh = entries.filter(({ mark }) => !gone.delete(mark));
  const names = new Set(fresh.map(({ mark }) => nameIn(mark)));
  if ([...gone].some((mark) => !names.has(nameIn(mark)))) return [folder];
  return fresh.map(({ name }) => `${folder}/${name}`);
}

const STAMP_VALUES = 2 ** 27;
const NAME_VALUES = 2 ** 26;
const float = new Float64Array(1);
const halves = new Uint32Array(float.buffer);

/** 26 bits of a name and 27 of what stat says, in the 53 that a number holds. */
function markOf(name: string, ...stats: readonly (Stats | undefined)[]): number {
  let ofName = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) ofName = mix(ofName, name.charCodeAt(i));
  let ofStamp = 0x811c9dc5;
  for (const each of stats) {
    if (each === undefined) continue;
    for (const number of [each.size, each.mtimeMs, each.ctimeMs, each.ino, each.mode]) {
      float[0] = number;
      ofStamp = mix(mix(ofStamp, halves[0] ?? 0), halves[1] ?? 0);
    }
  }
  return ((ofName >>> 0) % NAME_VALUES) * STAMP_VALUES + ((ofStamp >>> 0) % STAMP_VALUES);
}

function nameIn(mark: number): number {
  return Math.floor(mark / STAMP_VALUES);
}

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}
