/**
 * identify: what walk found, with the digest of each file: from the cache where its stamp agrees, else by reading.
 */
import type { CachedDigest } from '../core/digest-cache-codec.js';
import type { RelPath } from '../core/relpath.js';
import type { Entry } from '../core/snapshot.js';
import type { Problem, ProblemStep } from '../errors.js';
import type { Pacer } from '../fs/pace.js';
import { digestFile } from './digest.js';
import type { DigestCache } from './digest-cache.js';
import { problemOf } from './trouble.js';
import type { Found } from './walk.js';

/** How far it is: files and their bytes, whether they had to be read or not. */
export interface Progress {
  readonly files: number;
  readonly bytes: number;
}

export interface IdentifyOptions {
  /** The step that problems belong to. */
  readonly step: ProblemStep;
  readonly cache: DigestCache;
  readonly pacer: Pacer;
  /** Read every file, whatever its stamp says. */
  readonly reread?: 'all' | undefined;
  /** Called every few milliseconds, and at the end. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface Identified<F extends Found = Found> {
  readonly found: F;
  readonly entry: Entry;
}

export interface Identification<F extends Found> {
  readonly files: readonly Identified<F>[];
  readonly problems: readonly Problem[];
}

/**
 * Identifies `found` in its order; a file that cannot be read is a problem. The cache holds these files afterwards,
 * and what it had at or below the places in `unknown`.
 */
export async function identify<F extends Found>(
  found: readonly F[],
  unknown: ReadonlySet<string>,
  { step, cache, pacer, reread, onProgress }: IdentifyOptions,
): Promise<Identification<F>> {
  const files: Identified<F>[] = [];
  const problems: Problem[] = [];
  const remembered = new Map<RelPath, CachedDigest>();
  let bytes = 0;
  for (const file of found) {
    const known = cache.get(file.path);
    if (known !== undefined && known.stamp === file.stamp && reread === undefined) {
      remembered.set(file.path, known);
      files.push({ found: file, entry: entryOf(file, known) });
    } else {
      try {
        const reading = await digestFile(file.file, pacer);
        const fresh = renewed(known, reading);
        remembered.set(file.path, fresh);
        files.push({ found: file, entry: entryOf({ ...reading, path: file.path }, fresh) });
      } catch (error) {
        problems.push(problemOf(file.path, step, error));
      }
    }
    bytes += file.size;
    if (pacer.isDue) {
      onProgress?.({ files: files.length, bytes });
      await pacer.breathe();
    }
  }
  onProgress?.({ files: files.length, bytes });
  cache.replace(remembered, new Set([...unknown, ...problems.map(({ path }) => path)]));
  return { files, problems };
}

/** What is to be remembered after `known`. The published mtime stays as long as the content does. */
export function renewed(known: CachedDigest | undefined, { stamp, digest, mtime }: CachedDigest): CachedDigest {
  const published = known?.digest === digest ? known.mtime : mtime;
  if (known?.stamp === stamp && known.digest === digest) return known;
  return { stamp, digest, mtime: published };
}

function entryOf({ path, size, mode }: Pick<Entry, 'path' | 'size' | 'mode'>, { digest, mtime }: CachedDigest): Entry {
  return { path, size, digest, mtime, mode };
}
