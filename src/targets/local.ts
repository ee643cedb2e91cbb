/**
 * A target in a folder of this machine (`file://`).
 */
import { chmodSync, constants, createReadStream, lstatSync, mkdirSync, rmdirSync, type Stats } from 'node:fs';
import { chmod, type FileHandle, link, lstat, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { folderMode } from '../core/folder-mode.js';
import { CONTROL, isWithin, parentOf, parseRelPath, type RelPath } from '../core/relpath.js';
import { TargetError } from '../errors.js';
import { writeAll, writeAllSync } from '../fs/write-all.js';
import { codeOf, isSystemError } from '../system-error.js';
import { closedTo } from './closed-folder.js';
import { type Attempt, fail, ignore, kindOf, targetError, type Verb } from './local-trouble.js';
import type { Basis, Body, Capabilities, FileMeta, OnClosed, RemoteFile, Target } from './target.js';

const CHUNK_BYTES = 256 * 1024;
const LAST_MTIME = 2 ** 32 - 1; // as of a file in an index, which has what SFTP can say
const ROOT_MODE = 0o755; // a web server is to read it
const WRITE = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW; // a link there would lead to a file of others
const NOTHING_THERE = ['ENOENT', 'ENOTDIR'];

export interface LocalSettings {
  /** For messages. */
  readonly url: string;
  /** The published tree; absolute. Made if it is missing and the folder above it is there. */
  readonly root: string;
  /** The control area; absolute, on the same file system. Made when it is first written to. */
  readonly control: string;
  readonly signal?: AbortSignal | undefined;
}

/** Rejects with a TargetError: 'not-a-directory', 'not-found' for the folder above the root, 'other-device', or what the system says. */
export async function openLocal(settings: LocalSettings): Promise<Target> {
  const root = await stat(settings.root).catch(ignore(['ENOENT'], use(settings.root)));
  if (root?.isDirectory() === false)
    throw new TargetError('not-a-directory', `cannot use ${settings.root}: it is not a folder`);
  const { dev } = root ?? (await stat(dirname(settings.root)).catch(fail(use(settings.root))));
  await requireSameDevice(settings, dev);
  return new LocalTarget(settings);
}

class LocalTarget implements Target {
  readonly url: string;
  readonly capabilities: Capabilities;
  readonly #settings: LocalSettings;
  #root: Promise<void> | undefined;

  constructor(settings: LocalSettings) {
    this.url = settings.url;
    // A copy of what lies there costs what a copy of the source does.
    this.capabilities = {
      atomicReplace: true,
      storesMtime: true,
      hardlink: true,
      serverCopy: false,
      roundTripMs: 0,
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
    const stats = await lstat(this.#at(path)).catch(ignore(NOTHING_THERE, this.#tried('look at', path)));
    return stats === undefined ? undefined : remoteFile(path, stats);
  }

  async rootMode(): Promise<number | undefined> {
    const { root } = this.#settings;
    const stats = await stat(root).catch(ignore(NOTHING_THERE, use(root)));
    if (stats === undefined) this.#root = undefined;
    return stats && stats.mode & 0o7777;
  }

  async *read(path: RelPath): AsyncIterable<Uint8Array> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const [tried, { signal }] = [this.#tried('read', path), this.#settings];
    requireGoing(signal, tried);
    const handle = await open(tried.at, flags).catch(fail(tried));
    try {
      for await (const piece of createReadStream('', { fd: handle, autoClose: false, highWaterMark: CHUNK_BYTES })) {
        requireGoing(signal, tried);
        yield piece as Uint8Array;
      }
    } catch (error) {
      throw targetError(tried, error);
    } finally {
      await handle.close();
    }
  }

  async write(path: RelPath, body: Body, meta: FileMeta, how?: 'packed' | 'durable'): Promise<number> {
    const tried = this.#tried('write', path);
    const { signal } = this.#settings;
    requireGoing(signal, tried);
    const handle = await open(tried.at, WRITE | constants.O_TRUNC, 0o600).catch(fail(tried));
    try {
      const written = await pour(body(), { handle, tried, signal });
      if (written !== meta.size)
        throw new TargetError('failed', `cannot write ${path}: ${written} bytes instead of ${meta.size}`);
      await handle.chmod(meta.mode);
      await handle.utimes(meta.mtime, meta.mtime);
      if (how === 'durable') await handle.sync();
      await handle.close(); // a disk of another machine may only now say that it is full
      return written;
    } catch (error) {
      const explained = targetError(tried, error); // while the disk is as full as it was
      await handle.close().catch(() => undefined);
      await rm(tried.at, { force: true }).catch(() => undefined); // what stays on the stage, a later run removes
      throw explained;
    }
  }

  async link({ path, meta }: Basis, to: RelPath): Promise<boolean> {
    try {
      await link(this.#at(path), this.#at(to));
    } catch (error) {
      if (!isSystemError(error)) throw error;
      await this.remove(to); // over NFS it may be there: the answer was lost, and the repeated request got EEXIST
      return false;
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

  async append(path: RelPath, offset: number, bytes: Uint8Array, how?: 'durable'): Promise<void> {
    const tried = this.#tried('write', path);
    const handle = await open(tried.at, WRITE, 0o600).catch(fail(tried));
    try {
      await writeAll(handle, bytes, offset);
      if (how === 'durable') await handle.sync();
      await handle.close();
    } catch (error) {
      await handle.close().catch(() => undefined);
      throw targetError(tried, error);
    }
  }

  async rename(from: RelPath, to: RelPath): Promise<void> {
    await rename(this.#at(from), this.#at(to)).catch(fail(this.#tried('publish', to)));
  }

  async moveFolder(from: RelPath, to: RelPath): Promise<void> {
    await rename(this.#at(from), this.#at(to)).catch(fail(this.#tried('publish the folder', to)));
  }

  async chmod(path: RelPath, mode: number): Promise<void> {
    await chmod(this.#at(path), mode).catch(fail(this.#tried('change the mode of', path)));
  }

  // Synchronous, so that it takes effect in the order of the calls.
  async makeFolder(path: RelPath, mode: number): Promise<void> {
    await (this.#root ??= makeRoot(this.#settings.root));
    const tried = this.#tried('make the folder', path);
    const { at } = tried;
    try {
      mkdirSync(at);
      chmodSync(at, folderMode(mode, lstatSync(at).mode));
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'EEXIST') throw targetError(tried, error);
      const there = await lstat(at).catch(fail(tried));
      if (!there.isDirectory()) throw obstructed(path, there);
    }
  }

  async makeFolderAmong(path: RelPath, mode: number): Promise<RemoteFile[]> {
    await this.makeFolder(path, mode);
    return this.#listOne(parentOf(path));
  }

  async remove(path: RelPath): Promise<void> {
    await unlink(this.#at(path)).catch(ignore(NOTHING_THERE, this.#tried('remove', path)));
  }

  async removeFolder(path: RelPath): Promise<boolean> {
    await this.#root;
    try {
      rmdirSync(this.#at(path));
      return true;
    } catch (error) {
      if (isSystemError(error) && NOTHING_THERE.includes(codeOf(error))) return true;
      if (isSystemError(error) && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST')) return false;
      throw targetError(this.#tried('remove the folder', path), error);
    }
  }

  async close(): Promise<void> {}

  async #listOne(folder: RelPath | undefined): Promise<RemoteFile[]> {
    const at = this.#at(folder);
    const names = await readdir(at).catch(ignore(['ENOENT'], { verb: 'list', path: folder ?? at, at }));
    const found: RemoteFile[] = [];
    for (const name of names ?? []) {
      const path = parseRelPath(folder === undefined ? name : `${folder}/${name}`);
      if (path === undefined || path === CONTROL) continue;
      const file = await this.stat(path);
      if (file !== undefined) found.push(file);
    }
    return found;
  }

  #tried(verb: Verb, path: RelPath): Attempt {
    return { verb, path, at: this.#at(path) };
  }

  #at(path: RelPath | undefined): string {
    if (path === undefined) return this.#settings.root;
    if (!isWithin(path, CONTROL)) return join(this.#settings.root, path);
    return join(this.#settings.control, path.slice(CONTROL.length));
  }
}

function use(place: string): Attempt {
  return { verb: 'use', path: place, at: place };
}

/** A run that only looks never comes here. */
async function makeRoot(root: string): Promise<void> {
  try {
    await mkdir(root);
    await chmod(root, folderMode(ROOT_MODE, (await stat(root)).mode)); // the umask may have taken bits away
  } catch (error) {
    if (!isSystemError(error) || error.code !== 'EEXIST')
      throw targetError({ verb: 'make', path: root, at: root }, error);
    if ((await stat(root).catch(ignore(['ENOENT'], use(root)))) === undefined) throw leadsNowhere(root);
  }
}

function leadsNowhere(root: string): TargetError {
  return new TargetError(
    'not-a-directory',
    `cannot make ${root}: a symbolic link is there that leads nowhere; make the folder that it names, or remove the link`,
  );
}

/** Of a control area that is not there yet, it is the folder that it will be made in. */
async function requireSameDevice({ root, control }: LocalSettings, dev: number): Promise<void> {
  const there = await lstat(control).catch(ignore(['ENOENT'], use(control)));
  const { dev: other } = there ?? (await stat(await nearestFolder(dirname(control))));
  if (other === dev) return;
  throw new TargetError(
    'other-device',
    `cannot use ${control} as the control folder of ${root}: it is on another file system, so nothing could be renamed into place; choose a path inside the target, or beside it on the same file system`,
  );
}

async function nearestFolder(folder: string): Promise<string> {
  const there = await stat(folder).catch(ignore(['ENOENT'], use(folder)));
  return there === undefined && folder !== dirname(folder) ? nearestFolder(dirname(folder)) : folder;
}

function requireGoing(signal: AbortSignal | undefined, { verb, path }: Attempt): void {
  if (signal?.aborted !== true) return;
  throw new TargetError('failed', `cannot ${verb} ${path}: it was interrupted`, { cause: signal.reason });
}

interface Pouring {
  readonly handle: FileHandle;
  readonly tried: Attempt;
  readonly signal: AbortSignal | undefined;
}

async function pour(content: ReturnType<Body>, { handle, tried, signal }: Pouring): Promise<number> {
  if (content instanceof Uint8Array) return pourAtOnce(content, handle, tried);
  let written = 0;
  for await (const piece of content) {
    requireGoing(signal, tried);
    await handle.writeFile(piece).catch(fail(tried));
    written += piece.length;
  }
  return written;
}

/** Without giving up control, since the content is only good until then. */
function pourAtOnce(content: Uint8Array, handle: FileHandle, tried: Attempt): number {
  try {
    writeAllSync(handle.fd, content, 0);
    return content.length;
  } catch (error) {
    throw targetError(tried, error);
  }
}

function remoteFile(path: RelPath, stats: Stats): RemoteFile {
  return {
    path,
    kind: kindOf(stats),
    size: stats.size,
    mtime: Math.min(Math.max(Math.floor(stats.mtimeMs / 1000), 0), LAST_MTIME),
    mode: stats.mode & 0o7777,
  };
}

function obstructed(path: RelPath, there: Stats): TargetError {
  const what = there.isSymbolicLink() ? 'a symbolic link' : 'a file';
  return new TargetError('not-a-directory', `cannot make the folder ${path}: ${what} is there`);
}
