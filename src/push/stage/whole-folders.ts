/**
 * WholeFolders: new folders that are staged with the leaves in them, so that one request publishes all of it.
 *
 * Leaves refer to nothing, so they may become visible together, before anything else. That a folder is new is only
 * supposed here, from what the index knows: whoever publishes it looks, and publishes file by file where it is not.
 */
import type { Entry } from '../../core/entry.js';
import { isLeaf } from '../../core/plan.js';
import { foldedPath, join, nameOf, parentOf, type RelPath } from '../../core/relpath.js';
import type { TargetIndex } from '../../core/target-index.js';
import { isStop, type Work } from '../../core/work.js';

const LEAST_LEAVES = 4; // for fewer, the folder's own requests and its note cost what the renames do

export interface WholeFolder {
  /** Where it is to be published. */
  readonly path: RelPath;
  /** Its name on the stage. */
  readonly name: RelPath;
  /** Resolves once files can be staged in it. */
  readonly made: Promise<void>;
  /** The names in it, folded: on a server that knows no case two of them would be one file, written by two at once. */
  readonly names: Set<string>;
}

export class WholeFolders {
  readonly #make: (name: RelPath) => Promise<void>;
  readonly #byPath = new Map<RelPath, WholeFolder>();
  #begun = 0;

  /** `make` makes a folder on the stage. */
  constructor(make: (name: RelPath) => Promise<void>) {
    this.#make = make;
  }

  get all(): WholeFolder[] {
    return [...this.#byPath.values()];
  }

  /** Forgets those at `paths`, which are not on the stage any more. */
  release(paths: Iterable<RelPath>): void {
    for (const path of paths) this.#byPath.delete(path);
  }

  /** For each of `entries` the folder to stage it in, or undefined for a file that is published by itself. */
  *assign(entries: readonly Entry[], { entries: held }: TargetIndex): Work<(WholeFolder | undefined)[]> {
    const parents: (RelPath | undefined)[] = [];
    const leaves = new Map<RelPath, number>();
    for (const [at, { path }] of entries.entries()) {
      if (isStop(at)) yield;
      const parent = isLeaf(path) ? parentOf(path) : undefined;
      parents.push(parent);
      if (parent !== undefined) leaves.set(parent, (leaves.get(parent) ?? 0) + 1);
    }
    for (const [path, count] of leaves) {
      yield; // each is looked for, and made
      const isWorthIt = count >= LEAST_LEAVES && !this.#byPath.has(path) && !held.holdsBelow(path);
      if (isWorthIt) this.#byPath.set(path, this.#begin(path));
    }
    const assigned: (WholeFolder | undefined)[] = [];
    for (const [at, entry] of entries.entries()) {
      if (isStop(at)) yield;
      const parent = parents[at];
      const folder = parent === undefined ? undefined : this.#byPath.get(parent);
      assigned.push(folder !== undefined && isNewIn(folder, entry) ? folder : undefined);
    }
    return assigned;
  }

  #begin(path: RelPath): WholeFolder {
    const name = `${this.#begun++}` as RelPath;
    const made = this.#make(name);
    made.catch(() => undefined); // each file that waits for it hears of its failure
    return { path, name, made, names: new Set() };
  }
}

/** Where a file lies on the stage, below the folder of its run. */
export function placeIn(folder: WholeFolder, { path }: Entry): RelPath {
  return join(folder.name, nameOf(path) as RelPath);
}

/** Takes the name, unless another has it already. */
function isNewIn({ names }: WholeFolder, { path }: Entry): boolean {
  const before = names.size;
  return names.add(foldedPath(nameOf(path))).size > before;
}
