/**
 * planCollect: what must happen to STATIC_ROOT so that it holds the winners. Content decides, never a time.
 *
 * Only what pushstatic put there is ever removed, and only while it still has the content that was put: a file that
 * somebody else made, or has changed since, stays and is published like the rest.
 */
import type { Problem } from '../errors.js';
import type { Digest, Entry } from './entry.js';
import { inTheWay } from './in-the-way.js';
import { comparePaths, type RelPath } from './relpath.js';
import { findConflicts } from './resolve.js';

/** A winner. */
export interface Wanted {
  readonly entry: Pick<Entry, 'path' | 'digest'>;
}

/** A file of STATIC_ROOT. A link is never as it should be: what it leads to may change without it. */
export interface Present extends Wanted {
  readonly found: { readonly isLink: boolean };
}

/** In this order. */
export interface CollectPlan<W extends Wanted = Wanted, P extends Present = Present> {
  /** What is to be removed anyway, and is in the way of a copy. */
  readonly clear: readonly P[];
  readonly copy: readonly W[];
  /** The file that names the others: it comes after all of them are there, and not if one of them could not be put. */
  readonly seal: W | undefined;
  /** What nothing names any more. */
  readonly remove: readonly P[];
  /** Winners that cannot be put, because something that stays is in the way. */
  readonly obstructed: readonly Problem[];
}

/** How what lies there is different from what is wanted; all of it sorted by path. */
export interface Mismatch<W extends Wanted = Wanted, P extends Present = Present> {
  /** What does not lie there as it is wanted. */
  readonly missing: readonly W[];
  /** What lies there, and is not wanted at all. */
  readonly others: readonly P[];
}

/** Compares what lies there with what is wanted, a file after the other, both sorted by path. */
export class Matching<W extends Wanted, P extends Present> {
  readonly #wanted: readonly W[];
  readonly #missing: W[] = [];
  readonly #others: P[] = [];
  #at = 0;

  constructor(wanted: readonly W[]) {
    this.#wanted = wanted;
  }

  /** The next file that lies there. */
  take(have: P): void {
    const { path, digest } = have.entry;
    const winner = this.#skipTo(path);
    if (winner?.entry.path !== path) this.#others.push(have);
    else {
      this.#at++;
      if (have.found.isLink || winner.entry.digest !== digest) this.#missing.push(winner);
    }
  }

  /** No more lies there. */
  end(): Mismatch<W, P> {
    this.#skipTo(undefined);
    return { missing: this.#missing, others: this.#others };
  }

  /** What is wanted before `path` is missing. Answers with the first that is not before it. */
  #skipTo(path: RelPath | undefined): W | undefined {
    for (let next = this.#wanted[this.#at]; next !== undefined; next = this.#wanted[++this.#at]) {
      if (path !== undefined && next.entry.path >= path) return next;
      this.#missing.push(next);
    }
    return undefined;
  }
}

export function match<W extends Wanted, P extends Present>(
  wanted: readonly W[],
  present: readonly P[],
): Mismatch<W, P> {
  const matching = new Matching<W, P>(wanted);
  for (const have of present) matching.take(have);
  return matching.end();
}

/**
 * `ours` is what pushstatic put, with the content it had then. Nothing is removed for which `isUnknown`: it may still be in a
 * source that could not be read. `sealPath` is that of the manifest.
 */
export function planCollect<W extends Wanted, P extends Present>(
  { missing, others }: Mismatch<W, P>,
  ours: ReadonlyMap<string, Digest>,
  isUnknown: (path: string) => boolean,
  sealPath?: RelPath,
): CollectPlan<W, P> {
  const remove: P[] = [];
  const staying: P[] = [];
  for (const have of others) {
    const { path, digest } = have.entry;
    const isRemovable = ours.get(path) === digest && !have.found.isLink && !isUnknown(path);
    (isRemovable ? remove : staying).push(have);
  }
  const obstacles = obstaclesOf(missing, staying);
  const free = obstacles.size === 0 ? missing : missing.filter(({ entry }) => !obstacles.has(entry.path));
  const first = inTheWay(remove.map(pathOf), free.map(pathOf));
  return {
    clear: remove.filter((have) => first.has(pathOf(have))),
    copy: free.filter((winner) => pathOf(winner) !== sealPath),
    seal: free.find((winner) => pathOf(winner) === sealPath),
    remove: first.size === 0 ? remove : remove.filter((have) => !first.has(pathOf(have))),
    obstructed: [...obstacles].map(([path, obstacle]) => obstruction(path, obstacle)),
  };
}

function pathOf({ entry }: Wanted): RelPath {
  return entry.path;
}

/** The paths of `copy` that need a folder where a file stays, or are a folder that something stays in, with that file. */
function obstaclesOf(copy: readonly Wanted[], staying: readonly Wanted[]): Map<RelPath, RelPath> {
  if (copy.length === 0 || staying.length === 0) return new Map();
  const all = [
    ...staying.map(({ entry }) => ({ path: entry.path, source: 0 })),
    ...copy.map(({ entry }) => ({ path: entry.path, source: 1 })),
  ];
  const conflicts = findConflicts(all.toSorted((a, b) => comparePaths(a.path, b.path)));
  // Two of the same kind never conflict: STATIC_ROOT has each path as one thing, and so have the winners.
  return new Map([...conflicts].map(([loser, stronger]) => [loser.path, stronger.path]));
}

function obstruction(path: RelPath, obstacle: RelPath): Problem {
  const message = `"${obstacle}" is in its way in STATIC_ROOT, and pushstatic did not put it there; remove or rename it`;
  return { path, step: 'collect', code: 'OBSTRUCTED', message };
}
