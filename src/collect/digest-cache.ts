/**
 * DigestCache: what is remembered of the content of a tree's files, so that an unchanged file is not read again.
 *
 * A digest is believed while the file's stamp is the one it had when it was read. The cache also carries the published
 * mtime of a content: a file that was touched, or written anew with the same bytes, keeps the one it had.
 */

import { CHECKSUM_BYTES } from '../core/bytes.js';
import {
  type CachedDigest,
  CacheEncoder,
  type CacheRecord,
  cachedPaths,
  readCache,
} from '../core/digest-cache-codec.js';
import { comparePaths } from '../core/relpath.js';
import { isCovered } from '../core/resolve.js';
import { type SortedPaths, sortedPaths } from '../core/sorted-paths.js';
import { IndexError } from '../errors.js';
import { type Pacer, sortPaced } from '../fs/pace.js';
import type { StateFolder } from '../fs/state.js';

export class DigestCache {
  readonly #folder: StateFolder;
  readonly #name: string;
  readonly #entries: Map<string, CachedDigest>;
  #isChanged = false;

  private constructor(folder: StateFolder, name: string, entries: Map<string, CachedDigest>) {
    this.#folder = folder;
    this.#name = name;
    this.#entries = entries;
  }

  /** The cache of the tree `name`: empty if there is none in `folder`, or one that is damaged or of another version. */
  static async load(folder: StateFolder, name: 'origins' | 'sources' | 'root', pacer: Pacer): Promise<DigestCache> {
    const bytes = await folder.read(name);
    return new DigestCache(folder, name, bytes === undefined ? new Map() : await decode(bytes, pacer));
  }

  /** Another one as soon as another cache was saved; '' where there is none. */
  static async sealOf(folder: StateFolder, name: 'root'): Promise<string> {
    return (await folder.readEnd(name, CHECKSUM_BYTES))?.toString('hex') ?? '';
  }

  /** The paths in the cache with this seal: what `load` would load, without what is known of them. Undefined where there is none. */
  static async pathsIn(folder: StateFolder, name: 'root', seal: string): Promise<SortedPaths | undefined> {
    const bytes = await folder.read(name);
    const paths = bytes?.subarray(-CHECKSUM_BYTES).toString('hex') === seal ? cachedPaths(bytes) : undefined;
    return paths && sortedPaths(paths);
  }

  get size(): number {
    return this.#entries.size;
  }

  get(path: string): CachedDigest | undefined {
    return this.#entries.get(path);
  }

  set(path: string, entry: CachedDigest): void {
    const known = this.#entries.get(path);
    this.#entries.set(path, entry);
    const isSame = known?.stamp === entry.stamp && known.digest === entry.digest && known.hash === entry.hash;
    if (!isSame) this.#isChanged = true;
  }

  delete(path: string): void {
    if (this.#entries.delete(path)) this.#isChanged = true;
  }

  /**
   * Forgets what is not among `found`, but for what lies at or below the path of a problem: its state is unknown. Answers with how
   * many that were.
   */
  retain(found: readonly { readonly path: string }[], problems: readonly { readonly path: string }[]): number {
    if (this.size <= found.length) return 0;
    const { size } = this;
    const paths = new Set(found.map(({ path }) => path));
    const unknown = new Set(problems.map(({ path }) => path));
    for (const path of this.#entries.keys()) {
      if (!paths.has(path) && !isCovered(path, unknown)) this.delete(path);
    }
    return size - this.size;
  }

  /** Writes the cache if it has changed since it was loaded. Rejects as StateFolder does. */
  async save(pacer: Pacer): Promise<void> {
    if (!this.#isChanged) return;
    await this.#folder.write(this.#name, encode(this.#entries, pacer));
    this.#isChanged = false;
  }
}

async function decode(bytes: Uint8Array, pacer: Pacer): Promise<Map<string, CachedDigest>> {
  const entries = new Map<string, CachedDigest>();
  try {
    for (const [path, entry] of readCache(bytes)) {
      entries.set(path, entry);
      if (pacer.isDue) await pacer.breathe();
    }
  } catch (error) {
    if (error instanceof IndexError) return new Map();
    throw error;
  }
  return entries;
}

/** Piece by piece: ten megabytes for a hundred thousand files would come on top of all that is known of them. */
async function* encode(entries: ReadonlyMap<string, CachedDigest>, pacer: Pacer): AsyncGenerator<Uint8Array> {
  const encoder = new CacheEncoder(entries.size);
  for (const [path, entry] of await inOrder(entries, pacer)) {
    const piece = encoder.add(path, entry);
    if (piece !== undefined) yield piece;
    if (pacer.isDue) await pacer.breathe();
  }
  yield encoder.finish();
}

/** After a first scan they are in order already, and a list of a hundred thousand pairs can be saved. */
async function inOrder(entries: ReadonlyMap<string, CachedDigest>, pacer: Pacer): Promise<Iterable<CacheRecord>> {
  let before = '';
  for (const path of entries.keys()) {
    if (path < before) return sortPaced<CacheRecord>([...entries], byPath, pacer);
    before = path;
  }
  return entries;
}

function byPath(a: CacheRecord, b: CacheRecord): number {
  return comparePaths(a[0], b[0]);
}
