/**
 * Origins: where a target has the content already that it is to get under another name. A copy made there costs a request
 * or a few, whatever its size.
 */
import type { Digest, Entry } from './entry.js';
import type { EntryTable } from './entry-table.js';
import { isPacked } from './packed.js';
import { isStop, type Work } from './work.js';

/** Smaller content is sent sooner than the requests are that copy it. Bytes. */
const LEAST_COPIED_BYTES = 2048;

/** To send less is sooner done than to find out what of it is new. Bytes. */
const LEAST_PATCHED_BYTES = 4 * 1024;
/** A signature takes 2 ms for a MiB: for what is larger that is more than it is likely to save. */
const MOST_PATCHED_BYTES = 256 * 1024 * 1024;

const MOST_ORIGINS = 8;

/** What a target can do with what it holds. */
interface Means {
  readonly hardlink: boolean;
  readonly serverCopy: boolean;
}

/** Entries of `held` with the content of one of `wanted`, by what it is: a few of each that differ in time or mode. */
export function* originsIn(held: EntryTable, wanted: readonly Entry[]): Work<Map<Digest, Entry[]>> {
  const origins = new Map<Digest, Entry[]>();
  if (held.length === 0) return origins;
  const contents = new Set<Digest>();
  for (const [at, { digest }] of wanted.entries()) {
    if (isStop(at)) yield;
    contents.add(digest);
  }
  yield* held.seeking(contents, (entry) => {
    const others = origins.get(entry.digest);
    if (others === undefined) origins.set(entry.digest, [entry]);
    else if (others.length < MOST_ORIGINS && !others.some((other) => areAlike(other, entry))) others.push(entry);
  });
  return origins;
}

/** Whether a new version of a file is worth being made of the former one, and so the file a signature. */
export function isPatched({ path, size }: Pick<Entry, 'path' | 'size'>): boolean {
  return size >= LEAST_PATCHED_BYTES && size <= MOST_PATCHED_BYTES && !isPacked(path);
}

function areAlike(a: Entry, b: Entry): boolean {
  return a.mtime === b.mtime && a.mode === b.mode;
}

/**
 * How `wanted` is made of `origin`, which has its content. A second name has the time and the mode of the first one for ever,
 * so it must be meant to have them.
 */
export function wayFrom(origin: Entry, wanted: Entry, { hardlink, serverCopy }: Means): 'link' | 'copy' | undefined {
  if (hardlink && areAlike(origin, wanted)) return 'link';
  return serverCopy && wanted.size >= LEAST_COPIED_BYTES ? 'copy' : undefined;
}
