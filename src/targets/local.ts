/**
 * A target in a folder of this machine (`file://`).
 */
import { chmodSync, constants, createReadStream, mkdirSync, rmdirSync, type Stats } from 'node:fs';
import { chmod, type FileHandle, link, lstat, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { shortened, whyBadName } from '../core/bad-name.js';
import { CONTROL, isWithin, parentOf, parseRelPath, type RelPath } from '../core/relpath.js';
import { TargetError, type TargetErrorKind } from '../errors.js';
import { writeAll, writeAllSync } from '../fs/write-all.js';
import { closedTo } from './closed-folder.js';
import type { Basis, Body, Capabilities, FileMeta, OnClosed, RemoteFile, Target } from './target.js';

const CHUNK_BYTES = 256 * 1024;
const ROOT_MODE = 0o755; // a web server is to read it
const NOTHING_THERE = ['ENOENT', 'ENOTDIR'];

export interface LocalSettings {
  /** For messages. */
  readonly url: string;
  /** The published tree; absolute. Made if it is missing and the folder above it is there. */
  readonly root: string;
  /** The control area; absolute, on the same file system. Made when it is first written to. */
  readonly control: string;
}

export async function openLocal(settings: LocalSettings): Promise<Target> {
  const root = await stat(settings.root).catch(ignore(['ENOENT'], settings.root));
  if (root?.isDirectory() === false)
    throw new TargetError('not-a-directory', `cannot use ${settings.root}: it is not a folder`);
  const { dev } = root ?? (await stat(dirname(settings.root)).catch(fail('use', settings.root)));
  await requireSameDevice(settings, dev);
  return new LocalTarget(settings, root?.mode);
}

class LocalTarget implements Target {
  readonly url: string;
  readonly capabilities: Capabilities;
  readonly #settings: LocalSettings;
  #root: Promise<void> | undefined;

  /** `rootMode` as stat gives it. */
  constructor(settings: LocalSettings, rootMode: number | undefined) {
    this.url = settings.url;
    // A copy of what lies there costs what a copy of the source does.
    this.capabilities = {
      atomicReplace: true,
      storesMtime: true,
      hardlink: true,
      serverCopy: false,
      roundTripMs: 0,
      rootMode,
    };
    this.#settings = settings;
  }

  async *list(folder: RelPath | undefined, onClosed?: OnClosed): AsyncIterable<RemoteFile> {
    const waiting = [folder];
    while (waiting.length > 0) {
      const next = waiting.pop();
      for (const file of await this.#listOne(next).catch(closedTo(next, folder, onClosed))) {
        if (file.kind === 'folder') waiting.push(file.path);
        yield file;
      }
    }
  }

  async stat(path: RelPath): Promise<RemoteFile | undefined> {
    const stats = await lstat(this.#at(path)).catch(ignore(NOTHING_THERE, path));
    return stats === undefined ? undefined : remoteFile(path, stats);
  }

  async *read(path: RelPath): AsyncIterable<Uint8Array> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const handle = await open(this.#at(path), flags).catch(fail('read', path));
    try {
      yield* createReadStream('', { fd: handle, autoClose: false, highWaterMark: CHUNK_BYTES });
    } catch (error) {
      throw targetError('read', path, error);
    } finally {
      await handle.close();
    }
  }

  async write(path: RelPath, body: Body, meta: FileMeta): Promise<number> {
    const at = this.#at(path);
    const handle = await open(at, 'w', 0o600).catch(fail('write', path));
    try {
      const written = await pour(body(), handle, path);
      if (written !== meta.size)
        throw new TargetError('failed', `cannot write ${path}: ${written} bytes instead of ${meta.size}`);
      await handle.chmod(meta.mode);
      await handle.utimes(meta.mtime, meta.mtime);
      return written;
    } catch (error) {
      await rm(at, { force: true });
      throw isSystemError(error) ? targetError('write', path, error) : error;
    } finally {
      await handle.close();
    }
  }

  async link({ path, meta }: Basis, to: RelPath): Promise<boolean> {
    try {
      await link(this.#at(path), this.#at(to));
    } catch (error) {
      if (isSystemError(error)) return false;
      throw error;
    }
    const there = await this.stat(to);
    const isIt = there?.kind === 'file' && there.size === meta.size && there.mtime === meta.mtime;
    if (isIt && there.mode === meta.mode) return true;
    await this.remove(to);
    return false;
  }

  async patch(): Promise<boolean> {
    return false;
  }

  async append(path: RelPath, offset: number, bytes: Uint8Array): Promise<void> {
    const flags = constants.O_WRONLY | constants.O_CREAT;
    const handle = await open(this.#at(path), flags, 0o600).catch(fail('write', path));
    try {
      await writeAll(handle, bytes, offset);
    } catch (error) {
      throw targetError('write', path, error);
    } finally {
      await handle.close();
    }
  }

  async rename(from: RelPath, to: RelPath): Promise<void> {
    await rename(this.#at(from), this.#at(to)).catch(fail('publish', to));
  }

  async moveFolder(from: RelPath, to: RelPath): Promise<void> {
    await rename(this.#at(from), this.#at(to)).catch(fail('publish the folder', to));
  }

  async chmod(path: RelPath, mode: number): Promise<void> {
    await chmod(this.#at(path), mode).catch(fail('change the mode of', path));
  }

  // Synchronous, so that it takes effect in the order of the calls.
  async makeFolder(path: RelPath, mode: number): Promise<void> {
    await (this.#root ??= makeRoot(this.#settings.root));
    const at = this.#at(path);
    try {
      mkdirSync(at);
      chmodSync(at, mode);
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'EEXIST') throw targetError('make the folder', path, error);
      const there = await lstat(at);
      if (!there.isDirectory()) throw obstructed(path, there);
    }
  }

  async makeFolderAmong(path: RelPath, mode: number): Promise<RemoteFile[]> {
    await this.makeFolder(path, mode);
    return this.#listOne(parentOf(path));
  }

  async remove(path: RelPath): Promise<void> {
    await unlink(this.#at(path)).catch(ignore(['ENOENT'], path));
  }

  async removeFolder(path: RelPath): Promise<boolean> {
    await this.#root;
    try {
      rmdirSync(this.#at(path));
      return true;
    } catch (error) {
      if (isSystemError(error) && error.code === 'ENOENT') return true;
      if (isSystemError(error) && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST')) return false;
      throw targetError('remove the folder', path, error);
    }
  }

  async close(): Promise<void> {}

  async #listOne(folder: RelPath | undefined): Promise<RemoteFile[]> {
    const names = await readdir(this.#at(folder)).catch(ignore(['ENOENT'], folder ?? '.'));
    const found: RemoteFile[] = [];
    for (const name of names ?? []) {
      const path = parseRelPath(folder === undefined ? name : `${folder}/${name}`);
      if (path === undefined || path === CONTROL) continue;
      const file = await this.stat(path);
      if (file !== undefined) found.push(file);
    }
    return found;
  }

  #at(path: RelPath | undefined): string {
    if (path === undefined) return this.#settings.root;
    if (!isWithin(path, CONTROL)) return join(this.#settings.root, path);
    return join(this.#settings.control, path.slice(CONTROL.length));
  }
}

/** A run that only looks never comes here. */
async function makeRoot(root: string): Promise<void> {
  try {
    await mkdir(root);
    await chmod(root, ROOT_MODE); // the umask may have taken bits away
  } catch (error) {
    if (!isSystemError(error) || error.code !== 'EEXIST') throw targetError('make', root, error);
  }
}

async function requireSameDevice(settings: LocalSettings, dev: number): Promise<void> {
  const control = await lstat(settings.control).catch(ignore(['ENOENT'], settings.control));
  if (control === undefined || control.dev === dev) return;
  throw new TargetError(
    'unsupported',
    `cannot use ${settings.control} as the control folder of ${settings.root}: it is on another file system, so nothing could be renamed into place; choose a path beside the target`,
  );
}

async function pour(content: ReturnType<Body>, handle: FileHandle, path: RelPath): Promise<number> {
  if (content instanceof Uint8Array) return pourAtOnce(content, handle, path);
  let written = 0;
  for await (const piece of content) {
    await handle.writeFile(piece).catch(fail('write', path));
    written += piece.length;
  }
  return written;
}

/** Without giving up control, since the content is only good until then. */
function pourAtOnce(content: Uint8Array, handle: FileHandle, path: RelPath): number {
  try {
    writeAllSync(handle.fd, content, 0);
    return content.length;
  } catch (error) {
    throw targetError('write', path, error);
  }
}

function remoteFile(path: RelPath, stats: Stats): RemoteFile {
  const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : stats.isSymbolicLink() ? 'link' : 'other';
  return { path, kind, size: stats.size, mtime: Math.floor(stats.mtimeMs / 1000), mode: stats.mode & 0o7777 };
}

function obstructed(path: RelPath, there: Stats): TargetError {
  const what = there.isSymbolicLink() ? 'a symbolic link' : 'a file';
  return new TargetError('not-a-directory', `cannot make the folder ${path}: ${what} is there`);
}

const KINDS: Readonly<Record<string, TargetErrorKind>> = {
  ENOENT: 'not-found',
  EEXIST: 'exists',
  ENOTDIR: 'not-a-directory',
  EISDIR: 'not-a-file',
  ENOTEMPTY: 'not-empty',
  ENAMETOOLONG: 'bad-name',
  EACCES: 'denied',
  EPERM: 'denied',
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EROFS: 'read-only',
};

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

/** What the system says is for programmers; where the cause has a name of ours, a sentence of ours says it. */
const REASONS: Readonly<Partial<Record<TargetErrorKind, string>>> = {
  'not-found': 'it, or the folder above it, is missing',
  'not-a-directory': 'a file is there where a folder should be',
  'not-a-file': 'a folder is there',
  denied: 'permission denied',
  'no-space': 'no space left on the disk',
  'read-only': 'the file system is read-only',
};

function targetError(verb: string, path: string, error: unknown): unknown {
  if (!isSystemError(error)) return error;
  const kind = KINDS[error.code ?? ''] ?? 'failed';
  const reason = kind === 'bad-name' ? whyBadName(placeOf(error)) : (REASONS[kind] ?? error.message);
  return new TargetError(kind, `cannot ${verb} ${shortened(path)}: ${reason}`, { cause: error });
}

/** The whole path that was refused. */
function placeOf(error: NodeJS.ErrnoException): string {
  return 'dest' in error && typeof error.dest === 'string' ? error.dest : (error.path ?? '');
}

function fail(verb: string, path: string): (error: unknown) => never {
  return (error) => {
    throw targetError(verb, path, error);
  };
}

function ignore(codes: readonly string[], path: string): (error: unknown) => undefined {
  return (error) => {
    if (isSystemError(error) && codes.includes(error.code ?? '')) return undefined;
    throw targetError('use', path, error);
  };
}
