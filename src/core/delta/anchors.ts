/**
 * Anchors: places that content sets by itself, about one in 32 where it varies, each with a hash of the bytes from there on. Where the
 * same bytes stand, the same places are anchors; so who looks for what repeats notes these, and asks about these, and no others.
 *
 * They come from the gear sum of the last 32 bytes, at the cost of one shift and one addition a byte: what came before moves up by one
 * bit with each, and out after 32 (Xia et al., "Ddelta", 2014). It is no checksum: where hashes are equal, the bytes are worth a look.
 */

/** An anchor stands for so many bytes. */
export const ANCHORED_BYTES = 32;
const ANCHOR_BITS = 5;

/** For each byte 32 bits that look random, the same ones in all runs. Of 0 nothing is scattered. */
const GEAR = Int32Array.from({ length: 256 }, (_, byte) => scattered(byte + 1));

export interface Anchored {
  readonly bytes: Uint8Array;
  /** Where its anchors are, in ascending order. */
  readonly places: readonly number[];
  /** Of each, 32 bits. */
  readonly hashes: readonly number[];
}

export function anchored(bytes: Uint8Array): Anchored {
  const places: number[] = [];
  const hashes: number[] = [];
  let sum = 0;
  for (let at = 0; at < bytes.length; at++) {
    const before = sum;
    sum = ((sum << 1) + (GEAR[bytes[at] as number] as number)) | 0;
    // On the highest bits all 32 bytes have had a say. In a run of one byte the sum stays the same, and one anchor is enough.
    if (sum >>> (32 - ANCHOR_BITS) !== 0 || sum === before || at + 1 < ANCHORED_BYTES) continue;
    places.push(at + 1 - ANCHORED_BYTES);
    hashes.push(scattered(sum));
  }
  return { bytes, places, hashes };
}

/** The bits of a number spread over 32: the last step of MurmurHash3. */
function scattered(number: number): number {
  let bits = Math.imul(number ^ (number >>> 16), 0x85eb_ca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35);
  return bits ^ (bits >>> 16);
}
