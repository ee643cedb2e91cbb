/**
 * The SFTP protocol, version 3 (draft-ietf-secsh-filexfer-02), as a client writes and reads it: requests to bytes, bytes
 * to replies. Nothing here sends or waits.
 *
 * Tens of thousands of small files are a few hundred thousand packets, so both directions work in place: many requests
 * stand in one buffer, and a reply is read where it lies.
 */
import { TargetError } from '../../errors.js';

/** The flags of OPEN. */
export const OPEN = { read: 0x01, write: 0x02, create: 0x08, truncate: 0x10, exclusive: 0x20 } as const;

/** Codes of a STATUS reply (section 7). */
export const STATUS = {
  ok: 0,
  endOfFile: 1,
  noSuchFile: 2,
  denied: 3,
  failure: 4,
  badMessage: 5, // what OpenSSH makes of ENAMETOOLONG and EINVAL
  noConnection: 6,
  connectionLost: 7,
  unsupported: 8,
} as const;

export const REQUEST = {
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  handleStat: 8,
  setStat: 9,
  setHandleStat: 10,
  openFolder: 11,
  readFolder: 12,
  remove: 13,
  makeFolder: 14,
  removeFolder: 15,
  realPath: 16,
  stat: 17,
  rename: 18,
} as const;

export const REPLY = { version: 2, status: 101, handle: 102, data: 103, names: 104, attributes: 105, extended: 201 };

const INIT = 1;
const VERSION = 3;
const EXTENDED = 200;
const ATTRIBUTE = { size: 1, owner: 2, mode: 4, times: 8, extended: 0x8000_0000 } as const;
const BATCH_BYTES = 256 * 1024;
const S_IFMT = 0o170000;
const HEADER_BYTES = 9; // length, type, id
const MOST_REPLY_BYTES = 1024 * 1024; // four times what OpenSSH sends at most

/** The extension of that name. */
export const COPY_DATA = 'copy-data';
export const POSIX_RENAME = 'posix-rename@openssh.com';

interface Span {
  readonly offset: number;
  readonly length: number;
}

/** What is said of a file: `size` in bytes, `mode` with the bits of its kind, `mtime` in seconds; 0 where unsaid. `owner` by number. */
export interface Attributes {
  readonly size: number;
  readonly mode: number;
  readonly mtime: number;
  readonly owner: number | undefined;
}

export interface Named {
  readonly name: string;
  readonly attributes: Attributes;
}

/** What a mode says that lies there. */
export function kindOf(mode: number): 'file' | 'folder' | 'link' | 'other' {
  switch (mode & S_IFMT) {
    case 0o100000:
      return 'file';
    case 0o040000:
      return 'folder';
    case 0o120000:
      return 'link';
    default:
      return 'other';
  }
}

/** The first packet of a connection. */
export function init(): Buffer {
  return Buffer.from([0, 0, 0, 5, INIT, 0, 0, 0, VERSION]);
}

/** Writes requests one behind the other. What `take` hands out is never written to again. */
export class RequestWriter {
  #buffer = Buffer.alloc(0);
  #start = 0;
  #at = 0;

  /** How much there is to take. */
  get waitingBytes(): number {
    return this.#at - this.#start;
  }

  /** All requests since the last call. */
  take(): Buffer {
    const bytes = this.#buffer.subarray(this.#start, this.#at);
    this.#start = this.#at;
    return bytes;
  }

  /** A request that names one path and nothing else. */
  path(type: number, id: number, path: string): void {
    const bytes = Buffer.byteLength(path);
    this.#begin(type, id, 4 + bytes);
    this.#text(path, bytes);
  }

  twoPaths(type: number, id: number, from: string, to: string): void {
    const [fromBytes, toBytes] = [Buffer.byteLength(from), Buffer.byteLength(to)];
    this.#begin(type, id, 8 + fromBytes + toBytes);
    this.#text(from, fromBytes);
    this.#text(to, toBytes);
  }

  /** An extension that takes these texts. */
  extended(id: number, name: string, ...texts: readonly string[]): void {
    const all = [name, ...texts];
    this.#begin(
      EXTENDED,
      id,
      all.reduce((sum, text) => sum + 4 + Buffer.byteLength(text), 0),
    );
    for (const text of all) this.#text(text, Buffer.byteLength(text));
  }

  /** An extension that takes an open file. */
  extendedHandle(id: number, name: string, handle: Uint8Array): void {
    this.#begin(EXTENDED, id, 4 + name.length + 4 + handle.length);
    this.#text(name, name.length);
    this.#bytes(handle);
  }

  /** `length` bytes of one open file into another one (draft-ietf-secsh-filexfer-extensions-00, section 7). */
  copyData(id: number, from: Uint8Array, { offset, length }: Span, to: Uint8Array, position: number): void {
    const name = COPY_DATA;
    this.#begin(EXTENDED, id, 4 + name.length + 4 + from.length + 16 + 4 + to.length + 8);
    this.#text(name, name.length);
    this.#bytes(from);
    this.#uint64(offset);
    this.#uint64(length);
    this.#bytes(to);
    this.#uint64(position);
  }

  /** A request that names one handle and nothing else. */
  handle(type: number, id: number, handle: Uint8Array): void {
    this.#begin(type, id, 4 + handle.length);
    this.#bytes(handle);
  }

  /** A new file gets `mode`, less the server's umask. */
  open(id: number, path: string, flags: number, mode: number): void {
    const bytes = Buffer.byteLength(path);
    this.#begin(REQUEST.open, id, 4 + bytes + 12);
    this.#text(path, bytes);
    this.#uint32(flags);
    this.#uint32(ATTRIBUTE.mode);
    this.#uint32(mode);
  }

  read(id: number, handle: Uint8Array, offset: number, length: number): void {
    this.#begin(REQUEST.read, id, 4 + handle.length + 12);
    this.#bytes(handle);
    this.#uint64(offset);
    this.#uint32(length);
  }

  write(id: number, handle: Uint8Array, offset: number, content: Uint8Array): void {
    this.#begin(REQUEST.write, id, 4 + handle.length + 8 + 4 + content.length);
    this.#bytes(handle);
    this.#uint64(offset);
    this.#bytes(content);
  }

  mode(type: number, id: number, path: string, mode: number): void {
    const bytes = Buffer.byteLength(path);
    this.#begin(type, id, 4 + bytes + 8);
    this.#text(path, bytes);
    this.#uint32(ATTRIBUTE.mode);
    this.#uint32(mode);
  }

  /** Mode and both times of a file, by its handle or its path; `mtime` in seconds. */
  setStat(
    type: number,
    id: number,
    file: Uint8Array,
    { mode, mtime }: { readonly mode: number; readonly mtime: number },
  ): void {
    this.#begin(type, id, 4 + file.length + 16);
    this.#bytes(file);
    this.#uint32(ATTRIBUTE.mode | ATTRIBUTE.times);
    this.#uint32(mode);
    this.#uint32(mtime);
    this.#uint32(mtime);
  }

  #begin(type: number, id: number, bodyBytes: number): void {
    const needed = HEADER_BYTES + bodyBytes;
    if (this.#at + needed > this.#buffer.length) this.#makeRoom(needed);
    this.#uint32(needed - 4);
    this.#buffer[this.#at++] = type;
    this.#uint32(id);
  }

  /** A new buffer, which begins with what was not taken yet. */
  #makeRoom(needed: number): void {
    const waiting = this.take();
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(BATCH_BYTES, waiting.length + needed));
    waiting.copy(this.#buffer);
    this.#start = 0;
    this.#at = waiting.length;
  }

  #uint32(value: number): void {
    this.#at = this.#buffer.writeUInt32BE(value, this.#at);
  }

  #uint64(value: number): void {
    this.#uint32(Math.floor(value / 2 ** 32));
    this.#uint32(value % 2 ** 32);
  }

  #text(text: string, bytes: number): void {
    this.#uint32(bytes);
    this.#at += this.#buffer.write(text, this.#at, bytes, 'utf8');
  }

  #bytes(bytes: Uint8Array): void {
    this.#uint32(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }
}

/**
 * Finds the replies in what a server sends. Each is shown where it lies, so it is good during the call only. Throws a
 * TargetError at whatever cannot be a reply.
 */
export class ReplyReader {
  readonly #reply = new Reply();
  #pending: Buffer | undefined;

  push(chunk: Buffer, show: (reply: Reply) => void): void {
    let rest = this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#pending = undefined;
    let at = 0;
    while (rest.length - at >= 4) {
      const length = rest.readUInt32BE(at);
      if (length === 0 || length > MOST_REPLY_BYTES) throw malformed(rest);
      if (rest.length - at < 4 + length) break;
      show(this.#reply.at(rest, at + 4, at + 4 + length));
      at += 4 + length;
    }
    if (at > 0) rest = rest.subarray(at);
    if (rest.length > 0) this.#pending = rest;
  }
}

/** One reply, read field by field in the order of the protocol. */
export class Reply {
  #buffer: Buffer = Buffer.alloc(0);
  #next = 0;
  #end = 0;
  type = 0;
  /** Of the request it answers. VERSION answers none, and has its version number here. */
  id = 0;

  at(buffer: Buffer, start: number, end: number): this {
    this.#buffer = buffer;
    this.#next = start + 1;
    this.#end = end;
    this.type = buffer[start] ?? 0;
    this.id = this.uint32();
    return this;
  }

  get isOver(): boolean {
    return this.#next >= this.#end;
  }

  uint32(): number {
    this.#require(4);
    this.#next += 4;
    return this.#buffer.readUInt32BE(this.#next - 4);
  }

  /** Exact up to 2^53, which is more than any size. */
  uint64(): number {
    return this.uint32() * 2 ** 32 + this.uint32();
  }

  /** A part of what the server sent, not a copy. */
  bytes(): Buffer {
    const length = this.uint32();
    this.#require(length);
    this.#next += length;
    return this.#buffer.subarray(this.#next - length, this.#next);
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  attributes(): Attributes {
    const flags = this.uint32();
    const size = flags & ATTRIBUTE.size ? this.uint64() : 0;
    const owner = flags & ATTRIBUTE.owner ? this.uint32() : undefined;
    if (flags & ATTRIBUTE.owner) this.uint32(); // the group
    const mode = flags & ATTRIBUTE.mode ? this.uint32() : 0;
    if (flags & ATTRIBUTE.times) this.uint32(); // the time of the last access
    const mtime = flags & ATTRIBUTE.times ? this.uint32() : 0;
    if (flags & ATTRIBUTE.extended) for (let left = this.uint32() * 2; left > 0; left--) this.bytes();
    return { size, mode, mtime, owner };
  }

  names(): Named[] {
    const found: Named[] = [];
    for (let left = this.uint32(); left > 0; left--) {
      const name = this.text();
      this.bytes(); // the line that `ls -l` would print
      found.push({ name, attributes: this.attributes() });
    }
    return found;
  }

  #require(bytes: number): void {
    if (this.#next + bytes > this.#end)
      throw new TargetError('unreachable', 'the server sent a reply that ends too early');
  }
}

function malformed(bytes: Buffer): TargetError {
  // What a login script prints would come here.
  const said = JSON.stringify(bytes.toString('latin1', 0, 60));
  return new TargetError('unreachable', `the server does not speak SFTP: it sent ${said}`);
}
