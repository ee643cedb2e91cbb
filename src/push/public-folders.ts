/**
 * PublicFolders: the folders that a plan publishes into. Those that are missing are made; nothing is written through a link.
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
  #made: Promise<unknown> | undefined;

  /** `mode` is that of new folders. */
  constructor(plan: Plan, target: Target, mode: number) {
    this.#plan = plan;
    this.#target = target;
    this.#mode = mode;
  }

  /**
   * Finds links that took the place of a folder. Without this look, one would lead a new file or a removal out of the
   * published tree. What else may stand there is found when the folder is made.
   */
  async findLinks(): Promise<void> {
    const folders = new Set(this.#plan.changes.flatMap(({ path }) => ancestorsOf(path)));
    await inParallel(folders, IN_FLIGHT, async (path) => {
      const there = await this.#target.stat(path);
      if (there?.kind !== 'link') return;
      const message = `${path} is a symbolic link on the target, and nothing is written through one; put a folder there`;
      this.#blocked.set(path, { path, step: 'publish', code: 'OBSTRUCTED', message });
    });
  }

  /** Makes those that are missing, once. What stands in the way of one blocks it, but not what follows from it below. */
  async make(): Promise<void> {
    this.#made ??= Promise.all(
      foldersOf(this.#plan)
        .filter((folder) => !this.#blocked.has(folder) && this.problemAt(folder) === undefined)
        .map((folder) => this.#makeOne(folder)),
    );
    await this.#made;
  }

  /** Why nothing may be written at `path`. */
  problemAt(path: RelPath): Problem | undefined {
    if (this.#blocked.size === 0) return undefined;
    const folder = ancestorsOf(path).find((each) => this.#blocked.has(each));
    const problem = folder === undefined ? undefined : this.#blocked.get(folder);
    return problem === undefined ? undefined : { ...problem, path };
  }

  async #makeOne(folder: RelPath): Promise<void> {
    try {
      await this.#target.makeFolder(folder, this.#mode);
    } catch (error) {
      if (this.problemAt(folder) === undefined) this.#blocked.set(folder, problemOf(folder, 'publish', error));
    }
  }
}
