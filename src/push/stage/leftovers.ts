/**
 * Leftovers: what interrupted runs left on the stage. What is of use is taken over by renaming it into the folder of this
 * run, so that a push that broke off goes on where it was; the rest is removed.
 *
 * The name of a staged file tells its digest, or the notes of its run do; its size and mtime are set last, so they tell
 * that it is complete.
 */
import type { Digest, Entry } from '../../core/entry.js';
import { runFolderOf } from '../../core/lease.js';
import { join, nameOf, parentOf, type RelPath } from '../../core/relpath.js';
import { TargetError } from '../../errors.js';
import type { RemoteFile, Target } from '../../targets/target.js';
import { notesIn, readNotes } from './notes.js';

const LEAST_BEGUN_BYTES = 1024 * 1024; // to look at less takes as long as to send it

export class Leftovers {
  readonly #target: Target;
  readonly #byDigest = new Map<Digest, RemoteFile[]>();
  readonly #notes: RelPath[] = [];
  /** Files that nothing tells the content of. */
  readonly #unknown: RelPath[] = [];
  /** Empty once the files in them are gone. */
  readonly folders: RelPath[] = [];

  private constructor(target: Target) {
    this.#target = target;
  }

  /** `found` is what others left on the stage, all of it out of their reach. */
  static async find(target: Target, found: readonly RemoteFile[]): Promise<Leftovers> {
    const leftovers = new Leftovers(target);
    const digests = new Map<RelPath, Digest>();
    for (const { path } of found.filter((file) => isNotes(file))) {
      const run = runFolderOf(path);
      for (const [name, { digest }] of await readNotes(target, run)) digests.set(join(run, name), digest);
    }
    for (const file of found) leftovers.#add(file, digests);
    return leftovers;
  }

  /** Whether no file is left that could be of use, or in the way. */
  get isEmpty(): boolean {
    return this.#byDigest.size === 0 && this.#unknown.length === 0;
  }

  /** Removes at once what no upload can use. After a disk that was full, it may be what fills it. */
  async makeRoom(uploads: readonly { readonly entry: Entry }[]): Promise<void> {
    await this.#remove(this.#unknown.splice(0));
    if (this.isEmpty) return;
    const wanted = new Set(uploads.map(({ entry }) => entry.digest));
    const useless = [...this.#byDigest].filter(([digest]) => !wanted.has(digest));
    await this.#remove(useless.flatMap(([, files]) => files.map(({ path }) => path)));
    for (const [digest] of useless) this.#byDigest.delete(digest);
  }

  /** Whether there is a complete copy of `entry`. */
  has(entry: Entry): boolean {
    return this.#complete(entry) !== undefined;
  }

  /** Brings a complete copy of `entry` to `place`: true if there was one. */
  async takeOver(entry: Entry, place: RelPath): Promise<boolean> {
    const file = this.#complete(entry);
    const files = this.#byDigest.get(entry.digest);
    if (files === undefined || file === undefined) return false;
    try {
      // It may be the second name of a public file, which keeps its mode.
      if (file.mode !== entry.mode) return await this.#copy(file, entry, place);
      files.splice(files.indexOf(file), 1);
      await this.#target.rename(file.path, place);
      return true;
    } catch (error) {
      // It saves time or nothing: what is in the way of a file is said by sending it.
      const isOver = !(error instanceof TargetError) || error.kind === 'unreachable' || error.kind === 'line-lost';
      if (isOver) throw error;
      return false;
    }
  }

  /** The longest beginning of `entry` that there may be: its name says so, and nothing else does. */
  begun({ digest, size }: Entry): RemoteFile | undefined {
    const files = this.#byDigest.get(digest) ?? [];
    const parts = files.filter((file) => file.kind === 'file' && file.size >= LEAST_BEGUN_BYTES && file.size < size);
    return parts.toSorted((a, b) => b.size - a.size)[0];
  }

  /** Removes what was not taken over, and only now the notes: an interruption may come again. */
  async removeFiles(): Promise<void> {
    const files = [...this.#byDigest.values()].flat();
    await this.#remove([...files.map(({ path }) => path), ...this.#unknown, ...this.#notes]);
  }

  #complete(entry: Entry): RemoteFile | undefined {
    return this.#byDigest.get(entry.digest)?.find((file) => isComplete(file, entry));
  }

  #copy(file: RemoteFile, entry: Entry, place: RelPath): Promise<boolean> {
    return this.#target.patch({ path: file.path, meta: file }, place, () => [{ offset: 0, length: entry.size }], entry);
  }

  #add(file: RemoteFile, digests: ReadonlyMap<RelPath, Digest>): void {
    if (file.kind === 'folder') return void this.folders.push(file.path);
    if (isNotes(file)) return void this.#notes.push(file.path);
    const digest = digests.get(file.path) ?? digestInName(file.path);
    if (digest === undefined) return void this.#unknown.push(file.path);
    const same = this.#byDigest.get(digest);
    if (same === undefined) this.#byDigest.set(digest, [file]);
    else same.push(file);
  }

  async #remove(paths: readonly RelPath[]): Promise<void> {
    await Promise.all(paths.map((path) => this.#target.remove(path)));
  }
}

function isComplete(file: RemoteFile, entry: Entry): boolean {
  return file.kind === 'file' && file.size === entry.size && file.mtime === entry.mtime;
}

function isNotes({ path, kind }: RemoteFile): boolean {
  return kind === 'file' && path === notesIn(runFolderOf(path));
}

/** Only a file that lies in the folder of a run itself is named by its digest. */
function digestInName(path: RelPath): Digest | undefined {
  return parentOf(path) === runFolderOf(path) ? nameOf(path).split('.')[0] : undefined;
}
