/**
 * SftpChannel: SFTP with promises, over one channel of a connection.
 *
 * Requests are answered in the order in which they are sent, so a caller may send several back to back; all of one turn
 * of the event loop travel together. Failures become TargetErrors by the protocol's status
 * (draft-ietf-secsh-filexfer-02, section 7); a channel that ended fails everything that is asked of it.
 */
import type { Duplex } from 'node:stream';
import { TargetError } from '../../errors.js';
import { loopTurn } from '../../fs/loop-turn.js';
import { Dating, isRefused } from './dating.js';
import { SftpHandles } from './handles.js';
import { type Question, SftpRequests, type Waiter } from './requests.js';
import { confused, notOffered, type Refusal, refusing, statusOf, troubleIn } from './trouble.js';
import {
  type Attributes,
  COPY_DATA,
  type Named,
  OPEN,
  POSIX_RENAME,
  REPLY,
  REQUEST,
  type Reply,
  RequestWriter,
  STATUS,
} from './wire.js';

const VERSION = 3;
const DEFAULT_MAX_WRITE = 32 * 1024; // what every server must take (section 3)
const MOST_WRITE = 256 * 1024; // more in one request would only wait in memory
const DEFAULT_HANDLES = 100; // a server that does not tell its limit; the smallest seen in the field is about 200
const PRIVATE = 0o600; // what is no file to be published is nobody else's business
const LISTINGS_AHEAD = 8; // replies of a long folder on their way at once; OpenSSH puts 100 names in each
const SPARE_HANDLES = 8; // for listings, and for what the server itself keeps open

const STATVFS = 'statvfs@openssh.com';
const LIMITS = 'limits@openssh.com';
const HARDLINK = 'hardlink@openssh.com';
const FSYNC = 'fsync@openssh.com';

/** How full the file system is: sizes in bytes, `files` the free inodes (undefined where there is no such limit). */
export interface Space {
  readonly freeBytes: number;
  readonly freeFiles: number | undefined;
  readonly readOnly: boolean;
  /** Which file system it is. */
  readonly id: string;
  /** The longest name of a file, in bytes; undefined where that is not told. */
  readonly mostNameBytes: number | undefined;
}

/** A file, and what for. */
export interface ToOpen {
  readonly path: string;
  readonly flags: number;
  /** Of a new one, less what the server's umask takes away. */
  readonly mode?: number;
}

/** Two files that are open together. */
export interface Pair {
  readonly source: Buffer;
  readonly made: Buffer;
}

type Content = Uint8Array | AsyncIterable<Uint8Array>;

/** Mode bits, and the mtime in seconds. */
type FileStat = { readonly mode: number; readonly mtime: number };

type Pour = (channel: SftpChannel, handle: Buffer, content: AsyncIterable<Uint8Array>) => Promise<void>;

/** The two ends of a promise. */
interface Settle<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Begins to speak SFTP on a stream. Rejects with a TargetError if the other side does not. `first` is another channel of
 * the same server, whose limits are known.
 */
export function openSftpChannel(stream: Duplex, first?: SftpChannel, lookMs?: number): Promise<SftpChannel> {
  return new SftpChannel(stream, first, lookMs).ready;
}

export class SftpChannel {
  /** Resolves with the channel itself once the server has said which version it speaks. */
  readonly ready: Promise<this>;
  readonly dating: Dating;
  readonly #writer = new RequestWriter();
  readonly #requests: SftpRequests;
  readonly #handles: SftpHandles;
  readonly #extensions = new Set<string>();
  #maxWrite = DEFAULT_MAX_WRITE;

  constructor(stream: Duplex, first?: SftpChannel, lookMs?: number) {
    this.dating = first === undefined ? new Dating() : first.dating;
    if (first !== undefined) this.#maxWrite = first.#maxWrite;
    let agreed: Settle<this> | undefined;
    this.ready = new Promise((resolve, reject) => (agreed = { resolve, reject }));
    const events = {
      onVersion: (reply: Reply): void => agreed?.resolve(this.#agree(reply)),
      probe: (): void => void this.lstat('.').catch(() => undefined),
      onEnd: (failure: TargetError): void => {
        agreed?.reject(failure);
        this.#handles.wakeAll();
      },
    };
    const most = first === undefined ? DEFAULT_HANDLES - SPARE_HANDLES : first.#handles.limit;
    this.#handles = new SftpHandles(most, () => this.isOver);
    this.#requests = new SftpRequests(stream, this.#writer, events, lookMs);
  }

  /** Whether it has ended: whatever is asked of it fails. */
  get isOver(): boolean {
    return this.#requests.isOver;
  }

  get unansweredRequests(): number {
    return this.#requests.unanswered;
  }

  /** How long the server takes to answer; 0 until that is known. */
  get roundTripMs(): number {
    return this.#requests.roundTripMs;
  }

  /** The most bytes one write may carry. */
  get maxWrite(): number {
    return this.#maxWrite;
  }

  /** Whether a file can take the place of another in one step. */
  get replacesFiles(): boolean {
    return this.#extensions.has(POSIX_RENAME);
  }

  /** Whether a file can get a second name. */
  get linksFiles(): boolean {
    return this.#extensions.has(HARDLINK);
  }

  /** Whether the server copies from one file to another. */
  get copiesData(): boolean {
    return this.#extensions.has(COPY_DATA);
  }

  /** Whether `space` answers. */
  get tellsSpace(): boolean {
    return this.#extensions.has(STATVFS);
  }

  /** Opens a file once a handle is free. */
  open(path: string, flags: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#open('open', path, (id) => this.#writer.open(id, path, flags, PRIVATE), { resolve, reject });
    });
  }

  /**
   * Opens files in this order, once as many handles are free; `onAsked` is called when they are asked for. Nobody holds a handle and
   * waits for another: a server with few of them would wait for ever.
   */
  async openTogether(files: readonly ToOpen[], onAsked?: () => void): Promise<Buffer[]> {
    while (!this.#handles.take(files.length)) {
      if (this.#handles.limit < files.length) {
        this.#handles.passOn(); // it was woken, maybe, and takes nothing
        throw notOffered('copy to', files[0]?.path ?? '');
      }
      await new Promise<void>((resolve) => this.#handles.wait(resolve));
    }
    const opening = files.map((file) => this.#openNow(file.flags === OPEN.read ? 'read' : 'open', file));
    onAsked?.();
    const opened = await Promise.allSettled(opening);
    const handles = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const failed = opened.find((each) => each.status === 'rejected');
    if (failed === undefined) {
      this.#handles.opened();
      return handles;
    }
    for (let missing = handles.length; missing < files.length; missing++) this.#handles.give();
    await Promise.allSettled(handles.map((handle) => this.close(handle)));
    throw failed.reason;
  }

  /** Does `act` in a turn of the event loop that has time for it. */
  inTurn<T>(act: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      loopTurn.take(() => {
        try {
          resolve(act());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  async close(handle: Buffer): Promise<void> {
    try {
      await this.#requests.tell('close', 'a file', (id) => this.#writer.handle(REQUEST.close, id, handle));
    } finally {
      this.#handles.give();
    }
  }

  /**
   * Makes a file: asks for its content when it is open, and sends all of that, its meta and its end back to back. Content that takes
   * several writes is left to `pour`, which must close the handle: its meta tells that it is complete, and may only be sent when all
   * of them are known to be good. What `body` throws comes back as it is. One promise for all: with thousands of small files,
   * promises are what the time goes into.
   */
  put(path: string, body: () => Content, meta: FileStat, pour: Pour, how?: 'durable'): Promise<void> {
    return new Promise((resolve, reject) => {
      const fill = (handle: Buffer): void => {
        try {
          const content = body();
          if (!(content instanceof Uint8Array)) pour(this, handle, content).then(resolve, reject);
          else if (content.length > this.#maxWrite)
            pour(this, handle, inOnePiece(Buffer.from(content))).then(resolve, reject);
          else this.#finish({ handle, path, how }, content, meta, { resolve, reject });
        } catch (error) {
          const fail = (): void => reject(error); // the first failure is the reason
          this.close(handle).then(fail, fail);
        }
      };
      const flags = OPEN.write | OPEN.create | OPEN.truncate;
      const resolveLater = (handle: Buffer): void => loopTurn.take(() => fill(handle));
      this.#open('open', path, (id) => this.#writer.open(id, path, flags, meta.mode), {
        resolve: resolveLater,
        reject,
      });
    });
  }

  /** Fills, dates and closes a file that was just opened, if one write is enough. */
  #finish(
    { handle, path, how }: { readonly handle: Buffer; readonly path: string; readonly how: 'durable' | undefined },
    bytes: Uint8Array,
    meta: FileStat,
    { resolve, reject }: Settle<void>,
  ): void {
    let failure: TargetError | undefined;
    let isDated = this.dating.way === 'open';
    let open = 1 + Number(bytes.length > 0) + Number(isDated) + Number(how === 'durable');
    const end = (trouble: TargetError | undefined): void => {
      failure ??= trouble;
      if (--open > 0) return;
      this.#handles.give();
      if (failure !== undefined) reject(failure);
      else if (isDated) resolve();
      else this.#dateByPath(path, meta).then(resolve, reject);
    };
    const one: Waiter = (trouble, reply) => end(trouble ?? troubleIn(reply, 'write', path));
    const rest = (): void => {
      if (isDated) this.#requests.send(date, (id) => this.#writer.setStat(REQUEST.setHandleStat, id, handle, meta));
      if (how === 'durable') this.flush(handle, path).then(() => end(undefined), end);
      this.#requests.send(one, (id) => this.#writer.handle(REQUEST.close, id, handle));
    };
    const date: Waiter = (failed, reply) => {
      const trouble = failed ?? troubleIn(reply, 'set the times of', path);
      if (isRefused(trouble)) {
        this.dating.refuse('open');
        isDated = false;
        end(undefined);
      } else end(trouble);
    };
    const isFollowed = bytes.length > 0 && !this.keepsOrder;
    const written: Waiter = (...answer) => {
      if (isFollowed) rest();
      one(...answer);
    };
    if (bytes.length > 0) this.#requests.send(written, (id) => this.#writer.write(id, handle, 0, bytes));
    if (!isFollowed) rest();
  }

  /** A request for a handle that is counted already. */
  #openNow(verb: string, { path, flags, mode = PRIVATE }: ToOpen): Promise<Buffer> {
    return this.#requests.ask({ verb, path, type: REPLY.handle, read: handleOf }, (id) =>
      this.#writer.open(id, path, flags, mode),
    );
  }

  write(handle: Buffer, bytes: Uint8Array, position: number): Promise<void> {
    return this.#requests.tell('write', 'a file', (id) => this.#writer.write(id, handle, position, bytes));
  }

  /**
   * Fills `buffer` from `position` on as far as the file goes; the number of bytes read. A server may give less than there is, so
   * that only an empty answer tells the end, unless the `size` of the file is known.
   */
  async read(handle: Buffer, buffer: Buffer, position: number, size?: Promise<number>): Promise<number> {
    let filled = 0;
    while (filled < buffer.length) {
      const got = await this.#readOnce(handle, buffer.subarray(filled), position + filled);
      filled += got;
      if (got === 0 || (size !== undefined && position + filled >= (await size))) break;
    }
    return filled;
  }

  /**
   * `length` bytes of one open file, from `offset` on, to `position` of another one. Not to be believed before `requireBytes`:
   * OpenSSH says that all is well where the disk is full and it has written a part or nothing.
   */
  copyData({ source, made }: Pair, span: { offset: number; length: number }, position: number): Promise<void> {
    return this.#requests.tell('copy to', 'a file', (id) => this.#writer.copyData(id, source, span, made, position));
  }

  /** Throws where a file is shorter than that. */
  async requireBytes(handle: Buffer, bytes: number): Promise<void> {
    if ((await this.handleStat(handle)).size < bytes)
      throw new TargetError('failed', 'cannot copy to a file: the server copied less than it was asked to');
  }

  handleStat(handle: Buffer): Promise<Attributes> {
    const read = (reply: Reply): Attributes => reply.attributes();
    return this.#requests.ask({ verb: 'look at', path: 'a file', type: REPLY.attributes, read }, (id) =>
      this.#writer.handle(REQUEST.handleStat, id, handle),
    );
  }

  /** Whether what was written can be brought to the disk. */
  get flushes(): boolean {
    return this.#extensions.has(FSYNC);
  }

  /**
   * Whether what is asked about one file is done in the order of asking. Servers made with pkg/sftp write and set times at once, and a
   * file that is written last has the time of that; they flush nothing, which OpenSSH has done since 6.5.
   */
  get keepsOrder(): boolean {
    return this.flushes;
  }

  /** Brings what was written to an open file to the disk, where the server does that. */
  async flush(handle: Buffer, path: string): Promise<void> {
    if (!this.flushes) return;
    try {
      await this.#requests.tell('flush', path, (id) => this.#writer.extendedHandle(id, FSYNC, handle));
    } catch (error) {
      if (!isRefused(error)) throw error;
    }
  }

  /** Sets mode and times of the open file at `path`, where and how the server lets that be done. */
  async setStat(handle: Buffer, path: string, meta: FileStat): Promise<void> {
    if (this.dating.way === 'open') {
      try {
        return await this.#requests.tell('set the times of', path, (id) =>
          this.#writer.setStat(REQUEST.setHandleStat, id, handle, meta),
        );
      } catch (error) {
        if (!isRefused(error)) throw error;
        this.dating.refuse('open');
      }
    }
    await this.#dateByPath(path, meta);
  }

  async #dateByPath(path: string, meta: FileStat): Promise<void> {
    if (this.dating.way === 'none') return;
    try {
      await this.#requests.tell('set the times of', path, (id) =>
        this.#writer.setStat(REQUEST.setStat, id, Buffer.from(path), meta),
      );
    } catch (error) {
      if (!isRefused(error)) throw error;
      this.dating.refuse('path');
    }
  }

  chmod(path: string, mode: number): Promise<void> {
    return this.#requests.tell('change the mode of', path, (id) => this.#writer.mode(REQUEST.setStat, id, path, mode));
  }

  /** What a link leads to is meant, not the link. */
  stat(path: string): Promise<Attributes> {
    return this.#requests.ask(lookAt(path), (id) => this.#writer.path(REQUEST.stat, id, path));
  }

  /** Undefined where nothing lies. */
  lstat(path: string): Promise<Attributes | undefined> {
    const question = { ...lookAt(path), or: { status: STATUS.noSuchFile, answer: undefined } };
    return this.#requests.ask<Attributes | undefined>(question, (id) => this.#writer.path(REQUEST.lstat, id, path));
  }

  /** Where a path leads to: absolute, without links. */
  realPath(path: string): Promise<string> {
    const read = (reply: Reply): string => reply.names()[0]?.name ?? path;
    return this.#requests.ask({ verb: 'look at', path, type: REPLY.names, read }, (id) =>
      this.#writer.path(REQUEST.realPath, id, path),
    );
  }

  /** Two round trips for a folder whose names fit in one reply, since the request that finds its end goes along. */
  async list(path: string): Promise<Named[]> {
    const handle = await new Promise<Buffer>((resolve, reject) => {
      this.#open('list', path, (id) => this.#writer.path(REQUEST.openFolder, id, path), { resolve, reject });
    });
    try {
      const entries: Named[] = [];
      for (let ahead = 2; ; ahead = LISTINGS_AHEAD) {
        const pieces = await Promise.all(Array.from({ length: ahead }, () => this.#listOnce(handle, path)));
        for (const each of pieces.flat()) entries.push(each);
        if (pieces.some((piece) => piece.length === 0))
          return entries.filter(({ name }) => name !== '.' && name !== '..');
      }
    } finally {
      this.#letGo(handle);
    }
  }

  /** The server's umask may take bits away from `mode`. Answers with why not: mostly because it is there already. */
  makeFolder(path: string, mode: number): Promise<Refusal | undefined> {
    const verb = 'make the folder';
    const read = (reply: Reply): Refusal | undefined => {
      const status = statusOf(reply);
      return status === STATUS.ok ? undefined : refusing(status, reply, verb, path);
    };
    return this.#requests.ask({ verb, path, type: REPLY.status, read }, (id) =>
      this.#writer.mode(REQUEST.makeFolder, id, path, mode),
    );
  }

  removeFolder(path: string): Promise<void> {
    return this.#requests.tell('remove the folder', path, (id) => this.#writer.path(REQUEST.removeFolder, id, path));
  }

  remove(path: string): Promise<void> {
    return this.#requests.tell('remove', path, (id) => this.#writer.path(REQUEST.remove, id, path));
  }

  /** Replaces what is at `to`. */
  posixRename(from: string, to: string): Promise<void> {
    if (!this.#extensions.has(POSIX_RENAME)) return Promise.reject(notOffered('publish', to));
    return this.#requests.tell('publish', to, (id) => this.#writer.extended(id, POSIX_RENAME, from, to));
  }

  /** Fails if something is at `to`. */
  plainRename(from: string, to: string): Promise<void> {
    return this.#requests.tell('publish', to, (id) => this.#writer.twoPaths(REQUEST.rename, id, from, to));
  }

  /** Gives the file `from` a second name, which must be free. */
  hardlink(from: string, to: string): Promise<void> {
    if (!this.linksFiles) return Promise.reject(notOffered('link', to));
    return this.#requests.tell('link', to, (id) => this.#writer.extended(id, HARDLINK, from, to));
  }

  /** Undefined if the server does not tell: the answer only makes a message better. */
  async space(path: string): Promise<Space | undefined> {
    if (!this.tellsSpace) return undefined;
    return this.#requests
      .ask({ verb: 'look at', path, type: REPLY.extended, read: spaceOf }, (id) =>
        this.#writer.extended(id, STATVFS, path),
      )
      .catch(() => undefined);
  }

  /** Closes the handle of a listing without waiting: what was read is good whatever becomes of it. */
  #letGo(handle: Buffer): void {
    this.close(handle).catch(() => undefined);
  }

  /** Learns what the server offers. The limits are asked for beside the first requests, which keep within the least. */
  #agree(reply: Reply): this {
    if (reply.id < VERSION) {
      throw new TargetError('unsupported', `the server speaks version ${reply.id} of SFTP, and ${VERSION} is needed`);
    }
    while (!reply.isOver) {
      this.#extensions.add(reply.text());
      reply.bytes(); // the version of the extension, of which there is one so far
    }
    if (this.#extensions.has(LIMITS)) {
      this.#requests.send(
        (failure, limits) => {
          if (failure === undefined && limits.type === REPLY.extended) this.#heedLimits(limits);
        },
        (id) => this.#writer.extended(id, LIMITS),
      );
    }
    return this;
  }

  /** OpenSSH's PROTOCOL, section 4.8. Zero stands for no limit that is known. */
  #heedLimits(limits: Reply): void {
    limits.uint64(); // of a packet
    limits.uint64(); // of a read
    const maxWrite = limits.uint64();
    const handles = limits.uint64();
    if (maxWrite > 0) this.#maxWrite = Math.min(maxWrite, MOST_WRITE);
    if (handles > 0) this.#handles.limit = Math.max(1, Math.min(handles, Number.MAX_SAFE_INTEGER) - SPARE_HANDLES);
  }

  /**
   * Asks for a handle once one is free. A server that refuses for want of handles (it says no more than "Failure", as it does where
   * its disk is full) lowers the limit, and the request waits for another file to be closed.
   */
  #open(verb: string, path: string, write: (id: number) => void, settle: Settle<Buffer>): void {
    const again = (): void => this.#open(verb, path, write, settle);
    if (!this.#handles.take(1)) return this.#handles.wait(again);
    this.#requests.send((failure, reply) => {
      if (failure === undefined && reply.type === REPLY.handle) {
        this.#handles.opened();
        return settle.resolve(handleOf(reply));
      }
      const trouble = failure ?? troubleIn(reply, verb, path) ?? confused();
      if (trouble.kind !== 'failed') this.#handles.give();
      else if (this.#handles.refuse()) return this.#handles.wait(again);
      settle.reject(trouble);
    }, write);
  }

  /** Nothing at the end. */
  #listOnce(handle: Buffer, path: string): Promise<Named[]> {
    const read = (reply: Reply): Named[] => reply.names();
    const or = { status: STATUS.endOfFile, answer: [] };
    return this.#requests.ask<Named[]>({ verb: 'list', path, type: REPLY.names, read, or }, (id) =>
      this.#writer.handle(REQUEST.readFolder, id, handle),
    );
  }

  #readOnce(handle: Buffer, into: Buffer, position: number): Promise<number> {
    const read = (reply: Reply): number => {
      const bytes = reply.bytes();
      if (bytes.length > into.length) throw confused();
      into.set(bytes);
      return bytes.length;
    };
    const or = { status: STATUS.endOfFile, answer: 0 };
    return this.#requests.ask({ verb: 'read', path: 'a file', type: REPLY.data, read, or }, (id) =>
      this.#writer.read(id, handle, position, into.length),
    );
  }
}

function lookAt(path: string): Question<Attributes> {
  return { verb: 'look at', path, type: REPLY.attributes, read: (reply) => reply.attributes() };
}

async function* inOnePiece(content: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield content;
}

/** A copy: what the server sent is larger by far, and would be kept for as long as the file is open. */
function handleOf(reply: Reply): Buffer {
  return Buffer.from(reply.bytes());
}

/** OpenSSH's PROTOCOL, section 3.4: eleven numbers. */
function spaceOf(reply: Reply): Space {
  const numbers = Array.from({ length: 8 }, () => reply.uint64());
  const id = `${reply.uint32()}-${reply.uint32()}`; // all 64 bits count
  const [flags, mostNameBytes] = [reply.uint64(), reply.uint64()];
  const [, unit = 0, , , freeBlocks = 0, allFiles = 0, , freeFiles = 0] = numbers;
  return {
    id,
    freeBytes: freeBlocks * unit,
    freeFiles: allFiles === 0 ? undefined : freeFiles,
    readOnly: (flags & 1) !== 0,
    mostNameBytes: mostNameBytes === 0 ? undefined : mostNameBytes,
  };
}
