/**
 * StaticRoot: STATIC_ROOT as it is written to. Modes, folders and groups are as Django's FileSystemStorage makes them.
 *
 * A file is written under a temporary name in its folder and renamed over the old one, so that at every moment each
 * name holds one whole file. A folder that is a link is written through.
 */
import { hash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  statSync,
  unlinkSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Digest, Entry } from '../core/entry.js';
import { ancestorsOf, nameOf, parentOf, type RelPath } from '../core/relpath.js';
import { FileError, SourceError } from '../errors.js';
import { temporaryFor } from '../fs/atomic-write.js';
import { delaysErrors } from '../fs/delays-errors.js';
import type { Pacer } from '../fs/pace.js';
import { writeAllSync } from '../fs/write-all.js';
import { isSystemError } from '../system-error.js';
import { digestFile, type Reading, readKnown } from './digest.js';
import { SMALL_BYTES } from './kept-contents.js';
import { markOf } from './marks.js';
import { Patience, readSettled } from './read-settled.js';
import { modeOf, mtimeOf, stampOf } from './stamp.js';
import { writeTrouble } from './trouble.js';
import type { Found } from './walk.js';

const ABANDONED_MS = 3_600_000; // no single write takes an hour
const MOST_RECENT = 16;

type Filled = Pick<Entry, 'digest' | 'size'>;

/** Modes to give; null leaves it to the umask. */
export interface Permissions {
  readonly file: number | null;
  readonly dir: number | null;
}

/** What a file is to hold: what another file does, bytes that are made when it is written, or such that are known to be right. */
export type Content = { readonly file: string } | { readonly bytes: () => Uint8Array } | { readonly exact: Uint8Array };

/** A file as it lies there once it is written. */
export interface Put {
  readonly entry: Entry;
  /** Of the file under its name: see `markOf`. */
  readonly mark: number;
}

export class StaticRoot {
  readonly #root: string;
  readonly #permissions: Permissions;
  readonly #pacer: Pacer;
  readonly #patience: Patience;
  readonly #group: number;
  /** Places that are folders, or lead to one. */
  readonly #folders = new Set<string>();
  readonly #made = new Set<RelPath>();
  /** Of the file system of the first folder that is written in, which is taken to be that of all. */
  #delaysErrors: boolean | undefined;
  /** Folders in which a new file has the group and the mode that it is to have. */
  readonly #fitting = new Set<string>();
  /** Contents that were read before. */
  readonly #contents: Pick<ReadonlyMap<Digest, Buffer>, 'get'>;
  /** Small contents that were put last. */
  readonly #recent = new Map<Digest, Buffer>();

  /**
   * Makes the folder if it is missing. `contents` are some that are at hand; `fresh` are folders that were made in this run.
   * Throws a SourceError if there is something else.
   */
  constructor(
    root: string,
    permissions: Permissions,
    pacer: Pacer,
    contents: Pick<ReadonlyMap<Digest, Buffer>, 'get'> = new Map(),
    fresh: readonly string[] = [],
  ) {
    this.#root = root;
    this.#contents = contents;
    this.#permissions = permissions;
    this.#pacer = pacer;
    this.#patience = new Patience(pacer);
    for (const folder of fresh as readonly RelPath[]) this.#noteMade(folder);
    try {
      this.#makeFolder(root);
      this.#group = statSync(root).gid;
    } catch (error) {
      const { message } = writeTrouble(error);
      throw new SourceError(`cannot collect into ${root}: ${message}`, { cause: error });
    }
  }

  /**
   * Makes the path of `wanted` hold `content`. Rejects with a FileError, and the old file stays, if either cannot be had.
   * `exact`: also if the content is not the one of `wanted` any more.
   */
  async put(content: Content, wanted: Entry, exact?: 'exact'): Promise<Put> {
    const place = `${this.#root}/${wanted.path}`;
    try {
      const isFresh = this.#makeFoldersFor(wanted.path);
      if (!isFresh) clearTheWay(place);
      return await this.#write(content, wanted, place, exact);
    } catch (error) {
      throw writeTrouble(error);
    }
  }

  /** What another one of the same folder is made with. */
  get settings(): { readonly root: string; readonly permissions: Permissions } {
    return { root: this.#root, permissions: this.#permissions };
  }

  /** Makes the folders for files at `paths`, as far as that can be done. Answers with all that were made in this run. */
  makeFolders(paths: Iterable<RelPath>): RelPath[] {
    for (const path of paths) {
      try {
        this.#makeFoldersFor(path);
      } catch (error) {
        writeTrouble(error); // whoever puts the file will tell of it
      }
    }
    return [...this.#made];
  }

  /** Removes the file if it is still the one that was found: true if it is gone. Throws a FileError if it cannot be. */
  remove({ file, stamp }: Found): boolean {
    try {
      const stats = lstatSync(file, { throwIfNoEntry: false });
      if (stats === undefined) return true;
      if (stampOf(stats) !== stamp) return false;
      return isDone(() => unlinkSync(file), []); // another run may have been quicker
    } catch (error) {
      throw writeTrouble(error);
    }
  }

  /**
   * Removes the folders that pushstatic made (those of `folders`, and the ones made here) if they are empty because the
   * files of `missing` are gone or did not come, and abandoned `temporaries`. Returns the folders that are left. `nowMs`
   * counts from 1970.
   */
  tidy(
    missing: readonly RelPath[],
    folders: ReadonlySet<string>,
    temporaries: readonly string[],
    nowMs: number,
  ): ReadonlySet<string> {
    const left = new Set<string>([...folders, ...this.#made]);
    const above = new Set(missing.flatMap(ancestorsOf).filter((folder) => left.has(folder)));
    const deepestFirst = [...above].toSorted((a, b) => b.length - a.length);
    for (const folder of deepestFirst) if (removeIfEmpty(`${this.#root}/${folder}`)) left.delete(folder);
    for (const place of temporaries) removeAbandoned(place, nowMs);
    return left;
  }

  async #write(content: Content, wanted: Entry, place: string, exact: 'exact' | undefined): Promise<Put> {
    const folder = dirname(place);
    const temporary = temporaryFor(place);
    const descriptor = openSync(temporary, 'wx', this.#permissions.file ?? 0o666);
    let isPublished = false;
    try {
      const filled = this.#fillAtOnce(content, wanted, descriptor);
      const { digest, size } = filled ?? (await this.#fill(content, wanted, descriptor, exact));
      if (exact !== undefined && digest !== wanted.digest) {
        throw new FileError('CHANGED', 'what it is made from changed meanwhile; the next run takes it up');
      }
      if (!this.#fitting.has(folder) && this.#dress(descriptor).hadAll) this.#fitting.add(folder);
      // Before the rename: if there turns out to be no room, the old file stays.
      if ((this.#delaysErrors ??= delaysErrors(folder))) fsyncSync(descriptor);
      renameSync(temporary, place);
      isPublished = true;
      const { stats } = this.#dress(descriptor);
      return {
        entry: { path: wanted.path, size, digest, mtime: mtimeOf(stats), mode: modeOf(stats) },
        mark: markOf(nameOf(wanted.path), stats),
      };
    } finally {
      closeSync(descriptor);
      if (!isPublished) rmSync(temporary, { force: true });
    }
  }

  /** With what is at hand, or small and as it was: the same content is often wanted under a second name soon. */
  #fillAtOnce(content: Content, { size, digest }: Entry, descriptor: number): Filled | undefined {
    let bytes = 'exact' in content ? content.exact : (this.#contents.get(digest) ?? this.#recent.get(digest));
    if (bytes === undefined && 'file' in content && size <= SMALL_BYTES) {
      const read = readKnown(content.file, size, digest);
      if (read !== undefined) this.#recent.set(digest, (bytes = Buffer.from(read)));
      const [oldest] = this.#recent.keys();
      if (this.#recent.size > MOST_RECENT && oldest !== undefined) this.#recent.delete(oldest);
    }
    if (bytes === undefined) return undefined;
    writeAllSync(descriptor, bytes, 0);
    return { digest, size };
  }

  async #fill(content: Content, wanted: Entry, descriptor: number, exact: 'exact' | undefined): Promise<Filled> {
    if (!('file' in content)) {
      const bytes = 'exact' in content ? content.exact : content.bytes();
      writeAllSync(descriptor, bytes, 0);
      return { digest: hash('sha256', bytes, 'hex'), size: bytes.length };
    }
    const { file } = content;
    const copy = () => digestFile(file, this.#pacer, (bytes, at) => writeAllSync(descriptor, bytes, at));
    const isTaken = ({ digest }: Reading): boolean => digest === wanted.digest;
    const changed = { file, listedAs: undefined, sizeBefore: () => wanted.size, isTaken };
    const reading = await (exact === undefined ? readSettled(changed, undefined, copy, this.#patience) : copy());
    ftruncateSync(descriptor, reading.size); // a first reading of a file that shrank was longer
    return reading;
  }

  /** Gives it the group and the mode that it is to have, unless it had all, and answers with what stat says then. */
  #dress(descriptor: number): { readonly stats: Stats; readonly hadAll: boolean } {
    const stats = fstatSync(descriptor);
    const { file: mode } = this.#permissions;
    const hasGroup = stats.gid === this.#group;
    const hasMode = mode === null || (stats.mode & 0o7777) === mode;
    if (hasGroup && hasMode) return { stats, hadAll: true };
    if (!hasGroup) giveToGroup(descriptor, this.#group);
    if (mode !== null) fchmodSync(descriptor, mode); // another group takes special bits away
    return { stats: fstatSync(descriptor), hadAll: false };
  }

  /** Whether the folder is one that was made here, so that nothing can be in the way in it. */
  #makeFoldersFor(path: RelPath): boolean {
    const parent = parentOf(path);
    if (parent === undefined) return false;
    if (this.#folders.has(`${this.#root}/${parent}`)) return this.#made.has(parent);
    for (const folder of ancestorsOf(path)) {
      if (this.#makeFolder(`${this.#root}/${folder}`)) this.#noteMade(folder);
    }
    return this.#made.has(parent);
  }

  #noteMade(folder: RelPath): void {
    this.#made.add(folder);
    this.#folders.add(`${this.#root}/${folder}`);
  }

  /** Makes the folder and those above it: true if it was missing. Each one made gets the mode, the root included. */
  #makeFolder(place: string): boolean {
    if (this.#folders.has(place)) return false;
    const stats = statSync(place, { throwIfNoEntry: false });
    if (stats !== undefined && !stats.isDirectory()) {
      throw new FileError('OBSTRUCTED', `${place} is in its way and is no folder; remove or rename it`);
    }
    const isMade = stats === undefined && this.#makeMissing(place);
    this.#folders.add(place);
    return isMade;
  }

  /** False where another run, at the same time, was quicker. */
  #makeMissing(place: string): boolean {
    this.#makeFolder(dirname(place));
    try {
      mkdirSync(place);
    } catch (error) {
      if (isSystemError(error) && statSync(place, { throwIfNoEntry: false })?.isDirectory() === true) return false;
      if (lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() !== true) throw error;
      throw new FileError(
        'OBSTRUCTED',
        `${place} is a symbolic link that leads nowhere; make the folder that it names, or remove it`,
      );
    }
    try {
      if (this.#permissions.dir !== null) chmodSync(place, this.#permissions.dir);
    } catch (error) {
      removeIfEmpty(place); // or the next file would take it as it is
      throw error;
    }
    return true;
  }
}

/** Throws a FileError unless a file may be renamed to `place`. A folder that holds nothing but empty ones is removed. */
function clearTheWay(place: string): void {
  const stats = lstatSync(place, { throwIfNoEntry: false });
  if (stats === undefined || stats.isFile()) return;
  if (stats.isDirectory()) {
    if (removeHollow(place)) return;
    throw obstructed('a folder of that name, and it is not empty; remove or rename it');
  } else if (!stats.isSymbolicLink()) {
    throw obstructed('a FIFO, a socket or a device of that name; remove it');
  } else if (statSync(place, { throwIfNoEntry: false })?.isDirectory()) {
    throw obstructed('a link to a folder of that name; remove or rename it');
  }
}

function obstructed(what: string): FileError {
  return new FileError('OBSTRUCTED', `in STATIC_ROOT there is ${what}`);
}

/** Removes a folder in which there are only folders, at any depth: true if it is gone. */
function removeHollow(place: string): boolean {
  const entries = readdirSync(place, { withFileTypes: true });
  if (entries.some((entry) => !entry.isDirectory())) return false;
  return entries.every((entry) => removeHollow(`${place}/${entry.name}`)) && removeIfEmpty(place);
}

/** True if the folder is gone. False where it is in use, or not ours to remove. */
function removeIfEmpty(place: string): boolean {
  return isDone(() => rmdirSync(place), ['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EBUSY', 'EACCES', 'EPERM', 'EROFS']);
}

/** Whether `call` did its work, or found it done; false for one of the `expected` failures. */
function isDone(call: () => void, expected: readonly string[]): boolean {
  try {
    call();
    return true;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    if (error.code === 'ENOENT') return true;
    if (expected.includes(error.code ?? '')) return false;
    throw error;
  }
}

/** Removes what an interrupted run left behind, unless it may belong to one that is still writing. */
function removeAbandoned(place: string, nowMs: number): void {
  const remove = () => {
    const stats = lstatSync(place);
    if (stats.isFile() && nowMs - stats.mtimeMs > ABANDONED_MS) unlinkSync(place);
  };
  isDone(remove, ['EACCES', 'EPERM', 'EROFS']); // no reader sees it, and the next run tries again
}

/** Without the right to do so, it keeps its group; Django leaves it at that too. */
function giveToGroup(descriptor: number, group: number): void {
  isDone(() => fchownSync(descriptor, -1, group), ['EPERM']);
}
