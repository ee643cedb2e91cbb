/**
 * sweep: finds the files that may have changed since the last sweep, by their names and stamps alone. Nothing is read.
 *
 * It is for what no event told of. Of each folder it remembers a number per entry, eight bytes: one that is
 * new tells which name has changed, and one that is missing that something of the folder is gone.
 */
import { type Dirent, lstatSync, readdirSync, type Stats } from 'node:fs';
import { type IgnoreRules, ignoreRules } from '../core/fnmatch.js';
import type { Marks } from '../core/marks-codec.js';
import type { Pacer } from '../fs/pace.js';
import { isSystemError } from '../system-error.js';
import { lookThrough, markOf, nameIn, seenAt } from './marks.js';
import { type Turn, take } from './thread/turn.js';

export type { Marks } from '../core/marks-codec.js';

export interface Swept {
  readonly marks: Marks;
  /** Absolute places: whatever changed lies at or below one of them. Empty for a first sweep. */
  readonly touched: readonly string[];
  /** Those of them that are folders of which something is gone. */
  readonly bereft: readonly string[];
  /** What it took, in milliseconds. */
  readonly tookMs: number;
}

/**
 * Sweeps `folders`, links followed. `before` are the marks of the last sweep of the same folders.
 */
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
  const bereft: string[] = [];
  const open = folders.map((place): Folder => ({ place, parent: undefined, identity: identityOf(lookThrough(place)) }));
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    const { place } = folder;
    const entries = leadsUp(folder) ? [] : list(place, rules);
    marks.set(place, Float64Array.from(entries, ({ mark }) => mark).sort());
    if (before !== undefined) {
      const changes = changesIn(place, entries, before.get(place));
      touched.push(...placesIn(changes));
      if (changes.gone.length > 0) bereft.push(place);
    }
    for (const { name, identity } of entries) {
      if (identity !== undefined) open.push({ place: `${place}/${name}`, parent: folder, identity });
    }
    if (pacer.isDue) await pacer.breathe();
  }
  return { marks, touched, bereft, tookMs: performance.now() - started };
}

/** What a sweep marked, and what it left out. */
export interface MarkedFolders {
  readonly marks: Marks;
  readonly ignore: readonly string[];
}

/** What is otherwise than it was marked. */
export interface Changes {
  /** The absolute places that have another mark than they had, or had none. */
  readonly touched: readonly string[];
  readonly gone: readonly Gone[];
}

/** Something of an absolute folder is not there any more: what its marks say of the names, one for each. */
export interface Gone {
  readonly folder: string;
  readonly names: readonly number[];
}

/**
 * What has changed since the marks were taken. A folder that is new has a new mark where it lies, so that nothing
 * below it need be looked at. Several threads with the same `trees` and `turn` share the folders among them.
 */
export async function lookAgain(trees: readonly MarkedFolders[], turn: Turn, pacer: Pacer): Promise<Changes> {
  const found: Changes[] = [];
  let ours = take(turn);
  let number = 0;
  for (const { marks, ignore } of trees) {
    const rules = ignoreRules(ignore);
    for (const [place, before] of marks) {
      if (number++ !== ours) continue;
      if (!isMarkedAs(place, rules, before)) found.push(changesIn(place, list(place, rules), before));
      ours = take(turn);
      if (pacer.isDue) await pacer.breathe();
    }
  }
  return joinChanges(found);
}

/** All of them together. */
export function joinChanges(changes: readonly Changes[]): Changes {
  return { touched: changes.flatMap(({ touched }) => touched), gone: changes.flatMap(({ gone }) => gone) };
}

/** Whatever is different lies at or below one of them. */
export function placesIn({ touched, gone }: Changes): string[] {
  return [...touched, ...gone.map(({ folder }) => folder)];
}

/** Whether all in `folder` has the marks it had: what nearly every folder is asked, in as few steps as that takes. */
function isMarkedAs(folder: string, ignore: IgnoreRules, before: Float64Array): boolean {
  try {
    const marks = new Float64Array(before.length);
    let at = 0;
    for (const name of readdirSync(folder)) {
      if (ignore.ignoresFolder(name)) continue;
      if (at === marks.length) return false;
      const stats = lstatSync(`${folder}/${name}`, LOOK);
      if (stats?.isFile() === true) marks[at++] = markOf(name, stats);
      else if (stats?.isDirectory() === true) marks[at++] = markOf(name, undefined, stats);
      else return false; // a link, or something else: looked at again with all that belongs to it
    }
    if (at < marks.length) return false;
    marks.sort();
    return marks.every((mark, place) => mark === before[place]);
  } catch (error) {
    if (isSystemError(error)) return false;
    throw error;
  }
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

const LOOK = { throwIfNoEntry: false } as const;

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
  if (entry.isFile()) {
    const stats = lstatSync(`${folder}/${name}`, LOOK);
    if (stats?.isFile() === true) return { name, identity: undefined, mark: markOf(name, stats) };
  }
  const { stats, behind } = seenAt(`${folder}/${name}`);
  const identity = behind?.isDirectory() === true ? identityOf(behind) : undefined;
  return { name, identity, mark: markOf(name, stats, behind) };
}

function changesIn(folder: string, entries: readonly Marked[], before: Float64Array = new Float64Array()): Changes {
  const left = new Set(before);
  const fresh = entries.filter(({ mark }) => !left.delete(mark));
  // Counted, for two names may be the same in a mark.
  const missing = new Map<number, number>();
  const count = (mark: number, by: number) => missing.set(nameIn(mark), (missing.get(nameIn(mark)) ?? 0) + by);
  for (const mark of left) count(mark, 1);
  for (const { mark } of fresh) count(mark, -1);
  const gone = [...missing].flatMap(([name, times]) => Array.from({ length: Math.max(0, times) }, () => name));
  return {
    touched: fresh.map(({ name }) => `${folder}/${name}`),
    gone: gone.length === 0 ? [] : [{ folder, names: gone }],
  };
}
