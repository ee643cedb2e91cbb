/** sorting: many items in order, by a merge sort that can stop and go on later. */
import { isStop, type Work } from './work.js';

const RUN = 2048; // elements that sort in about a millisecond

/** A sorted copy of `items`: short runs, then merges of two. */
export function* sorting<T extends object>(items: readonly T[], compare: (a: T, b: T) => number): Work<T[]> {
  let runs: T[][] = [];
  for (let at = 0; at < items.length; at += RUN) {
    runs.push(items.slice(at, at + RUN).toSorted(compare));
    yield;
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let i = 0; i < runs.length; i += 2) merged.push(yield* merging(runs[i] ?? [], runs[i + 1] ?? [], compare));
    runs = merged;
  }
  return runs[0] ?? [];
}

function* merging<T extends object>(a: readonly T[], b: readonly T[], compare: (a: T, b: T) => number): Work<T[]> {
  const merged: T[] = [];
  for (let i = 0, j = 0; ; ) {
    const left = a[i];
    const right = b[j];
    if (right !== undefined && (left === undefined || compare(left, right) > 0)) {
      merged.push(right);
      j++;
    } else if (left !== undefined) {
      merged.push(left);
      i++;
    } else return merged;
    if (isStop(merged.length)) yield;
  }
}
