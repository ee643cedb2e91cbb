/**
 * survey: finds out what a target really holds, where its index does not say.
 *
 * After an interrupted run a look at the names, sizes and times of the pending paths is enough. Where there is no index
 * to believe, every file that may be the wanted one is read back and hashed: nothing is guessed.
 */
import { createHash } from 'node:crypto';
import { UNKNOWN_DIGEST } from '../core/audit.js';
import { ByteBudget } from '../core/byte-budget.js';
import { type Digest, type Entry, sameContent, sortEntries } from '../core/entry.js';
import { EntryTable } from '../core/entry-table.js';
import { ancestorsOf, type RelPath } from '../core/relpath.js';
import type { Snapshot } from '../core/snapshot.js';
import {
  emptyIndex,
  type Observed,
  type Pending,
  settlePending,
  type TargetIndex,
  withTruths,
} from '../core/target-index.js';
import type { RemoteFile, Target } from '../targets/target.js';
import { inParallel } from './in-parallel.js';
import type { Known } from './index/store.js';
import { problemOf } from './trouble.js';

const LOOKS_IN_FLIGHT = 512;
const LEAST_READS_IN_FLIGHT = 32;
const MOST_READS_IN_FLIGHT = 512;
const READS_PER_MS = 10;
const BYTES_IN_FLIGHT = 32 * 1024 * 1024; // a lease gives its signs of life behind them
const LARGE_IN_FLIGHT = 4 * 1024 * 1024; // what one long file has on its way, whatever its size

/** What a look at a target told, without reading a file. */
export interface Sighting {
  /** What is certain. */
  readonly index: TargetIndex;
  /** Files that no index knows. Only their content tells whether they are what is wanted. */
  readonly unknown: ReadonlyMap<RelPath, RemoteFile>;
}

/** Looks at what `loaded` leaves open: pending paths, or the whole tree where there is no index. */
export async function look(target: Target, loaded: Known, site: string): Promise<Sighting> {
  if (loaded.kind === 'index') return { index: await settle(target, loaded.index), unknown: new Map() };
  const unknown = new Map<RelPath, RemoteFile>();
  for await (const there of target.list(undefined, leaveClosed))
    if (there.kind === 'file') unknown.set(there.path, there);
  return { index: emptyIndex(site), unknown };
}

/** Whether `entry` will have to be sent, whatever else is found out: nothing on the target can be it. */
export function isMissing({ index, unknown }: Sighting, entry: Entry): boolean {
  const held = index.entries.find(entry.path);
  if (held !== undefined) return !sameContent(held, entry);
  return unknown.get(entry.path)?.size !== entry.size;
}

/** What was read back told. */
export interface Attested {
  readonly index: TargetIndex;
  /**
   * What lies where something else is wanted, with an unknown digest. Nobody says that it is ours; but once what is wanted there is
   * announced, a later run must not take this for it by size and time.
   */
  readonly strangers: TargetIndex['pending'];
}

/** The index that a sighting stands for, once what may be wanted of the unknown was read back. */
export async function attest(target: Target, { index, unknown }: Sighting, wanted: Snapshot): Promise<Attested> {
  const strangers = new Map<RelPath, Pending>();
  if (unknown.size === 0) return { index, strangers };
  const known: Entry[] = [];
  const candidates = function* (): Generator<Entry, void> {
    for (const entry of wanted.entries) if (unknown.get(entry.path)?.size === entry.size) yield entry;
  };
  await readInParallel(target, candidates(), async (entry) => {
    const { path } = entry;
    const there = unknown.get(path);
    if (there === undefined) return;
    const found = { ...entry, mtime: there.mtime, mode: there.mode };
    if ((await contentOf(target, path)) === entry.digest) known.push(found);
    else strangers.set(path, { path, candidates: [{ ...found, digest: UNKNOWN_DIGEST }] });
  });
  return { index: { ...index, entries: EntryTable.of(sortEntries(known)) }, strangers };
}

/** Calls `read` for each file, for so many at once that small ones do not wait for the line, and large ones do not fill it. */
export async function readInParallel(
  { capabilities: { roundTripMs } }: Target,
  entries: Iterable<Entry>,
  read: (entry: Entry) => Promise<void>,
): Promise<void> {
  const atOnce = Math.min(MOST_READS_IN_FLIGHT, Math.round(LEAST_READS_IN_FLIGHT + READS_PER_MS * roundTripMs));
  const room = new ByteBudget(() => BYTES_IN_FLIGHT);
  await inParallel(entries, atOnce, async (entry) => {
    const bytes = Math.min(entry.size, LARGE_IN_FLIGHT);
    await room.take(bytes);
    await read(entry).finally(() => room.give(bytes));
  });
}

/** SHA-256 of a file on the target, as the bytes come. After an abort nothing more of it is asked for. */
export async function digestOf(target: Target, path: RelPath, signal?: AbortSignal): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const piece of target.read(path)) {
    signal?.throwIfAborted();
    hash.update(piece);
  }
  return hash.digest('hex');
}

async function settle(target: Target, index: TargetIndex): Promise<TargetIndex> {
  if (index.pending.size === 0) return index;
  const seen = new Map<RelPath, Observed>();
  const blocked = new Set<RelPath>();
  const folders = new Set([...index.pending.keys()].flatMap(ancestorsOf));
  await inParallel(new Set([...folders, ...index.pending.keys()]), LOOKS_IN_FLIGHT, async (path) => {
    const there = await lookAt(target, path);
    if (there === 'hidden') return;
    // We only ever make files: a folder or a link is somebody else's, and a file of ours is not there.
    seen.set(path, there?.kind === 'file' ? there : undefined);
    if (there?.kind !== 'folder') blocked.add(path);
  });
  // What a link in the place of a folder leads to is not there either.
  const isReached = (path: RelPath): boolean => !ancestorsOf(path).some((folder) => blocked.has(folder));
  const open = [...index.pending.values()].filter(({ path }) => seen.has(path));
  return withTruths(
    index,
    settlePending(open, (path) => (isReached(path) ? seen.get(path) : undefined)),
  );
}

/** 'hidden' where that is not to be found out: then it stays as uncertain as it is. What cannot exist there is not there. */
async function lookAt(target: Target, path: RelPath): Promise<RemoteFile | 'hidden' | undefined> {
  try {
    return await target.stat(path);
  } catch (error) {
    const { code } = problemOf(path, 'scan', error);
    return code === 'BAD_NAME' ? undefined : 'hidden';
  }
}

/** Undefined where it may not be read: then it is sent. */
async function contentOf(target: Target, path: RelPath): Promise<Digest | undefined> {
  try {
    return await digestOf(target, path);
  } catch (error) {
    problemOf(path, 'scan', error);
    return undefined;
  }
}

/** What is wanted there is sent, and says itself why it cannot be. */
function leaveClosed(): void {}
