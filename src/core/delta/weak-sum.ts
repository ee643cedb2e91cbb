/**
 * The weak sum: a polynomial in the bytes of a block, modulo 2^32. It is cheap to move on by a byte, and says little: two
 * blocks with the same sum are compared by their strong sum.
 */
const FACTOR = 0x0100_0193; // odd, so that no byte is lost however long the block is

const FACTOR_2 = Math.imul(FACTOR, FACTOR);
const FACTOR_3 = Math.imul(FACTOR_2, FACTOR);
const FACTOR_4 = Math.imul(FACTOR_3, FACTOR);

/** Of `length` bytes from `start` on. Four at a time: each step waits for the multiplication of the one before. */
export function weakSum(bytes: Uint8Array, start: number, length: number): number {
  const end = start + length;
  let sum = 0;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    const first = Math.imul(bytes[i] as number, FACTOR_3) + Math.imul(bytes[i + 1] as number, FACTOR_2);
    const second = Math.imul(bytes[i + 2] as number, FACTOR) + (bytes[i + 3] as number);
    sum = (Math.imul(sum, FACTOR_4) + ((first + second) | 0)) | 0;
  }
  for (; i < end; i++) sum = (Math.imul(sum, FACTOR) + (bytes[i] as number)) | 0;
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
