/**
 * PathCursor: goes over records that each begin with a path as `writePath` wrote it, read where they lie: no text is made of a path
 * before it is asked for.
 *
 * Bytes that cannot be such records are an IndexError 'damaged'; whether a path is UTF-8 has to be asked for.
 */
import { damaged } from './bytes.js';

const FIRST_PATH_BYTES = 512;
const CONTINUES = 0x80; // of a byte of a number: another one follows
const NOT_ASCII = 0x80;

/** Paths are of the type that whoever wrote them knows that they are. */
export class PathCursor<Path extends string = string> {
  protected readonly content: Buffer;
  /** Where the next thing to be read begins. */
  offset: number;
  #path = Buffer.allocUnsafe(FIRST_PATH_BYTES);
  #pathBytes = 0;
  #isAscii = true;

  /** `before` is the path before the first record, or its own, which shares with itself what it shares with that. */
  constructor(content: Buffer, offset = 0, before = '') {
    this.content = content;
    this.offset = offset;
    this.#append(Buffer.from(before), 0, Buffer.byteLength(before), 0);
  }

  get path(): Path {
    return this.#path.toString(this.#isAscii ? 'latin1' : 'utf8', 0, this.#pathBytes) as Path;
  }

  /** Whether `path`, as it was just made, is all that the bytes say: what is not UTF-8 becomes something else. */
  isSound(path: string): boolean {
    return this.#isAscii || !path.includes('\ufffd') || this.isAt(Buffer.from(path));
  }

  isAt(path: Buffer): boolean {
    return path.length === this.#pathBytes && path.compare(this.#path, 0, this.#pathBytes) === 0;
  }

  isAtPathOf(other: PathCursor): boolean {
    const length = other.#pathBytes;
    return length === this.#pathBytes && this.#path.compare(other.#path, 0, length, 0, length) === 0;
  }

  /** Reads the path of the next record, which must be there. */
  protected nextPath(): void {
    const shared = this.#bytesOf(this.number());
    const length = this.number();
    if (shared > this.#pathBytes) throw damaged('a path shares more with the one before than that has');
    this.#append(this.content, this.skip(length), length, shared);
  }

  /** Goes on by `length` bytes. Answers with where they begin. */
  protected skip(length: number): number {
    if (length > this.content.length - this.offset) throw damaged('it ends too early');
    this.offset += length;
    return this.offset - length;
  }

  protected number(): number {
    let value = 0;
    for (let factor = 1; ; factor *= CONTINUES) {
      const byte = this.content[this.offset++];
      if (byte === undefined) throw damaged('it ends in the middle of a number');
      if (byte < CONTINUES) return value + byte * factor;
      value += (byte - CONTINUES) * factor;
    }
  }

  /** Byte by byte: a call for a few bytes takes longer. */
  #append(from: Buffer, start: number, length: number, at: number): void {
    while (at + length > this.#path.length) this.#path = Buffer.concat([this.#path, Buffer.alloc(this.#path.length)]);
    const path = this.#path;
    let isAscii = this.#isAscii || at === 0;
    for (let i = 0; i < length; i++) {
      const byte = from[start + i] as number;
      path[at + i] = byte;
      if (byte >= NOT_ASCII) isAscii = false;
    }
    this.#pathBytes = at + length;
    this.#isAscii = isAscii;
  }

  /** How many bytes the first `units` UTF-16 code units of the path take. */
  #bytesOf(units: number): number {
    if (this.#isAscii) return units;
    let at = 0;
    for (let left = units; left > 0 && at < this.#path.length; ) {
      const byte = this.#path[at] as number;
      const length = byte < NOT_ASCII ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
      at += length;
      left -= length === 4 ? 2 : 1; // what takes four bytes are two units
    }
    return at;
  }
}
