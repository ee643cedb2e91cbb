/**
 * Turn: a counter that threads share. Each number is taken once, by whoever comes first.
 */
export type Turn = Int32Array<SharedArrayBuffer>;

export function newTurn(): Turn {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
}

/** 0, 1, 2, ... */
export function take(turn: Turn): number {
  return Atomics.add(turn, 0, 1);
}

/** Nobody gets a number below `length` any more. */
export function close(turn: Turn, length: number): void {
  Atomics.store(turn, 0, length);
}
