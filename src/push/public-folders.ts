/**
 * PublicFolders: the folders that a plan publishes into. Those that are missing are made, or moved here from the stage with
 * what is in them; nothing is written through a link.
 */
import { foldersOf, type Plan } from '../core/plan.js';
import { ancestorsOf, type RelPath } from '../core/relpath.js';
import type { Problem } from '../errors.js';
import type { Target } from '../targets/target.js';
import { inParallel } from './in-parallel.js';
import { problemOf } from './trouble.js';

const IN_FLIGHT = 4096;

export class PublicFolders {
  readonly #plan: Plan;
  readonly #target: Target;
  readonly #mode: number;
  /** Folders that nothing may be written below, and why. */
  readonly #blocked = new Map<RelPath, Problem>();
  readonly #missing = new Set<RelPath>();
  readonly #moved = new Set<RelPath>();
  #made: Promise<unknown> | undefined;

  /** `mode` is that of new folders. */
  constructor(plan: Plan, target: Target, mode: number) {
    this.#plan = plan;
    this.#target = target;
    this.#mode = mode;
  }

  /** Those that came from the stage, with what was in them. */
  get moved(): ReadonlySet<RelPath> {
    return this.#moved;
  }

  /**
   * Finds folders that are missing, and links that took the place of one. Without this look, a link would lead a new file
   * or a removal out of the published tree. What else may stand there is found when the folder is made.
   */
  async look(): Promise<void> {
    const folders = new Set(this.#plan.changes.flatMap(({ path }) => ancestorsOf(path)));
    await inParallel(folders, IN_FLIGHT, async (path) => {
      const there = await this.#target.stat(path);
      if (there === undefined) this.#missing.add(path);
      if (there?.kind !== 'link') return;
      const message = `${path} is a symbolic link on the target, and nothing is written through one; put a folder there`;
      this.#blocked.set(path, { path, step: 'publish', code: 'OBSTRUCTED', message });
    });
  }

  /**
   * Makes those that are missing, once; `staged` says where one waits to be moved. What stands in the way of one blocks it,
   * but not what follows from it below.
   */
  async make(staged: ReadonlyMap<RelPath, RelPath>): Promise<void> {
    await (this.#made ??= this.#makeAll(staged));
  }

  /** Why nothing may be written at `path`. */
  problemAt(path: RelPath): Problem | undefined {
    if (this.#blocked.size === 0) return undefined;
    const folder = ancestorsOf(path).find((each) => this.#blocked.has(each));
    const problem = folder === undefined ? undefined : this.#blocked.get(folder);
    return problem === undefined ? undefined : { ...problem, path };
  }

  async #makeAll(staged: ReadonlyMap<RelPath, RelPath>): Promise<void> {
    const folders = foldersOf(this.#plan).filter(
      (folder) => !this.#blocked.has(folder) && this.problemAt(folder) === undefined,
    );
    const results = await Promise.allSettled(folders.map((folder) => this.#bring(folder, staged)));
    // A folder that could not be moved is missing to those below it. What failed is done again without moving any.
    const failed = folders.filter((_, i) => results[i]?.status === 'rejected');
    await Promise.all(failed.map((folder) => this.#makeOne(folder)));
  }

  async #bring(folder: RelPath, staged: ReadonlyMap<RelPath, RelPath>): Promise<void> {
    const place = this.#missing.has(folder) ? staged.get(folder) : undefined;
    if (place === undefined) return this.#target.makeFolder(folder, this.#mode);
    await this.#target.moveFolder(place, folder);
    this.#moved.add(folder);
  }

  async #makeOne(folder: RelPath): Promise<void> {
    try {
      await this.#target.makeFolder(folder, this.#mode);
    } catch (error) {
      if (this.problemAt(folder) === undefined) this.#blocked.set(folder, problemOf(folder, 'publish', error));
    }
  }
}
