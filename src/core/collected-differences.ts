/**
 * collectedDifferences: where STATIC_ROOT, as far as it is ours, is not what collectstatic makes. Pure.
 */
import type { Digest } from './entry.js';
import { comparePaths } from './relpath.js';

export interface Difference {
  readonly path: string;
  readonly kind: 'missing' | 'extra' | 'different';
}

export interface Trees {
  /** What collectstatic makes. */
  readonly made: ReadonlyMap<string, Digest>;
  /** What lies in STATIC_ROOT. */
  readonly present: ReadonlyMap<string, Digest>;
  /** What of that pushstatic put there, with the content it had then. What others put, or changed since, is theirs. */
  readonly ours: ReadonlyMap<string, Digest>;
  /** Whether this path is kept on purpose although nothing names it any more. */
  readonly isKept: (path: string) => boolean;
}

/** Sorted by path. */
export function collectedDifferences({ made, present, ours, isKept }: Trees): Difference[] {
  const differences: Difference[] = [];
  for (const [path, digest] of made) {
    const there = present.get(path);
    if (there === undefined) differences.push({ path, kind: 'missing' });
    else if (there !== digest) differences.push({ path, kind: 'different' });
  }
  for (const [path, digest] of ours) {
    if (!made.has(path) && present.get(path) === digest && !isKept(path)) differences.push({ path, kind: 'extra' });
  }
  return differences.toSorted((a, b) => comparePaths(a.path, b.path));
}
