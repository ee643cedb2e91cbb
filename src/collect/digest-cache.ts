/**
 * DigestCache: what is remembered of the content of a tree's files, so that an unchanged file is not read again.
 *
 * A digest is believed while the file's stamp is the one it had when it was read. The cache also carries the published
 * mtime of a content: a file that was touched, or written anew with the same bytes, keeps the one it had.
 */

import { CHECKSUM_BYTES } from '../core/bytes.js';
import { type CachedDigest, CacheEncoder, type CacheRecord } from '../core/digest-cache-codec.js';
import { PackedDigests } from '../core/packed-digests.js';
import { comparePaths } from '../core/relpath.js';
import { type Renewal, RenewedDigests } from '../core/renewed-digests.js';
import { isCovered } from '../core/resolve.js';
import { type SortedPaths, sortedPaths } from '../core/sorted-paths.js';
import { sorting } from '../core/sorting.js';
import { IndexError } from '../errors.js';
import { inSlices, Pacer } from '../fs/pace.js';
import type { StateFolder } from '../fs/state.js';

type Paths = Iterable<{ readonly path: string }> & { readonly length: number };

export class DigestCache {
  readonly #folder: StateFolder;
  readonly #name: string;
  /** As it was loaded. */
  readonly #packed: PackedDigests;
  readonly #since = new RenewedDigests();
  /** Of what was loaded, by position: 1 for what was asked for. */
  readonly #isAsked: Uint8Array;
  #size: number;
  #isChanged = false;

  private constructor(folder: StateFolder, name: string, packed: PackedDigests) {
    this.#folder = folder;
    this.#name = name;
    this.#packed = packed;
    this.#isAsked = new Uint8Array(packed.length);
    this.#size = packed.length;
  }

  /** The cache of the tree `name`: empty if there is none in `folder`, or one that is damaged or of another version. */
  static async load(folder: StateFolder, name: 'origins' | 'sources' | 'root', pacer: Pacer): Promise<DigestCache> {
    const bytes = await folder.read(name);
    return new DigestCache(folder, name, (bytes && (await read(bytes, pacer))) ?? PackedDigests.NONE);
  }

  /** Another one as soon as another cache was saved; '' where there is none. */
  static async sealOf(folder: StateFolder, name: 'root'): Promise<string> {
    return (await folder.readEnd(name, CHECKSUM_BYTES))?.toString('hex') ?? '';
  }

  /** The paths in the cache with this seal: what `load` would load, without what is known of them. Undefined where there is none. */
  static async pathsIn(folder: StateFolder, name: 'root', seal: string): Promise<SortedPaths | undefined> {
    const bytes = await folder.read(name);
    if (bytes?.subarray(-CHECKSUM_BYTES).toString('hex') !== seal) return undefined;
    const packed = await read(bytes, new Pacer());
    return packed && sortedPaths(packed.paths());
  }

  get size(): number {
    return this.#size;
  }

  /** It takes least where the paths are asked for in their order. */
  get(path: string): CachedDigest | undefined {
    const known = this.#packed.find(path);
    if (known !== undefined) this.#isAsked[this.#packed.position] = 1;
    return this.#since.has(path) ? this.#since.get(path) : known;
  }

  set(path: string, entry: CachedDigest): void {
    const known = this.get(path);
    this.#since.set(path, entry);
    if (known === undefined) this.#size++;
    const isSame = known?.stamp === entry.stamp && known.digest === entry.digest && known.hash === entry.hash;
    if (!isSame) this.#isChanged = true;
  }

  delete(path: string): void {
    if (this.get(path) === undefined) return;
    this.#since.set(path, undefined);
    this.#size--;
    this.#isChanged = true;
  }

  /**
   * Forgets what is not among `found`, but for what lies at or below the path of a problem: its state is unknown. Answers with how
   * many that were.
   */
  retain(found: Paths, problems: readonly { readonly path: string }[]): number {
    if (this.size <= found.length) return 0;
    const { size } = this;
    const paths = new Set(Array.from(found, ({ path }) => path));
    const unknown = new Set(problems.map(({ path }) => path));
    for (const known of [this.#packed.paths(), this.#since.paths()]) {
      for (const path of known) if (!paths.has(path) && !isCovered(path, unknown)) this.delete(path);
    }
    return size - this.size;
  }

  /** As `retain`, where the paths of all that was found have been asked for, or set. */
  retainAsked(problems: readonly { readonly path: string }[]): number {
    if (!this.#isAsked.includes(0)) return 0;
    const { size } = this;
    const unknown = new Set(problems.map(({ path }) => path));
    let at = 0;
    for (const path of this.#packed.paths())
      if (this.#isAsked[at++] === 0 && !isCovered(path, unknown)) this.delete(path);
    return size - this.size;
  }

  /** Writes the cache if it has changed since it was loaded. Rejects as StateFolder does. */
  async save(pacer: Pacer): Promise<void> {
    if (!this.#isChanged) return;
    const recent = await inOrder(this.#since.recent, pacer);
    const records = merged(merged(this.#packed, this.#since.packed()), recent);
    await this.#folder.write(this.#name, encode(records, this.size, pacer));
    this.#isChanged = false;
  }
}

/** Undefined for bytes that are damaged or of another version. */
async function read(bytes: Uint8Array, pacer: Pacer): Promise<PackedDigests | undefined> {
  try {
    return await inSlices(PackedDigests.reading(bytes), pacer);
  } catch (error) {
    if (error instanceof IndexError) return undefined;
    throw error;
  }
}

/** Piece by piece: ten megabytes for a hundred thousand files would come on top of all that is known of them. */
async function* encode(records: Iterable<CacheRecord>, count: number, pacer: Pacer): AsyncGenerator<Uint8Array> {
  const encoder = new CacheEncoder(count);
  for (const [path, entry] of records) {
    const piece = encoder.add(path, entry);
    if (piece !== undefined) yield piece;
    if (pacer.isDue) await pacer.breathe();
  }
  yield encoder.finish();
}

/** Both are sorted. */
function* merged(packed: Iterable<CacheRecord>, since: Iterable<Renewal>): Generator<CacheRecord, void> {
  const renewals = since[Symbol.iterator]();
  let next = renewals.next().value;
  for (const record of packed) {
    for (; next !== undefined && next[0] < record[0]; next = renewals.next().value) if (isKnown(next)) yield next;
    if (next?.[0] !== record[0]) yield record;
  }
  for (; next !== undefined; next = renewals.next().value) if (isKnown(next)) yield next;
}

function isKnown(renewal: Renewal): renewal is CacheRecord {
  return renewal[1] !== undefined;
}

/** After a first scan they are in order already, and a list of a hundred thousand pairs can be saved. */
async function inOrder(since: ReadonlyMap<string, Renewal[1]>, pacer: Pacer): Promise<Iterable<Renewal>> {
  let before = '';
  for (const path of since.keys()) {
    if (path < before) return inSlices(sorting<Renewal>([...since], byPath), pacer);
    before = path;
  }
  return since;
}

function byPath(a: Renewal, b: Renewal): number {
  return comparePaths(a[0], b[0]);
}
