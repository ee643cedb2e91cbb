/**
 * firstNotBefore: where in a sorted list something stands, or would stand, by halving.
 */

/** The first of `length` positions that is not before; `length` where all are. Those that are before stand first. */
export function firstNotBefore(length: number, isBefore: (at: number) => boolean): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
