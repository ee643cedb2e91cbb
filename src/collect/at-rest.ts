/**
 * atRest: a folder that something else fills, when nothing has come or gone in it for a while. A collectstatic takes all away
 * before it makes it anew; what is missing in between is not gone.
 */
import { statSync } from 'node:fs';
import { ancestorsOf, type RelPath } from '../core/relpath.js';
import type { Snapshot } from '../core/snapshot.js';
import type { Pacer } from '../fs/pace.js';
import { isSystemError } from '../system-error.js';

const QUIET_MS = 1000;
const MOST_MS = 5000; // a person waits for it
const MOST_AHEAD_MS = 2000; // of another clock; what is further ahead was dated by hand

/** A look at the folder. */
export interface Look {
  readonly snapshot: Snapshot;
  /** When it was begun, in milliseconds since 1970. */
  readonly atMs: number;
}

/** What is there when it is at rest: `first`, if it was then. Undefined if it does not come to rest. Rejects as `scan` does. */
export async function atRest(
  root: string,
  missing: readonly RelPath[],
  first: Look,
  scan: () => Promise<Snapshot>,
  pacer: Pacer,
): Promise<Snapshot | undefined> {
  const endAt = performance.now() + MOST_MS;
  for (let last = first; ; ) {
    const quietAt = quietFrom(foldersOf(root, last.snapshot, missing));
    if (quietAt <= last.atMs) return last.snapshot;
    const left = Math.max(0, Math.ceil(quietAt - Date.now()) + 1); // a timer may be early by less than one
    if (performance.now() + left > endAt) return undefined;
    await pacer.rest(left);
    const atMs = Date.now();
    last = { snapshot: await scan(), atMs };
  }
}

/** Whether all of it was at rest when a part of it was looked at. `folders` are all that are known beside that, absolute. */
export function wasAtRest(
  root: string,
  missing: readonly RelPath[],
  { snapshot, atMs }: Look,
  folders: Iterable<string>,
): boolean {
  return quietFrom(new Set([...folders, ...foldersOf(root, snapshot, missing)])) <= atMs;
}

/** All that are known, absolute. */
function foldersOf(root: string, { entries }: Snapshot, missing: readonly RelPath[]): Set<string> {
  const folders = new Set([root]);
  for (const path of missing) for (const folder of ancestorsOf(path)) folders.add(`${root}/${folder}`);
  for (const { path } of entries) for (const folder of ancestorsOf(path)) folders.add(`${root}/${folder}`);
  return folders;
}

/**
 * From when on nothing had come or gone in any of them for long enough, in milliseconds since 1970. One that is gone has left its
 * mark above it.
 */
function quietFrom(folders: Iterable<string>): number {
  const latest = Date.now() + MOST_AHEAD_MS;
  let newest = 0;
  for (const folder of folders) {
    const time = changedAt(folder);
    if (time > newest && time < latest) newest = time;
  }
  return newest + QUIET_MS;
}

function changedAt(place: string): number {
  try {
    return statSync(place, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  } catch (error) {
    if (isSystemError(error)) return 0; // the scan tells of it
    throw error;
  }
}
