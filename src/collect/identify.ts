/**
 * identify: what walk found, with the digest of each file: from the cache where its stamp agrees, else by reading.
 */
import type { CachedDigest } from '../core/digest-cache-codec.js';
import type { Digest, Entry } from '../core/entry.js';
import type { ContentHash } from '../core/manifest/hashed-name.js';
import type { RelPath } from '../core/relpath.js';
import { isLongQuiet } from '../core/unsettled.js';
import type { Problem, ProblemStep } from '../errors.js';
import type { Pacer } from '../fs/pace.js';
import { type Also, digestAtOnce, digestFile, type Reading } from './digest.js';
import { Patience, readSettled } from './read-settled.js';
import { inStamp } from './stamp.js';
import { type Helper, ReadFacts, type ReadList, Together } from './thread/helper.js';
import { problemOf } from './trouble.js';
import type { Found } from './walk.js';

/** How far it is: files and their bytes, whether they had to be read or not. */
export interface Progress {
  readonly files: number;
  readonly bytes: number;
}

/** What is remembered of the content of files, by path. A Map will do. */
export interface Digests {
  get(path: string): CachedDigest | undefined;
  set(path: string, entry: CachedDigest): unknown;
  delete(path: string): unknown;
}

export interface IdentifyOptions {
  /** The step that problems belong to. */
  readonly step: ProblemStep;
  readonly cache: Digests;
  readonly pacer: Pacer;
  /** Read every file, whatever its stamp says. */
  readonly reread?: 'all' | undefined;
  readonly also?: Also;
  /** The size that a file had when it was last taken, as in `Past`. Default: by the cache. */
  readonly sizeBefore?: ((path: RelPath) => number) | undefined;
  /** Takes part where there is much to read. What it reads is not shown to `keep`. */
  readonly helper?: Helper | undefined;
  /** Is shown each small content that was read, and must copy what it wants to keep. */
  readonly keep?: ((digest: Digest, bytes: Uint8Array) => void) | undefined;
  /** Is told how many files there are, before the first of them is read. */
  readonly onFound?: ((files: number) => void) | undefined;
  /** Is told of each file as soon as it is identified. */
  readonly onEntry?: ((entry: Entry) => void) | undefined;
  /** Called every few milliseconds, and at the end. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface Identified {
  readonly found: Found;
  readonly entry: Entry;
  /** If it was asked for. */
  readonly hash: ContentHash | undefined;
}

export interface Identification {
  readonly files: readonly Identified[];
  readonly problems: readonly Problem[];
}

/**
 * Identifies `found` in its order, and brings the cache up to date for them; a file that cannot be read, or is being written
 * for too long, is a problem.
 */
export async function identify(found: readonly Found[], options: IdentifyOptions): Promise<Identification> {
  const files: Identified[] = [];
  const problems = await identifyAll([...found], options, (file) => files.push(file));
  return { files, problems };
}

/** As `identify`, one file after another: `found` is empty in the end, so that what nobody else keeps takes no memory. */
export async function identifyAll(
  found: Found[],
  options: IdentifyOptions,
  take: (file: Identified) => void,
): Promise<readonly Problem[]> {
  const { step, cache, pacer, reread, also, helper, onFound, onEntry, onProgress } = options;
  onFound?.(found.length);
  const knownOf = (file: Found): CachedDigest | undefined => {
    const known = cache.get(file.path);
    const isKnown = known?.stamp === file.stamp && reread === undefined && (also === undefined || known.hash);
    return isKnown ? known : undefined;
  };
  const isUnread = found.map((file) => knownOf(file) === undefined); // before anything is read: two with one path are both read
  const together =
    helper &&
    readTogether(
      found.filter((_, at) => isUnread[at]),
      helper,
      also,
    );
  const patience = new Patience(pacer);
  const problems: Problem[] = [];
  let [files, bytes] = [0, 0];
  try {
    found.reverse();
    for (let at = 0, file = found.pop(); file !== undefined; at++, file = found.pop()) {
      const digest = isUnread[at] === true ? undefined : knownOf(file);
      try {
        const byHelper = isUnread[at] === true ? await together?.next() : undefined;
        const identified =
          digest === undefined ? await read(file, options, patience, byHelper) : identifiedAs(file, file, digest);
        take(identified);
        files++;
        onEntry?.(identified.entry);
      } catch (error) {
        problems.push(problemOf(file.path, step, error));
      }
      bytes += file.size;
      if (pacer.isDue) {
        onProgress?.({ files, bytes });
        await pacer.breathe();
      }
    }
  } finally {
    await together?.end();
  }
  onProgress?.({ files, bytes });
  return problems;
}

/** Undefined where that does not pay. */
function readTogether(unread: readonly Found[], helper: Helper, also: Also): Together<Found, Reading> | undefined {
  return Together.begin(helper, unread, (files, turn) => {
    const memory = ReadFacts.memoryFor(files.length);
    const facts = new ReadFacts(memory);
    const list: ReadList = {
      kind: 'read',
      files: files.map(({ file }) => file),
      sizes: files.map(({ size }) => size),
      stamps: files.map(({ stamp }) => stamp),
      also,
      turn,
      facts: memory,
    };
    return { list, madeOf: (at) => facts.get(at, files[at] as Found, also) };
  });
}

/** What is to be remembered after `known`. The published mtime stays as long as the content does. */
export function renewed(known: CachedDigest | undefined, { stamp, digest, mtime, hash }: CachedDigest): CachedDigest {
  return { stamp, digest, mtime: known?.digest === digest ? known.mtime : mtime, hash };
}

async function read(
  found: Found,
  options: IdentifyOptions,
  patience: Patience,
  byHelper: Reading | undefined,
): Promise<Identified> {
  const { cache, keep, also } = options;
  const { path, file, size, stamp } = found;
  const atOnce = byHelper === undefined ? digestAtOnce(file, size, stamp, also) : undefined;
  if (atOnce !== undefined) keep?.(atOnce.digest, atOnce.bytes);
  const first = byHelper ?? atOnce;
  const isSettled = first !== undefined && isLongQuiet(first.mtime, Date.now());
  const reading = isSettled ? first : await readWhole(found, first, options, patience);
  const fresh = renewed(cache.get(path), reading);
  cache.set(path, fresh);
  return identifiedAs(found, reading, fresh);
}

function readWhole(
  { path, file, stamp }: Found,
  first: Reading | undefined,
  { cache, pacer, also, sizeBefore }: IdentifyOptions,
  patience: Patience,
): Promise<Reading> {
  const known = cache.get(path);
  const moving = {
    file,
    listedAs: stamp,
    sizeBefore: () => (sizeBefore === undefined ? sizeOf(known) : sizeBefore(path)),
    isTaken: ({ digest }: Reading) => digest === known?.digest,
  };
  return readSettled(moving, first, () => digestFile(file, pacer, undefined, also), patience);
}

/** See `Past`. */
function sizeOf(known: CachedDigest | undefined): number {
  return known === undefined ? 0 : (inStamp(known.stamp)?.size ?? Number.POSITIVE_INFINITY);
}

function identifiedAs(
  found: Found,
  { size, mode }: Pick<Entry, 'size' | 'mode'>,
  { digest, mtime, hash }: CachedDigest,
): Identified {
  return { found, entry: { path: found.path, size, digest, mtime, mode }, hash };
}
