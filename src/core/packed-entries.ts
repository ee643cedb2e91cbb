/**
 * PackedEntries: entries as the bytes that a snapshot of an index is made of, read where they lie. A hundred thousand take
 * 5 MB, and nothing of them is made before it is asked for.
 *
 *   entry   path (length shared with the path before, rest), size, mtime, mode, 32 bytes of digest
 */
import { ByteReader, ByteWriter, damaged } from './bytes.js';
import { type Digest, type Entry, type EntryCursor, isSameAt } from './entry.js';
import { readPath, writePath } from './path-codec.js';
import { PathCursor } from './path-cursor.js';
import { BETWEEN_MARKS, PathMarks } from './path-marks.js';
import { isControl, parseRelPath, type RelPath } from './relpath.js';
import { atOnce, isStop, type Work } from './work.js';

const DIGEST_BYTES = 32;
const BEGINNING_BYTES = 6; // of a digest, as a number
const LAST_MTIME = 2 ** 32 - 1; // SFTP version 3 carries 32 bits, unsigned
const LEAST_ENTRY_BYTES = 2 + 1 + 1 + 1 + 1 + DIGEST_BYTES;

/** What has to be known of packed entries to find one of them. */
interface Contents {
  readonly length: number;
  readonly fileBytes: number;
  readonly marks: PathMarks;
}

export class PackedEntries {
  readonly length: number;
  /** The sum of the sizes of the files. */
  readonly fileBytes: number;
  readonly content: Buffer;
  readonly #marks: PathMarks;

  /** Of what an EntryPacker has packed, or somebody has looked through. */
  constructor(content: Buffer, { length, fileBytes, marks }: Contents) {
    this.content = content;
    this.length = length;
    this.fileBytes = fileBytes;
    this.#marks = marks;
  }

  /** `entries` are sorted by path, each path once. */
  static of(entries: Iterable<Entry>): PackedEntries {
    return atOnce(PackedEntries.packing(entries));
  }

  /** As `of`. */
  static *packing(entries: Iterable<Entry>): Work<PackedEntries> {
    const packer = new EntryPacker();
    let at = 0;
    for (const entry of entries) {
      packer.add(entry);
      if (isStop(at++)) yield;
    }
    return packer.finish();
  }

  /** The rest of what `reader` reads, which nobody has checked. Throws an IndexError 'damaged'. */
  static from(reader: ByteReader): PackedEntries {
    const length = reader.count(LEAST_ENTRY_BYTES);
    const content = reader.rest();
    let before = '';
    for (let at = 0; at < length; at++) {
      const path = readRelPath(reader, before);
      if (at > 0 && path <= before) throw damaged('the paths of its snapshot are not in order');
      readEntry(reader, path);
      before = path;
    }
    reader.end();
    return new PackedEntries(content, contentsOf(content, length));
  }

  /** The rest of what `reader` reads, of which it is known that `from` would not throw. */
  static fromSound(reader: ByteReader): PackedEntries {
    const length = reader.count(LEAST_ENTRY_BYTES);
    const content = reader.rest();
    return new PackedEntries(content, contentsOf(content, length));
  }

  find(path: RelPath): Entry | undefined {
    const at = this.#marks.before(path);
    if (at < 0) return undefined;
    const cursor = this.#cursorAt(at);
    const wanted = Buffer.from(path);
    const end = Math.min(BETWEEN_MARKS, this.length - at * BETWEEN_MARKS);
    for (let i = 0; i < end; i++) {
      cursor.next();
      if (cursor.isAt(wanted)) return cursor.entry();
    }
    return undefined;
  }

  /** Over those from the first on whose path is not before `path`. */
  cursor(path = ''): EntryCursor {
    const cursor = this.#cursorAt(Math.max(0, this.#marks.before(path)));
    cursor.stopBefore(path);
    return cursor;
  }

  /** Calls `found` with those that have one of these contents. */
  *seeking(digests: ReadonlySet<Digest>, found: (entry: Entry) => void): Work<void> {
    const beginnings = new Set<number>();
    let seen = 0;
    for (const digest of digests) {
      if (isStop(seen++)) yield;
      beginnings.add(Number.parseInt(digest.slice(0, 2 * BEGINNING_BYTES), 16));
    }
    const cursor = new Cursor(this.content);
    for (let at = 0; at < this.length; at++) {
      if (isStop(at)) yield;
      cursor.next();
      if (!beginnings.has(cursor.beginningOfDigest)) continue;
      const entry = cursor.entry();
      if (digests.has(entry.digest)) found(entry);
    }
  }

  #cursorAt(mark: number): Cursor {
    const { path, offset } = this.#marks.at(mark);
    return new Cursor(this.content, offset, path);
  }
}

/** Packs entries that come one after another, sorted by path, each path once. */
export class EntryPacker {
  readonly #writer = new ByteWriter();
  readonly #marks = new PathMarks();
  #length = 0;
  #fileBytes = 0;
  #last = '';

  get length(): number {
    return this.#length;
  }

  /** Whether one with this path may come next. */
  takes(path: RelPath): boolean {
    return path > this.#last;
  }

  add(entry: Entry): void {
    const writer = this.#writer;
    if (PathMarks.isDue(this.#length)) this.#marks.note(entry.path, writer.length);
    writePath(writer, this.#last, entry.path);
    writeEntry(writer, entry);
    this.#last = entry.path;
    this.#fileBytes += entry.size;
    this.#length++;
  }

  /** All that came. No more may. */
  finish(): PackedEntries {
    const [length, fileBytes, marks] = [this.#length, this.#fileBytes, this.#marks];
    return new PackedEntries(this.#writer.finish(), { length, fileBytes, marks });
  }
}

class Cursor extends PathCursor<RelPath> implements EntryCursor {
  size = 0;
  mode = 0;
  #mtime = 0;
  #digestAt = 0;
  #isAhead = false;

  next(): boolean {
    if (this.#isAhead) {
      this.#isAhead = false;
      return true;
    }
    if (this.offset === this.content.length) return false;
    this.nextPath();
    this.size = this.number();
    this.#mtime = this.number();
    this.mode = this.number();
    this.#digestAt = this.skip(DIGEST_BYTES);
    return true;
  }

  /** The next one is the first whose path is not before `path`. */
  stopBefore(path: string): void {
    while (this.next()) {
      this.#isAhead = this.path >= path;
      if (this.#isAhead) return;
    }
  }

  get standing(): EntryCursor {
    return this;
  }

  isAs({ standing }: EntryCursor): boolean {
    if (!(standing instanceof Cursor)) return isSameAt(this, standing);
    const [mine, others] = [this.#digestAt, standing.#digestAt];
    return (
      this.size === standing.size &&
      this.mode === standing.mode &&
      this.isAtPathOf(standing) &&
      this.content.compare(standing.content, others, others + DIGEST_BYTES, mine, mine + DIGEST_BYTES) === 0
    );
  }

  get beginningOfDigest(): number {
    return this.content.readUIntBE(this.#digestAt, BEGINNING_BYTES);
  }

  entry(): Entry {
    return {
      path: this.path,
      size: this.size,
      mtime: this.#mtime,
      mode: this.mode,
      digest: this.content.toString('hex', this.#digestAt, this.#digestAt + DIGEST_BYTES),
    };
  }
}

function contentsOf(content: Buffer, length: number): Contents {
  const cursor = new Cursor(content);
  const marks = new PathMarks();
  let fileBytes = 0;
  for (let at = 0; at < length; at++) {
    const offset = cursor.offset;
    cursor.next();
    if (PathMarks.isDue(at)) marks.note(cursor.path, offset);
    fileBytes += cursor.size;
  }
  return { length, fileBytes, marks };
}

export function writeEntry(writer: ByteWriter, entry: Entry): void {
  writer.number(entry.size).number(entry.mtime).number(entry.mode).hex(entry.digest);
}

/** Throws an IndexError 'damaged'. */
export function readEntry(reader: ByteReader, path: RelPath): Entry {
  const size = reader.number();
  const mtime = reader.number();
  const mode = reader.number();
  if (mode > 0o7777) throw damaged('it holds a mode that is none');
  if (mtime > LAST_MTIME) throw damaged('it holds a time that is none');
  return { path, size, mtime, mode, digest: reader.hex(2 * DIGEST_BYTES) };
}

/** A path that a server named is one only if it could be published. Throws an IndexError 'damaged'. */
export function readRelPath(reader: ByteReader, before: string): RelPath {
  const path = parseRelPath(readPath(reader, before));
  if (path === undefined || isControl(path)) throw damaged('it holds a path that cannot be published');
  return path;
}
