/**
 * Entry: one file of a tree at one moment. The common currency of scan, diff and the index.
 */
import { firstNotBefore } from './halving.js';
import { comparePaths, type RelPath } from './relpath.js';

/** SHA-256 of a file's content, 64 lower-case hexadecimal digits. */
export type Digest = string;

/** One file. */
export interface Entry {
  readonly path: RelPath;
  /** Bytes. */
  readonly size: number;
  readonly digest: Digest;
  /** Seconds since 1970, whole: all that SFTP version 3 carries. Part of a published file's identity. */
  readonly mtime: number;
  /** Permission bits only, such as 0o644. */
  readonly mode: number;
}

/** Goes over entries in their order, and makes of the one where it stands no more than is asked for. It begins before the first. */
export interface EntryCursor {
  /** Goes on to the next one; false where there is none. */
  next(): boolean;
  readonly path: RelPath;
  readonly mode: number;
  entry(): Entry;
  /** Itself, or the one that stands for it there. */
  readonly standing: EntryCursor;
  /** Whether `other` stands at the same path, content and mode. */
  isAs(other: EntryCursor): boolean;
}

/** Entries in the order that an EntryTable keeps. */
export function sortEntries<T extends { readonly path: RelPath }>(entries: Iterable<T>): T[] {
  return [...entries].sort((a, b) => comparePaths(a.path, b.path));
}

/** The entry of `path` in `entries`, which are sorted by path. */
export function findEntry(entries: readonly Entry[], path: RelPath): Entry | undefined {
  const found = entries[positionOf(entries, path)];
  return found?.path === path ? found : undefined;
}

/** The position of the first of the sorted `entries` whose path is not before `path`. */
export function positionOf(entries: readonly { readonly path: RelPath }[], path: string): number {
  return firstNotBefore(entries.length, (at) => (entries[at] as { readonly path: RelPath }).path < path);
}

/** Whether two entries are the same content. The name and the times do not matter. */
export function sameContent(a: Entry, b: Entry): boolean {
  return a.size === b.size && a.digest === b.digest;
}

/** Whether `a` and `b` stand at the same path, content and mode. */
export function isSameAt(a: EntryCursor, b: EntryCursor): boolean {
  return a.mode === b.mode && a.path === b.path && sameContent(a.entry(), b.entry());
}

/** The same entry where that is its mode. */
export function withMode(entry: Entry, mode: number): Entry {
  return entry.mode === mode ? entry : { ...entry, mode };
}

/** What all names of one file have in common: entries in which it is the same may be one file on a target. */
export function identityOf({ digest, mtime, mode }: Entry): string {
  return `${digest} ${mtime} ${mode}`;
}
