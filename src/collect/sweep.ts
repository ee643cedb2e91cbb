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
  /** What it took, in milliseconds. */
  readonly tookMs: number;
}

/** Sweeps `folders`, links followed. `before` are the marks of the last sweep of the same folders. */
export async function sweep(
  folders: readonly string[],
  ignore: readonly string[],
  before: Marks | undefined,
  pacer: Pacer,
): Promise<Swept> {
  const started = performance.now();
  const rules = ignoreRules(ignore);
  const marks = new Map<string, Float64Array>();
  const touched: string[] = [];
  const open = folders.map((place): Folder => ({ place, parent: undefined, identity: identityOf(lookThrough(place)) }));
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    const { place } = folder;
    const entries = leadsUp(folder) ? [] : list(place, rules);
    marks.set(place, Float64Array.from(entries, ({ mark }) => mark).sort());
    if (before !== undefined) touched.push(...changesIn(place, entries, before.get(place)));
    for (const { name, identity } of entries) {
      if (identity !== undefined) open.push({ place: `${place}/${name}`, parent: folder, identity });
    }
    if (pacer.isDue) await pacer.breathe();
  }
  return { marks, touched, tookMs: performance.now() - started };
}

/** A folder on the way down. One that several links lead to is met under each of their names, as it is published. */
interface Folder {
  readonly place: string;
  readonly parent: Folder | undefined;
  /** Device and inode; undefined for one that cannot be read. */
  readonly identity: string | undefined;
}

/** Whether a link led back to a folder that it lies in. */
function leadsUp({ identity, parent }: Folder): boolean {
  for (let above = parent; above !== undefined; above = above.parent) if (above.identity === identity) return true;
  return false;
}

function identityOf(stats: Stats | undefined): string | undefined {
  return stats === undefined ? undefined : `${stats.dev}:${stats.ino}`;
}

interface Marked {
  readonly name: string;
  readonly mark: number;
  /** Of a folder, links followed; undefined for anything else. */
  readonly identity: string | undefined;
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
  const { name } = entry;
  const place = `${folder}/${name}`;
  const stats = entry.isDirectory() ? undefined : lstatSync(place, { throwIfNoEntry: false });
  const behind = stats === undefined || entry.isSymbolicLink() ? lookThrough(place) : undefined;
  const identity = behind?.isDirectory() === true ? identityOf(behind) : undefined;
  return { name, identity, mark: markOf(name, [...numbersOf(stats), ...numbersOf(behind)]) };
}

/** What is another number when it has changed. What a folder holds is marked by itself; who may read it is not. */
function numbersOf(stats: Stats | undefined): number[] {
  if (stats === undefined) return [];
  const { size, mtimeMs, ctimeMs, ino, mode, uid, gid } = stats;
  return stats.isDirectory() ? [ino, mode, uid, gid] : [size, mtimeMs, ctimeMs, ino, mode];
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
function markOf(name: string, numbers: readonly number[]): number {
  let ofName = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) ofName = mix(ofName, name.charCodeAt(i));
  let ofStamp = 0x811c9dc5;
  for (const number of numbers) {
    float[0] = number;
    ofStamp = mix(mix(ofStamp, halves[0] ?? 0), halves[1] ?? 0);
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
