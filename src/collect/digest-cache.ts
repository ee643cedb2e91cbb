/**
 * DigestCache: what is remembered of the content of a tree's files, so that an unchanged file is not read again.
 *
 * A digest is believed while the file's stamp is the one it had when it was read. The cache also carries the published
 * mtime of a content: a file that was touched, or written anew with the same bytes, keeps the one it had.
 */
import { type CachedDigest, CacheEncoder, type CacheRecord, readCache } from '../core/digest-cache-codec.js';
import { comparePaths, type RelPath } from '../core/relpath.js';
import { isCovered } from '../core/resolve.js';
import { IndexError } from '../errors.js';
import { type Pacer, sortPaced } from '../fs/pace.js';
import type { StateFolder } from '../fs/state.js';

export class DigestCache {
  readonly #folder: StateFolder;
  readonly #name: string;
  #entries: Map<RelPath, CachedDigest>;
  #isChanged = false;

  private constructor(folder: StateFolder, name: string, entries: Map<RelPath, CachedDigest>) {
    this.#folder = folder;
    this.#name = name;
    this.#entries = entries;
  }

  /** The cache of the tree `name`: empty if there is none in `folder`, or one that is damaged or of another version. */
  static async load(folder: StateFolder, name: 'sources' | 'root', pacer: Pacer): Promise<DigestCache> {
    const bytes = await folder.read(name);
    return new DigestCache(folder, name, bytes === undefined ? new Map() : await decode(bytes, pacer));
  }

  get(path: RelPath): CachedDigest | undefined {
    return this.#entries.get(path);
  }

  set(path: RelPath, entry: CachedDigest): void {
    this.#entries.set(path, entry);
    this.#isChanged = true;
  }

  delete(path: RelPath): void {
    if (this.#entries.delete(path)) this.#isChanged = true;
  }

  /** Makes `entries` all that is remembered, but for what lies at or below a place of `unknown`: that stays. */
  replace(entries: Map<RelPath, CachedDigest>, unknown: ReadonlySet<string>): void {
    for (const [path, entry] of this.#entries) {
      if (entries.get(path) === entry) continue;
      if (!entries.has(path) && isCovered(path, unknown)) entries.set(path, entry);
      else this.#isChanged = true;
    }
    if (entries.size !== this.#entries.size) this.#isChanged = true;
    this.#entries = entries;
  }

  /** Writes the cache if it has changed since it was loaded. Rejects as StateFolder does. */
  async save(pacer: Pacer): Promise<void> {
    if (!this.#isChanged) return;
    await this.#folder.write(this.#name, await encode(this.#entries, pacer));
    this.#isChanged = false;
  }
}

async function decode(bytes: Uint8Array, pacer: Pacer): Promise<Map<RelPath, CachedDigest>> {
  const entries = new Map<RelPath, CachedDigest>();
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

async function encode(entries: ReadonlyMap<RelPath, CachedDigest>, pacer: Pacer): Promise<Buffer> {
  const encoder = new CacheEncoder(entries.size);
  for (const [path, entry] of await sortPaced<CacheRecord>([...entries], byPath, pacer)) {
    encoder.add(path, entry);
    if (pacer.isDue) await pacer.breathe();
  }
  return encoder.finish();
}

function byPath(a: CacheRecord, b: CacheRecord): number {
  return comparePaths(a[0], b[0]);
}
