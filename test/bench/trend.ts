/**
 * trend: whether a figure that goes up and down goes up.
 */

/**
 * How much `values`, taken at even times, grew from the first to the last, by the median of the slopes of all pairs (Theil
 * and Sen): up to a quarter of the values may lie anywhere.
 */
export function growthOf(values: readonly number[]): number {
  const slopes = values.flatMap((value, i) => values.slice(i + 1).map((later, gap) => (later - value) / (gap + 1)));
  return (median(slopes) || 0) * (values.length - 1);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
