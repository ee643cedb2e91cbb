/**
 * PackedDigests: the digests of a cache, read where they lie. A hundred thousand take 10 MB, and nothing of them is made before it is
 * asked for.
 */
import { ByteWriter, damaged } from './bytes.js';
import {
  type CachedDigest,
  type CacheRecord,
  DIGEST_BYTES,
  HASH_BYTES,
  openCache,
  writeRecord,
} from './digest-cache-codec.js';
import { PathCursor } from './path-cursor.js';
import { BETWEEN_MARKS, PathMarks } from './path-marks.js';
import { isStop, type Work } from './work.js';

const NOT_FAR = 4; // records: mostly the path that comes next is asked for

export class PackedDigests implements Iterable<CacheRecord> {
  readonly length: number;
  readonly #content: Buffer;
  readonly #marks: PathMarks;
  /** Where the last search ended, and the path of the record before that, as far as it is known. */
  #cursor: DigestCursor | undefined;
  #position = -1;
  #path: string | undefined;
  #before: string | undefined;

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

  /** `records` are sorted by path, each path once. */
  static of(records: Iterable<CacheRecord>): PackedDigests {
    const writer = new ByteWriter();
    const marks = new PathMarks();
    let [before, length] = ['', 0];
    for (const [path, entry] of records) {
      if (PathMarks.isDue(length)) marks.note(path, writer.length);
      writeRecord(writer, before, path, entry);
      before = path;
      length++;
    }
    return new PackedDigests(Buffer.from(writer.finish()), length, marks);
  }

  /** It takes least where paths are asked for in their order, whether they are here or not. */
  find(path: string): CachedDigest | undefined {
    if (this.length === 0) return undefined;
    if (!this.#standsFor(path) && !this.#goOn(path)) this.#search(path);
    return this.#path === path ? this.#cursor?.digest() : undefined;
  }

  /** The position of the one that was found last. */
  get position(): number {
    return this.#position;
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

  /** Whether it stands where `path` is, or would be: at the first that is not before it, or at the last where all are. */
  #standsFor(path: string): boolean {
    const here = this.#path;
    if (here === undefined) return false;
    if (here < path) return this.#position + 1 === this.length;
    return here === path || (this.#before !== undefined && this.#before < path);
  }

  /** Goes there, if it is not far. */
  #goOn(path: string): boolean {
    if (this.#path === undefined || this.#path >= path) return false;
    for (let left = NOT_FAR; left > 0; left--) {
      this.#advance();
      if (this.#standsFor(path)) return true;
    }
    return false;
  }

  /** Goes there from the last mark before it. */
  #search(path: string): void {
    const mark = Math.max(0, this.#marks.before(path));
    const { path: before, offset } = this.#marks.at(mark);
    this.#cursor = new DigestCursor(this.#content, offset, before);
    this.#position = mark * BETWEEN_MARKS - 1;
    this.#path = mark === 0 ? '' : undefined;
    do this.#advance();
    while (!this.#standsFor(path));
  }

  #advance(): void {
    this.#before = this.#path;
    this.#cursor ??= new DigestCursor(this.#content);
    this.#cursor.next();
    this.#position++;
    this.#path = this.#cursor.path;
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
