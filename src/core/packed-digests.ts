/**
 * PackedDigests: the digests of a cache, read where they lie. A hundred thousand take 10 MB, and nothing of them is made before it is
 * asked for.
 */
import { IndexError } from '../errors.js';
import { damaged } from './bytes.js';
import { type CachedDigest, type CacheRecord, DIGEST_BYTES, HASH_BYTES, openCache } from './digest-cache-codec.js';
import { PathCursor } from './path-cursor.js';
import { BETWEEN_MARKS, PathMarks } from './path-marks.js';
import { atOnce, isStop, type Work } from './work.js';

export class PackedDigests implements Iterable<CacheRecord> {
  readonly length: number;
  readonly #content: Buffer;
  readonly #marks: PathMarks;
  /** Where the last search ended. Most of them ask for the path that comes next. */
  #cursor: DigestCursor | undefined;
  #position = -1;
  #path: string | undefined;

  private constructor(content: Buffer, length: number, marks: PathMarks) {
    this.length = length;
    this.#content = content;
    this.#marks = marks;
  }

  static readonly NONE = new PackedDigests(Buffer.alloc(0), 0, new PathMarks());

  /** What CacheEncoder wrote. Throws an IndexError at whatever such bytes cannot be. */
  static *reading(bytes: Uint8Array): Work<PackedDigests> {
    const { content, count } = openCache(bytes);
    const cursor = new DigestCursor(content);
    const marks = new PathMarks();
    let before = '';
    for (let at = 0; at < count; at++) {
      const { offset } = cursor;
      cursor.next();
      const { path } = cursor;
      if (!cursor.isSound(path)) throw damaged('it holds text that is not UTF-8');
      if (at > 0 && path <= before) throw damaged('its paths are not in order');
      if (PathMarks.isDue(at)) marks.note(path, offset);
      before = path;
      if (isStop(at)) yield;
    }
    if (cursor.offset < content.length) throw damaged('something is left over at its end');
    return new PackedDigests(content, count, marks);
  }

  find(path: string): CachedDigest | undefined {
    if (this.length === 0) return undefined;
    const isHere = this.#path === path || this.#advance() === path || this.#search(path) === path;
    return isHere ? this.#cursor?.digest() : undefined;
  }

  *paths(): Generator<string, void> {
    for (const cursor of this.#all()) yield cursor.path;
  }

  *[Symbol.iterator](): Generator<CacheRecord, void> {
    for (const cursor of this.#all()) yield [cursor.path, cursor.digest()];
  }

  *#all(): Generator<DigestCursor, void> {
    const cursor = new DigestCursor(this.#content);
    for (let at = 0; at < this.length; at++) {
      cursor.next();
      yield cursor;
    }
  }

  #advance(): string | undefined {
    if (this.#position + 1 === this.length) return undefined;
    this.#position++;
    this.#cursor ??= new DigestCursor(this.#content);
    this.#cursor.next();
    return (this.#path = this.#cursor.path);
  }

  /** Stands at the first that is not before `path`, or at the last of those among which it would be. */
  #search(path: string): string | undefined {
    const mark = Math.max(0, this.#marks.before(path));
    const { path: before, offset } = this.#marks.at(mark);
    this.#cursor = new DigestCursor(this.#content, offset, before);
    this.#position = mark * BETWEEN_MARKS - 1;
    for (let left = BETWEEN_MARKS; left > 0; left--) {
      const found = this.#advance();
      if (found === undefined || found >= path) break;
    }
    return this.#path;
  }
}

/** The records as a Map, for callers who need no pauses; undefined for bytes that are damaged or of another version. */
export function decodeCache(bytes: Uint8Array): Map<string, CachedDigest> | undefined {
  try {
    return new Map(atOnce(PackedDigests.reading(bytes)));
  } catch (error) {
    if (error instanceof IndexError) return undefined;
    throw error;
  }
}

/** Goes over records, and makes of them what is asked for. */
class DigestCursor extends PathCursor {
  #mtime = 0;
  #stampAt = 0;
  #digestAt = 0;
  #hasHash = false;

  /** Goes on to the next record, which must be there. */
  next(): void {
    this.nextPath();
    this.#mtime = this.number();
    const lengthAndFlag = this.number();
    this.#hasHash = lengthAndFlag % 2 === 1;
    this.#stampAt = this.skip(Math.floor(lengthAndFlag / 2));
    this.#digestAt = this.skip(DIGEST_BYTES);
    if (this.#hasHash) this.skip(HASH_BYTES);
  }

  digest(): CachedDigest {
    const end = this.#digestAt + DIGEST_BYTES;
    return {
      stamp: this.content.toString('latin1', this.#stampAt, this.#digestAt),
      digest: this.content.toString('hex', this.#digestAt, end),
      mtime: this.#mtime,
      hash: this.#hasHash ? this.content.toString('hex', end, end + HASH_BYTES) : undefined,
    };
  }
}
