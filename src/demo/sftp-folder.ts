/**
 * One SFTP session on one folder: carries out requests and answers them, as a server that is locked into the folder
 * (`/` is the folder itself). A path may not leave it, neither by `..` nor through a symbolic link; a link that leads
 * out is 'permission denied'. Written for demonstrations and tests on loopback: a local program that swaps folders for
 * links at the same moment is not defended against.
 */
import { constants, type Stats } from 'node:fs';
import * as fs from 'node:fs/promises';
import { basename, dirname, join, posix, relative } from 'node:path';
import { TargetError } from '../errors.js';
import { reasonOf } from '../system-error.js';
import * as wire from './sftp-wire.js';
import { OPEN_FLAG, type RequestOf, type SetAttributes, type SftpRequest, STATUS } from './sftp-wire.js';

const MAX_READ = 255 * 1024; // bytes; what fits into one packet of OpenSSH's client
const NAMES_PER_ANSWER = 100;

/** Which status an error of the file system becomes: the table of OpenSSH's server, in which most are "failure". */
const STATUS_OF: Readonly<Record<string, number>> = {
  ENOENT: STATUS.noSuchFile,
  ENOTDIR: STATUS.noSuchFile,
  ELOOP: STATUS.noSuchFile,
  EBADF: STATUS.noSuchFile,
  EACCES: STATUS.permissionDenied,
  EPERM: STATUS.permissionDenied,
  EINVAL: STATUS.badMessage,
  ENAMETOOLONG: STATUS.badMessage,
};

type Open =
  | { readonly kind: 'file'; readonly path: string; readonly file: fs.FileHandle; readonly appends: boolean }
  | { readonly kind: 'folder'; readonly path: string; readonly real: string; readonly rest: string[] };

export class SftpFolder {
  readonly #root: string;
  readonly #maxHandles: number;
  readonly #keyOf: ((name: string) => string) | undefined;
  readonly #open = new Map<number, Open>();
  #nextHandle = 0;

  /** `root` must be the real path of a folder, free of symbolic links. `keyOf` is equal for names that are to be one. */
  constructor(root: string, maxHandles: number, keyOf?: (name: string) => string) {
    this.#root = root;
    this.#maxHandles = maxHandles;
    this.#keyOf = keyOf;
  }

  /** The path a request is about: its own, or the one its handle was opened with. */
  pathOf(request: SftpRequest): string | undefined {
    if ('path' in request) return request.path;
    return 'handle' in request ? this.#open.get(request.handle)?.path : undefined;
  }

  /** Carries out `request` and returns the answer's packet. Never throws: whatever fails is a status. */
  async answer(request: SftpRequest): Promise<Buffer> {
    try {
      return await this.#perform(request);
    } catch (error) {
      return wire.status(request.id, statusOf(error), reasonOf(error));
    }
  }

  async close(): Promise<void> {
    for (const handle of this.#open.keys()) await this.#closeHandle(handle);
  }

  async #perform(request: SftpRequest): Promise<Buffer> {
    const { id } = request;
    switch (request.kind) {
      case 'OPEN':
        return wire.handle(id, await this.#openFile(request.path, request.flags, request.attributes));
      case 'OPENDIR':
        return wire.handle(id, await this.#openFolder(request.path));
      case 'READ':
        return this.#read(id, request.handle, request.offset, request.length);
      case 'READDIR':
        return this.#nextNames(id, request.handle);
      case 'STAT':
        return wire.attributes(id, await fs.stat(await this.#followed(request.path)));
      case 'LSTAT':
        return wire.attributes(id, await fs.lstat(await this.#entry(request.path)));
      case 'FSTAT':
        return wire.attributes(id, await this.#file(request.handle).file.stat());
      case 'REALPATH':
        return wire.names(id, [{ name: posix.join('/', request.path) }]);
      case 'READLINK':
        return wire.names(id, [{ name: this.#outward(await fs.readlink(await this.#entry(request.path))) }]);
      case 'STATVFS':
        return wire.fileSystem(id, await fileSystemNumbers(await this.#followed(request.path)));
      case 'UNKNOWN':
        return wire.status(id, STATUS.unsupported, 'this server does not know the request');
      case 'WRITE':
      case 'CLOSE':
      case 'SETSTAT':
      case 'FSETSTAT':
      case 'MKDIR':
      case 'RMDIR':
      case 'REMOVE':
      case 'RENAME':
      case 'POSIX_RENAME':
      case 'HARDLINK':
      case 'FSYNC':
      case 'SYMLINK':
        break;
    }
    await this.#change(request);
    return wire.status(id, STATUS.ok, '');
  }

  async #change(request: ChangeRequest): Promise<void> {
    switch (request.kind) {
      case 'WRITE':
        return this.#write(request.handle, request.offset, request.data);
      case 'CLOSE':
        return this.#closeHandle(request.handle);
      case 'SETSTAT':
        return this.#setPath(await this.#followed(request.path), request.attributes);
      case 'FSETSTAT':
        return setAttributes(this.#file(request.handle).file, request.attributes);
      case 'MKDIR':
        return fs.mkdir(await this.#entry(request.path), request.attributes.mode ?? 0o777);
      case 'RMDIR':
        return fs.rmdir(await this.#entry(request.path));
      case 'REMOVE':
        return fs.unlink(await this.#entry(request.path));
      case 'RENAME':
        return this.#renameToFree(request.path, request.to);
      case 'POSIX_RENAME':
        return fs.rename(await this.#entry(request.path), await this.#entry(request.to));
      case 'HARDLINK':
        return fs.link(await this.#entry(request.path), await this.#entry(request.to));
      case 'FSYNC':
        return this.#file(request.handle).file.sync();
      case 'SYMLINK':
        return fs.symlink(this.#inward(request.to), await this.#entry(request.path));
    }
  }

  async #openFile(path: string, flags: number, attributes: SetAttributes): Promise<number> {
    this.#requireRoom();
    const real = await this.#followed(path).catch((error: unknown) => {
      if (flags & OPEN_FLAG.create && codeOf(error) === 'ENOENT') return this.#entry(path);
      throw error;
    });
    // The path is resolved, so a link at its end can only be a dangling one, which might lead out.
    const file = await fs.open(real, openFlags(flags) | constants.O_NOFOLLOW, attributes.mode ?? 0o666);
    return this.#remember({ kind: 'file', path, file, appends: (flags & OPEN_FLAG.append) !== 0 });
  }

  async #openFolder(path: string): Promise<number> {
    this.#requireRoom();
    const real = await this.#followed(path);
    return this.#remember({ kind: 'folder', path, real, rest: await fs.readdir(real) });
  }

  async #read(id: number, handle: number, offset: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(Math.min(length, MAX_READ));
    const { bytesRead } = await this.#file(handle).file.read(buffer, 0, buffer.length, offset);
    if (bytesRead === 0 && length > 0) return wire.status(id, STATUS.eof, 'end of file');
    return wire.data(id, buffer.subarray(0, bytesRead));
  }

  async #write(handle: number, offset: number, data: Buffer): Promise<void> {
    const { file, appends } = this.#file(handle);
    let done = 0;
    while (done < data.length) {
      const at = appends ? null : offset + done;
      done += (await file.write(data, done, data.length - done, at)).bytesWritten;
    }
  }

  async #nextNames(id: number, handle: number): Promise<Buffer> {
    const folder = this.#open.get(handle);
    if (folder?.kind !== 'folder') throw refusal('no such handle');
    for (;;) {
      const batch = folder.rest.splice(0, NAMES_PER_ANSWER);
      if (batch.length === 0) return wire.status(id, STATUS.eof, 'end of folder');
      const found = (await Promise.all(batch.map((name) => describe(folder.real, name)))).flat();
      if (found.length > 0) return wire.names(id, found);
    }
  }

  async #closeHandle(handle: number): Promise<void> {
    const open = this.#open.get(handle);
    if (open === undefined) throw refusal('no such handle');
    this.#open.delete(handle);
    if (open.kind === 'file') await open.file.close();
  }

  async #setPath(real: string, attributes: SetAttributes): Promise<void> {
    const { size, mode, atime, mtime } = attributes;
    if (size !== undefined) await fs.truncate(real, size);
    if (mode !== undefined) await fs.chmod(real, mode);
    if (atime !== undefined && mtime !== undefined) await fs.utimes(real, atime, mtime);
  }

  /** RENAME of version 3: the new name must be free. */
  async #renameToFree(from: string, to: string): Promise<void> {
    const target = await this.#entry(to);
    if ((await lstatIfThere(target)) !== undefined) throw refusal('the new name is taken');
    await fs.rename(await this.#entry(from), target);
  }

  /** Where `path` lies, with every link resolved but one at its end. */
  async #entry(path: string): Promise<string> {
    const place = join(this.#root, posix.join('/', path)); // an absolute path swallows every `..` at its top
    if (place === this.#root || place === `${this.#root}/`) return this.#root;
    const way = this.#keyOf === undefined ? place : await this.#spelled(place, this.#keyOf);
    return join(await this.#inside(dirname(way)), basename(way));
  }

  /** `place` as the names on the way to it are spelled. */
  async #spelled(place: string, keyOf: (name: string) => string): Promise<string> {
    let at = this.#root;
    for (const name of relative(this.#root, place).split('/')) at = await spelledIn(at, name, keyOf);
    return at;
  }

  /** What `path` leads to, with every link resolved. */
  async #followed(path: string): Promise<string> {
    return this.#inside(await this.#entry(path));
  }

  async #inside(place: string): Promise<string> {
    const real = await fs.realpath(place);
    if (real !== this.#root && !real.startsWith(join(this.#root, '/'))) {
      throw new TargetError('denied', 'the path leads out of the folder');
    }
    return real;
  }

  /** A link's target as it is stored: one that begins with `/` means the folder. */
  #inward(target: string): string {
    return posix.isAbsolute(target) ? join(this.#root, target) : target;
  }

  #outward(target: string): string {
    const inside = target === this.#root || target.startsWith(join(this.#root, '/'));
    return inside ? join('/', relative(this.#root, target)) : target;
  }

  #file(handle: number): Extract<Open, { kind: 'file' }> {
    const open = this.#open.get(handle);
    if (open?.kind !== 'file') throw refusal('no such handle');
    return open;
  }

  #requireRoom(): void {
    if (this.#open.size >= this.#maxHandles) throw refusal('too many open handles');
  }

  #remember(open: Open): number {
    const handle = this.#nextHandle++;
    this.#open.set(handle, open);
    return handle;
  }
}

type ChangeRequest = RequestOf<
  | 'WRITE'
  | 'CLOSE'
  | 'SETSTAT'
  | 'FSETSTAT'
  | 'MKDIR'
  | 'RMDIR'
  | 'REMOVE'
  | 'RENAME'
  | 'POSIX_RENAME'
  | 'HARDLINK'
  | 'FSYNC'
  | 'SYMLINK'
>;

/** The place of what has this name in `folder`, however it is spelled there. */
async function spelledIn(folder: string, name: string, keyOf: (name: string) => string): Promise<string> {
  const names = await fs.readdir(folder).catch((): string[] => []);
  const isIt = (each: string): boolean => keyOf(each) === keyOf(name);
  return join(folder, names.includes(name) ? name : (names.find(isIt) ?? name));
}

function openFlags(flags: number): number {
  const writes = (flags & OPEN_FLAG.write) !== 0;
  const reads = (flags & OPEN_FLAG.read) !== 0;
  let result = writes ? (reads ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY;
  if (flags & OPEN_FLAG.append) result |= constants.O_APPEND;
  if (flags & OPEN_FLAG.create) result |= constants.O_CREAT;
  if (flags & OPEN_FLAG.truncate) result |= constants.O_TRUNC;
  if (flags & OPEN_FLAG.exclusive) result |= constants.O_EXCL;
  return result;
}

async function setAttributes(file: fs.FileHandle, attributes: SetAttributes): Promise<void> {
  const { size, mode, atime, mtime } = attributes;
  if (size !== undefined) await file.truncate(size);
  if (mode !== undefined) await file.chmod(mode);
  if (atime !== undefined && mtime !== undefined) await file.utimes(atime, mtime);
}

async function fileSystemNumbers(path: string): Promise<readonly number[]> {
  const { bsize, blocks, bfree, bavail, files, ffree } = await fs.statfs(path);
  const [fsid, flags, longestName] = [0, 0, 255];
  return [bsize, bsize, blocks, bfree, bavail, files, ffree, ffree, fsid, flags, longestName];
}

/** The entry `name` of `folder`; nothing if it has gone since the folder was read. */
async function describe(folder: string, name: string): Promise<{ name: string; stats: Stats }[]> {
  const stats = await lstatIfThere(join(folder, name));
  return stats === undefined ? [] : [{ name, stats }];
}

async function lstatIfThere(path: string): Promise<Stats | undefined> {
  return fs.lstat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
}

function refusal(reason: string): TargetError {
  return new TargetError('failed', reason);
}

function statusOf(error: unknown): number {
  if (error instanceof TargetError) return error.kind === 'denied' ? STATUS.permissionDenied : STATUS.failure;
  return STATUS_OF[codeOf(error) ?? ''] ?? STATUS.failure;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
