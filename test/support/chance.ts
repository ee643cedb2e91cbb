/** Chance that can be repeated: the same seed gives the same numbers, on every machine. */

export interface Chance {
  /** A whole number from 0 to below `limit`. */
  readonly below: (limit: number) => number;
  /** True with this probability. */
  readonly happens: (probability: number) => boolean;
  /** One of them; of an empty list there is none to take, which is an error of the caller. */
  readonly pick: <T>(items: readonly T[]) => T;
}

/** Mulberry32 by Tommy Ettinger: 32 bits of state, good enough to vary tests. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (limit: number): number => next() % limit;
  return {
    below,
    happens: (probability) => next() < probability * 2 ** 32,
    pick: (items) => {
      const item = items[below(items.length)];
      if (item === undefined) throw new RangeError('nothing to pick from');
      return item;
    },
  };
}
