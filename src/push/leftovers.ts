/**
 * Leftovers: what interrupted runs left on the stage. What is of use is taken over by renaming it into the folder of this
 * run, so that a push that broke off goes on where it was; the rest is removed.
 *
 * The name of a staged file tells its digest; its size and mtime are set last, so they tell that it is complete.
 */
import { isWithin, nameOf, type RelPath } from '../core/relpath.js';
import type { Entry } from '../core/snapshot.js';
import { TargetError } from '../errors.js';
import type { RemoteFile, Target } from '../targets/target.js';

export class Leftovers {
  readonly #target: Target;
  readonly #byDigest = new Map<string, RemoteFile[]>();
  /** Empty once the files in them are gone. */
  readonly folders: RelPath[] = [];

  /** `control` is what lies in the control area; `stage` holds a folder for each run, of which `own` is that of this one. */
  constructor(target: Target, stage: RelPath, own: RelPath, control: readonly RemoteFile[]) {
    this.#target = target;
    for (const found of control) {
      if (found.path === stage || !isWithin(found.path, stage) || isWithin(found.path, own)) continue;
      if (found.kind === 'folder') this.folders.push(found.path);
      else this.#add(found);
    }
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

  #add(file: RemoteFile): void {
    const digest = nameOf(file.path).split('.')[0] ?? '';
    const same = this.#byDigest.get(digest);
    if (same === undefined) this.#byDigest.set(digest, [file]);
    else same.push(file);
  }

  async #remove(files: readonly RemoteFile[]): Promise<void> {
    await Promise.all(files.map(({ path }) => this.#target.remove(path)));
  }
}
