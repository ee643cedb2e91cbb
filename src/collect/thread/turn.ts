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

const CLOSED = 2 ** 30; // more than there are numbers to take

/** Nobody gets a number that means something any more, and whoever is at work is to give up. */
export function close(turn: Turn): void {
  Atomics.store(turn, 0, CLOSED);
}

export function isClosed(turn: Turn): boolean {
  return Atomics.load(turn, 0) >= CLOSED;
}
