/**
 * The SFTP protocol, version 3 (draft-ietf-secsh-filexfer-02), as a server reads and writes it: bytes to requests,
 * answers to bytes. Nothing here touches a file. Client libraries speak the other half; none writes an answer to an
 * extended request, which is why the few packets stand here.
 */
import type { Stats } from 'node:fs';
import { TargetError } from '../errors.js';

/** Codes of a STATUS answer. */
export const STATUS = {
  ok: 0,
  eof: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  unsupported: 8,
} as const;

/** Bits of OPEN's flags. */
export const OPEN_FLAG = { read: 1, write: 2, append: 4, create: 8, truncate: 16, exclusive: 32 } as const;

/** What a client wants to set; what is undefined stays. Times in seconds. */
export interface SetAttributes {
  readonly size?: number;
  readonly mode?: number;
  readonly atime?: number;
  readonly mtime?: number;
}

interface FieldsOf {
  readonly OPEN: { readonly path: string; readonly flags: number; readonly attributes: SetAttributes };
  readonly READ: { readonly handle: number; readonly offset: number; readonly length: number };
  readonly WRITE: { readonly handle: number; readonly offset: number; readonly data: Buffer };
  readonly CLOSE: OnHandle;
  readonly FSTAT: OnHandle;
  readonly FSYNC: OnHandle;
  readonly FSETSTAT: OnHandle & { readonly attributes: SetAttributes };
  readonly READDIR: OnHandle;
  readonly LSTAT: OnPath;
  readonly STAT: OnPath;
  readonly SETSTAT: OnPath & { readonly attributes: SetAttributes };
  readonly OPENDIR: OnPath;
  readonly MKDIR: OnPath & { readonly attributes: SetAttributes };
  readonly RMDIR: OnPath;
  readonly REMOVE: OnPath;
  readonly REALPATH: OnPath;
  readonly READLINK: OnPath;
  readonly STATVFS: OnPath;
  readonly RENAME: OnTwoPaths;
  readonly POSIX_RENAME: OnTwoPaths;
  /** `to` is the second name. */
  readonly HARDLINK: OnTwoPaths;
  /** `path` is the link, `to` what it will say. */
  readonly SYMLINK: OnTwoPaths;
  readonly UNKNOWN: unknown;
}

interface OnHandle {
  readonly handle: number;
}

interface OnPath {
  readonly path: string;
}

interface OnTwoPaths extends OnPath {
  readonly to: string;
}

export type RequestKind = keyof FieldsOf;

/** One request of a kind. `id` comes back with its answer. */
export type RequestOf<K extends RequestKind> = K extends unknown
  ? { readonly kind: K; readonly id: number } & FieldsOf[K]
  : never;

export type SftpRequest = RequestOf<RequestKind>;

/** Which end of a link comes first in a SYMLINK request: OpenSSH's client has it the other way than the draft. */
export type LinkOrder = 'link-first' | 'target-first';

const MAX_PACKET = 256 * 1024; // bytes, the limit of OpenSSH's server
const INIT = 1;
const TYPE = { version: 2, status: 101, handle: 102, data: 103, name: 104, attributes: 105, extended: 201 } as const;
const ATTRIBUTE = { size: 1, owner: 2, mode: 4, times: 8 } as const;

const KINDS: Readonly<Record<number, RequestKind>> = {
  3: 'OPEN',
  4: 'CLOSE',
  5: 'READ',
  6: 'WRITE',
  7: 'LSTAT',
  8: 'FSTAT',
  9: 'SETSTAT',
  10: 'FSETSTAT',
  11: 'OPENDIR',
  12: 'READDIR',
  13: 'REMOVE',
  14: 'MKDIR',
  15: 'RMDIR',
  16: 'REALPATH',
  17: 'STAT',
  18: 'RENAME',
  19: 'READLINK',
  20: 'SYMLINK',
};
const EXTENDED = 200;
const EXTENDED_KINDS: Readonly<Record<string, RequestKind>> = {
  'fsync@openssh.com': 'FSYNC',
  'hardlink@openssh.com': 'HARDLINK',
  'posix-rename@openssh.com': 'POSIX_RENAME',
  'statvfs@openssh.com': 'STATVFS',
};

/** Cuts a byte stream into packets, without their length. Throws a TargetError on a length no client sends. */
export class PacketReader {
  #pending: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Buffer[] {
    const packets: Buffer[] = [];
    let rest = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (rest.length >= 4) {
      const length = rest.readUInt32BE(0);
      if (length === 0 || length > MAX_PACKET) throw malformed(`has ${length} bytes`);
      if (rest.length < 4 + length) break;
      packets.push(rest.subarray(4, 4 + length));
      rest = rest.subarray(4 + length);
    }
    this.#pending = rest;
    return packets;
  }
}

/** The request in a packet, or 'INIT'. Throws if the packet ends too early. */
export function readRequest(bytes: Buffer, order: LinkOrder): SftpRequest | 'INIT' {
  const type = bytes.readUInt8(0);
  if (type === INIT) return 'INIT';
  const fields = new Fields(bytes.subarray(1));
  const id = fields.uint32();
  const kind = type === EXTENDED ? EXTENDED_KINDS[fields.text()] : KINDS[type];
  return { id, ...readFields(kind ?? 'UNKNOWN', fields, order) };
}

/** The answer to INIT: version 3, and the extensions offered. */
export function version(extensions: Readonly<Record<string, string>>): Buffer {
  const pairs = Object.entries(extensions).flatMap(([name, value]) => [text(name), text(value)]);
  return packet(TYPE.version, uint32(3), ...pairs);
}

export function status(id: number, code: number, message: string): Buffer {
  return packet(TYPE.status, uint32(id), uint32(code), text(message), text(''));
}

export function handle(id: number, number: number): Buffer {
  return packet(TYPE.handle, uint32(id), blob(uint32(number)));
}

export function data(id: number, bytes: Buffer): Buffer {
  return packet(TYPE.data, uint32(id), blob(bytes));
}

export function attributes(id: number, stats: Stats): Buffer {
  return packet(TYPE.attributes, uint32(id), attributeBytes(stats));
}

/** Names; those whose `stats` is left out travel without attributes. */
export function names(id: number, entries: readonly { readonly name: string; readonly stats?: Stats }[]): Buffer {
  const fields = entries.flatMap((entry) => [
    text(entry.name),
    text(entry.stats === undefined ? entry.name : longForm(entry.name, entry.stats)),
    entry.stats === undefined ? uint32(0) : attributeBytes(entry.stats),
  ]);
  return packet(TYPE.name, uint32(id), uint32(entries.length), ...fields);
}

/** The answer to statvfs@openssh.com: eleven numbers (OpenSSH's PROTOCOL, section 4.3). */
export function fileSystem(id: number, numbers: readonly number[]): Buffer {
  return packet(TYPE.extended, uint32(id), ...numbers.map(uint64));
}

function readFields(kind: RequestKind, fields: Fields, order: LinkOrder): WithoutId<SftpRequest> {
  switch (kind) {
    case 'OPEN':
      return { kind, path: fields.text(), flags: fields.uint32(), attributes: fields.attributes() };
    case 'READ':
      return { kind, handle: fields.handle(), offset: fields.uint64(), length: fields.uint32() };
    case 'WRITE':
      return { kind, handle: fields.handle(), offset: fields.uint64(), data: fields.bytes() };
    case 'CLOSE':
    case 'FSTAT':
    case 'FSYNC':
    case 'READDIR':
      return { kind, handle: fields.handle() };
    case 'FSETSTAT':
      return { kind, handle: fields.handle(), attributes: fields.attributes() };
    case 'SETSTAT':
    case 'MKDIR':
      return { kind, path: fields.text(), attributes: fields.attributes() };
    case 'HARDLINK':
    case 'RENAME':
    case 'POSIX_RENAME':
      return { kind, path: fields.text(), to: fields.text() };
    case 'SYMLINK': {
      const [first, second] = [fields.text(), fields.text()];
      return order === 'link-first' ? { kind, path: first, to: second } : { kind, path: second, to: first };
    }
    case 'UNKNOWN':
      return { kind };
    case 'LSTAT':
    case 'STAT':
    case 'OPENDIR':
    case 'REMOVE':
    case 'RMDIR':
    case 'REALPATH':
    case 'READLINK':
    case 'STATVFS':
      break;
  }
  return { kind, path: fields.text() };
}

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

/** Reads one field after another. Node's own bounds checks throw the RangeError where the packet ends too early. */
class Fields {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  uint32(): number {
    this.#at += 4;
    return this.#buffer.readUInt32BE(this.#at - 4);
  }

  uint64(): number {
    const value = this.uint32() * 2 ** 32 + this.uint32();
    if (!Number.isSafeInteger(value)) throw malformed(`names the offset ${value}`);
    return value;
  }

  bytes(): Buffer {
    const length = this.uint32();
    if (this.#at + length > this.#buffer.length) throw malformed('ends in the middle of a string');
    this.#at += length;
    return this.#buffer.subarray(this.#at - length, this.#at);
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  handle(): number {
    const bytes = this.bytes();
    return bytes.length === 4 ? bytes.readUInt32BE(0) : -1; // no handle of ours, so it will not be found
  }

  attributes(): SetAttributes {
    const flags = this.uint32();
    const size = flags & ATTRIBUTE.size ? { size: this.uint64() } : {};
    if (flags & ATTRIBUTE.owner) this.#at += 8; // owner and group: only root could change them
    const mode = flags & ATTRIBUTE.mode ? { mode: this.uint32() & 0o7777 } : {};
    const times = flags & ATTRIBUTE.times ? { atime: this.uint32(), mtime: this.uint32() } : {};
    return { ...size, ...mode, ...times };
  }
}

/** A line as `ls -l` has it. Some clients read the type and the permissions from it. */
function longForm(name: string, stats: Stats): string {
  const type = stats.isDirectory() ? 'd' : stats.isSymbolicLink() ? 'l' : '-';
  const permissions = Array.from('rwxrwxrwx', (letter, place) => ((stats.mode >> (8 - place)) & 1 ? letter : '-'));
  return `${type}${permissions.join('')} ${stats.nlink} ${stats.uid} ${stats.gid} ${stats.size} ${name}`;
}

function malformed(how: string): TargetError {
  return new TargetError('failed', `cannot read what the SFTP client sent: a packet ${how}`);
}

function attributeBytes(stats: Stats): Buffer {
  return Buffer.concat([
    uint32(ATTRIBUTE.size | ATTRIBUTE.owner | ATTRIBUTE.mode | ATTRIBUTE.times),
    uint64(stats.size),
    uint32(stats.uid),
    uint32(stats.gid),
    uint32(stats.mode),
    uint32(Math.floor(stats.atimeMs / 1000)),
    uint32(Math.floor(stats.mtimeMs / 1000)),
  ]);
}

function packet(type: number, ...fields: readonly Buffer[]): Buffer {
  const length = fields.reduce((sum, field) => sum + field.length, 1);
  return Buffer.concat([uint32(length), Buffer.of(type), ...fields], 4 + length);
}

function text(value: string): Buffer {
  return blob(Buffer.from(value));
}

function blob(bytes: Buffer): Buffer {
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const buffer = Buffer.allocUnsafe(4);
  buffer.writeUInt32BE(value >>> 0);
  return buffer;
}

function uint64(value: number): Buffer {
  const buffer = Buffer.allocUnsafe(8);
  buffer.writeBigUInt64BE(BigInt(value));
  return buffer;
}
