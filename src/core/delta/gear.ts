/**
 * The gear sum of the last 32 bytes of a stream, at the cost of one shift and one addition a byte: what came before moves up by one bit
 * with each byte, and out after 32 (Xia et al., "Ddelta", 2014). It is no checksum: equal sums say that it is worth while to look at the bytes.
 */
export const GEAR_BYTES = 32;
const ANCHOR_BITS = 5;

/** For each byte 32 bits that look random, the same ones in all runs. */
const GEAR = Int32Array.from({ length: 256 }, (_, byte) => scattered(byte + 1));

/** The sum one byte later. A stream begins with 0. */
export function withNext(sum: number, byte: number): number {
  return ((sum << 1) + (GEAR[byte] as number)) | 0;
}

/**
 * So it is in one of 32 places, about. The highest bits tell, on which all 32 bytes have had a say: where the same bytes stand, the same places
 * are anchors.
 */
export function isAnchor(sum: number): boolean {
  return sum >>> (32 - ANCHOR_BITS) === 0;
}

/** The bits of a number spread over 32: the last step of MurmurHash3. */
export function scattered(number: number): number {
  let bits = Math.imul(number ^ (number >>> 16), 0x85eb_ca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35);
  return bits ^ (bits >>> 16);
}
