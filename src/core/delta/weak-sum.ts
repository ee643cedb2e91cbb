/**
 * The weak sum: a polynomial in the bytes of a block, modulo 2^32. It is cheap to move on by a byte, and says little: two
 * blocks with the same sum are compared by their strong sum.
 */
const FACTOR = 0x0100_0193; // odd, so that no byte is lost however long the block is

/** Of `length` bytes from `start` on. */
export function weakSum(bytes: Uint8Array, start: number, length: number): number {
  let sum = 0;
  for (let i = start; i < start + length; i++) sum = (Math.imul(sum, FACTOR) + (bytes[i] as number)) | 0;
  return sum;
}

/** What the first byte of a block of `length` counts in its sum. */
export function weightOfFirst(length: number): number {
  let weight = 1;
  for (let i = 1; i < length; i++) weight = Math.imul(weight, FACTOR);
  return weight;
}

/** The sum of the block that begins one byte later: `out` goes, whose weight is `weight`, and `next` comes. */
export function movedOn(sum: number, out: number, weight: number, next: number): number {
  return (Math.imul((sum - Math.imul(out, weight)) | 0, FACTOR) + next) | 0;
}
