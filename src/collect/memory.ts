/**
 * The memory of collecting in the state folder: read before the work, written after it.
 *
 * Losing it costs this much: files that vanished from the sources meanwhile stay in STATIC_ROOT as if somebody else had
 * put them there, folders that pushstatic made stay when they are empty, and the next run cannot tell that a source
 * has shrunk. Files that equal their source are known as ours again at once.
 *
 * What was collected by place is appended to a file beside it, a line each time, so that it costs what changed. The lines
 * belong to one memory, and count for nothing once another one was written.
 */
import { hash } from 'node:crypto';
import { decodeMemory, encodeMemory, type Memory, NO_MEMORY } from '../core/collected-codec.js';
import type { Digest } from '../core/entry.js';
import { comparePaths, type RelPath } from '../core/relpath.js';
import type { Snapshot } from '../core/snapshot.js';
import type { StateFolder } from '../fs/state.js';

const NAME = 'collected';
const ADDITIONS = 'collected-since';
const SEAL_BYTES = 32;
const LEAST_BYTES = 1024 * 1024; // below this much of additions, to write all anew saves nothing
const MOST_BYTES = 256 * 1024 * 1024; // more of them were never written, and could not be read as one text

/** What is different from the memory before. */
export interface Addition {
  /** What was put, with its content. */
  readonly put: readonly (readonly [path: string, digest: Digest])[];
  /** Those of what was put that are no plain copies. */
  readonly made: readonly string[];
  readonly removed: readonly string[];
  readonly foldersMade: readonly string[];
  readonly foldersGone: readonly string[];
  /** By how many files a source has grown or shrunk, by its key. */
  readonly counted: readonly (readonly [key: string, by: number])[];
  /** A site with hashed names was made anew: it is not the one of a checkpoint any more but for the contents of some files. */
  readonly isAnew: boolean;
}

/** Nothing is different. */
export const NO_ADDITION: Addition = {
  put: [],
  made: [],
  removed: [],
  foldersMade: [],
  foldersGone: [],
  counted: [],
  isAnew: false,
};

/** What was collected by the runs before; NO_MEMORY where it is missing or damaged. */
export async function recall(state: StateFolder): Promise<Memory> {
  const bytes = await state.read(NAME);
  const memory = bytes && decodeMemory(bytes);
  if (memory === undefined) return NO_MEMORY;
  const seal = bytes?.subarray(-SEAL_BYTES).toString('hex') ?? '';
  return withAdditions(memory, validLines(linesOf(await state.read(ADDITIONS)), seal));
}

/** The memory in `state` as it was written: its seal, which no other one has, and what was added since, in order. */
export async function writtenMemory(
  state: StateFolder,
): Promise<{ readonly seal: string; readonly additions: readonly Addition[] }> {
  const [end, added] = await Promise.all([state.readEnd(NAME, SEAL_BYTES), state.read(ADDITIONS)]);
  const seal = end?.toString('hex') ?? 'none';
  return { seal, additions: validLines(linesOf(added), seal) };
}

/** The same for the same memory, additions included, and for no other one. */
export async function memorySeal(state: StateFolder): Promise<string> {
  const [seal, added] = await Promise.all([state.readEnd(NAME, SEAL_BYTES), state.read(ADDITIONS)]);
  return `${seal?.toString('hex') ?? 'none'}+${added?.length ?? 0}`;
}

/**
 * Appends to the memory in `state`, if there is one; where that has come to more than the memory itself, all is written anew. Rejects
 * as StateFolder does.
 */
export async function extendMemory(state: StateFolder, addition: Addition): Promise<void> {
  const { isAnew: _, ...lists } = addition;
  if (Object.values(lists).every(({ length }) => length === 0)) return;
  const seal = await state.readEnd(NAME, SEAL_BYTES);
  if (seal === undefined) return;
  const line = JSON.stringify({ after: seal.toString('hex'), ...addition } satisfies Line);
  await state.extend(ADDITIONS, `\n${sumOf(line)} ${line}\n`); // the one before may be torn
  const [all, added] = await Promise.all([state.sizeOf(NAME), state.sizeOf(ADDITIONS)]);
  if (added > Math.max(all, LEAST_BYTES)) await remember(state, await recall(state), NO_MEMORY);
}

/**
 * Adds what a run has put that did not come to its end: what is not recorded as put is taken for somebody else's. Rejects as
 * StateFolder does.
 */
export async function rememberBrokenOff(
  state: StateFolder,
  { put, made, foldersMade }: Pick<Addition, 'put' | 'made' | 'foldersMade'>,
): Promise<void> {
  if (put.length === 0) return;
  const before = await recall(state);
  await remember(state, withAdditions(before, [{ ...NO_ADDITION, put, made, foldersMade }]), before);
}

/** Writes `memory` unless `before` is the same. Rejects as StateFolder does. */
export async function remember(state: StateFolder, memory: Memory, before: Memory): Promise<void> {
  if (isSame(memory, before) && !(await state.has(ADDITIONS))) return;
  await state.write(NAME, encodeMemory(memory));
  await state.remove(ADDITIONS);
}

function isSame(a: Memory, b: Memory): boolean {
  return (
    isSameMap(a.sources, b.sources) &&
    isSameMap(a.files, b.files) &&
    isSameSet(a.made, b.made) &&
    isSameSet(a.folders, b.folders)
  );
}

function isSameMap<K, V>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value) return false;
  return true;
}

function isSameSet<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const item of a) if (!b.has(item)) return false;
  return true;
}

interface Line extends Addition {
  /** The seal of the memory that it adds to, in hexadecimal. */
  readonly after: string;
}

function withAdditions(memory: Memory, additions: readonly Addition[]): Memory {
  if (additions.length === 0) return memory;
  const files = new Map(memory.files);
  const made = new Set(memory.made);
  const folders = new Set(memory.folders);
  const sources = new Map(memory.sources);
  for (const line of additions) {
    for (const path of line.removed) files.delete(path);
    for (const path of line.removed) made.delete(path);
    for (const [path, digest] of line.put) files.set(path, digest);
    for (const [path] of line.put) made.delete(path);
    for (const path of line.made) made.add(path);
    for (const folder of line.foldersMade) folders.add(folder);
    for (const folder of line.foldersGone) folders.delete(folder);
    for (const [key, by] of line.counted) sources.set(key, (sources.get(key) ?? 0) + by);
  }
  return { sources, files: inOrder(files), made, folders };
}

function linesOf(added: Buffer | undefined): readonly string[] {
  return added === undefined || added.length > MOST_BYTES ? [] : added.toString().split('\n');
}

/** Those of the memory with this seal. One that is damaged, such as the last one of a run that was killed, counts for nothing. */
function validLines(lines: readonly string[], seal: string): Line[] {
  return lines.map(parseLine).filter((line) => line?.after === seal) as Line[];
}

/** Undefined for what was not written like this. */
function parseLine(text: string): Line | undefined {
  const [sum = ''] = text.split(' ', 1);
  const line = text.slice(sum.length + 1);
  return sumOf(line) === sum ? { ...NO_ADDITION, ...(JSON.parse(line) as Line) } : undefined;
}

function sumOf(line: string): string {
  return hash('sha256', line, 'hex');
}

function inOrder(files: Map<string, Digest>): Map<string, Digest> {
  return new Map([...files].sort(([a], [b]) => comparePaths(a, b)));
}

/** The files of `snapshot` that are not ours, by what is: `files`. */
export function foreignIn({ entries }: Snapshot, files: ReadonlyMap<string, string>): RelPath[] {
  const foreign: RelPath[] = [];
  for (const { path, digest } of entries) if (files.get(path) !== digest) foreign.push(path);
  return foreign;
}
