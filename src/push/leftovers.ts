/**
 * Leftovers: what interrupted runs left on the stage. What is of use is taken over by renaming it into the folder of this
 * run, so that a push that broke off goes on where it was; the rest is removed.
 *
 * The name of a staged file tells its digest, or the notes of its run do; its size and mtime are set last, so they tell
 * that it is complete.
 */
import { isWithin, join, nameOf, parentOf, type RelPath } from '../core/relpath.js';
import type { Entry } from '../core/snapshot.js';
import { TargetError } from '../errors.js';
import type { RemoteFile, Target } from '../targets/target.js';
import { readNotes } from './stage-notes.js';

export const NOTES = 'notes' as RelPath;

export class Leftovers {
  readonly #target: Target;
  /** By the digest, or what stands for one that is not known. */
  readonly #byDigest = new Map<string, RemoteFile[]>();
  /** Empty once the files in them are gone. */
  readonly folders: RelPath[] = [];

  private constructor(target: Target) {
    this.#target = target;
  }

  /** `control` is what lies in the control area; `stage` holds a folder for each run, of which `own` is that of this one. */
  static async find(target: Target, stage: RelPath, own: RelPath, control: readonly RemoteFile[]): Promise<Leftovers> {
    const leftovers = new Leftovers(target);
    const found = control.filter(({ path }) => path !== stage && isWithin(path, stage) && !isWithin(path, own));
    const digests = new Map<RelPath, string>();
    for (const run of new Set(found.map(({ path }) => runOf(path, stage)))) {
      const notes = join(run, NOTES);
      if (!found.some(({ path, kind }) => path === notes && kind === 'file')) continue;
      for (const [name, { digest }] of await readNotes(target, notes)) digests.set(join(run, name), digest);
    }
    for (const file of found) {
      if (file.kind === 'folder') leftovers.folders.push(file.path);
      else leftovers.#add(file, digests.get(file.path) ?? digestInName(file.path, stage));
    }
    return leftovers;
  }

  /** Whether no file is left that could be of use, or in the way. */
  get isEmpty(): boolean {
    return this.#byDigest.size === 0;
  }

  /** Removes at once what no upload can use. After a disk that was full, it may be what fills it. */
  async makeRoom(uploads: readonly { readonly entry: Entry }[]): Promise<void> {
    if (this.isEmpty) return;
    const wanted = new Set(uploads.map(({ entry }) => entry.digest));
    const useless = [...this.#byDigest].filter(([digest]) => !wanted.has(digest));
    await this.#remove(useless.flatMap(([, files]) => files));
    for (const [digest] of useless) this.#byDigest.delete(digest);
  }

  /** Renames a complete copy of `entry` to `place`: true if there was one. */
  async takeOver(entry: Entry, place: RelPath): Promise<boolean> {
    const files = this.#byDigest.get(entry.digest);
    const at = files?.findIndex((file) => file.size === entry.size && file.mtime === entry.mtime) ?? -1;
    const [file] = at < 0 ? [] : (files?.splice(at, 1) ?? []);
    if (file === undefined) return false;
    try {
      await this.#target.rename(file.path, place);
      return true;
    } catch (error) {
      // Another run was quicker.
      if (error instanceof TargetError && error.kind === 'not-found') return false;
      throw error;
    }
  }

  /** Removes what was not taken over. */
  async removeFiles(): Promise<void> {
    await this.#remove([...this.#byDigest.values()].flat());
  }

  #add(file: RemoteFile, digest: string): void {
    const same = this.#byDigest.get(digest);
    if (same === undefined) this.#byDigest.set(digest, [file]);
    else same.push(file);
  }

  async #remove(files: readonly RemoteFile[]): Promise<void> {
    await Promise.all(files.map(({ path }) => this.#target.remove(path)));
  }
}

/** The folder of the run that `path`, below `stage`, belongs to. */
function runOf(path: RelPath, stage: RelPath): RelPath {
  const end = path.indexOf('/', stage.length + 1);
  return end < 0 ? path : (path.slice(0, end) as RelPath);
}

/** Only a file that lies in the folder of a run itself is named by its digest; for another the answer is none that there is. */
function digestInName(path: RelPath, stage: RelPath): string {
  return parentOf(path) === runOf(path, stage) ? (nameOf(path).split('.')[0] ?? '') : path;
}
