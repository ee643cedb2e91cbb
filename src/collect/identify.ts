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
  const identifying = new Identifying(options);
  const files: Identified[] = [];
  options.onFound?.(found.length);
  await identifying.take(found, (file) => files.push(file));
  return { files, problems: identifying.end() };
}

/** As `identify`, for files that come some at a time: whoever makes it knows how many they are, and tells `onFound`. */
export class Identifying {
  readonly #options: IdentifyOptions;
  readonly #patience: Patience;
  readonly #problems: Problem[] = [];
  #files = 0;
  #bytes = 0;

  constructor(options: IdentifyOptions) {
    this.#options = options;
    this.#patience = new Patience(options.pacer);
  }

  /** Calls `take` for each of `found` that can be identified. */
  async take(found: readonly Found[], take: (file: Identified) => void): Promise<void> {
    const { step, pacer, helper, onEntry } = this.#options;
    // The helper is told before anything is read: of two with one path both are.
    const isUnread = helper && found.map((file) => this.#knownOf(file) === undefined);
    const unread = isUnread && found.filter((_, at) => isUnread[at]);
    const together = unread && this.#readTogether(unread, helper);
    try {
      for (const [at, file] of found.entries()) {
        const isShared = isUnread?.[at] === true;
        const digest = isShared ? undefined : this.#knownOf(file);
        try {
          const byHelper = isShared ? await together?.next() : undefined;
          const identified =
            digest === undefined
              ? await read(file, this.#options, this.#patience, byHelper)
              : identifiedAs(file, file, digest);
          take(identified);
          this.#files++;
          onEntry?.(identified.entry);
        } catch (error) {
          this.#problems.push(problemOf(file.path, step, error));
        }
        this.#bytes += file.size;
        if (pacer.isDue) {
          this.#tell();
          await pacer.breathe();
        }
      }
    } finally {
      await together?.end();
    }
  }

  /** No more will come. Answers with the problems that were met. */
  end(): readonly Problem[] {
    this.#tell();
    return this.#problems;
  }

  #tell(): void {
    this.#options.onProgress?.({ files: this.#files, bytes: this.#bytes });
  }

  #knownOf({ path, stamp }: Found): CachedDigest | undefined {
    const { cache, reread, also } = this.#options;
    const known = cache.get(path);
    const isKnown = known?.stamp === stamp && reread === undefined && (also === undefined || known.hash);
    return isKnown ? known : undefined;
  }

  /** Undefined where that does not pay. */
  #readTogether(unread: readonly Found[], helper: Helper): Together<Found, Reading> | undefined {
    const { also } = this.#options;
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
