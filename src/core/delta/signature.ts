/**
 * Signature: what is kept of a file that was published, so that a later one can be made of its blocks without reading it.
 *
 * Blocks of one size, as in rsync: each has a weak sum and a strong one. Measured on upgrades of bootstrap and of tinymce, blocks
 * of 256 bytes leave 0.79 and 0.63 MB to send where chunks of that size, cut by their content, leave 0.91 and 0.67 MB, and three
 * times as many ranges: an edit costs a chunk as a whole, and the larger ones more often. As a signature never travels, small
 * blocks cost nothing on the wire: 128 bytes leave another eighth less than 256. 64 would leave a further twentieth less, and take
 * a quarter of the room of the files.
 */
import { hash } from 'node:crypto';
import { FileError } from '../../errors.js';
import { ByteReader, ByteWriter, CHECKSUM_BYTES, damaged, unseal } from '../bytes.js';
import type { Digest } from '../entry.js';
import { weakSum } from './weak-sum.js';

/** Of a salted SHA-256: too many to collide by accident, and who does not know the salt cannot search for a collision. */
export const STRONG_BYTES = 12;
export const SALT_BYTES = 16;

const LEAST_BLOCK_BYTES = 128;
const WEAK_BYTES = 4;
const MAGIC = Buffer.from('PSSG');
const FORMAT = 2;
const DIGEST_DIGITS = 64;
const HEADER_BYTES = 80; // what stands before the sums, at most

export interface Signature {
  /** Of the file. */
  readonly digest: Digest;
  readonly size: number;
  /** Of each block but the last one, which may be shorter. */
  readonly blockBytes: number;
  /** Random, `SALT_BYTES` long, one for each signature; it stays on this machine. */
  readonly salt: Uint8Array;
  /** Of each block. */
  readonly weak: Int32Array;
  /** Of each block, `STRONG_BYTES`, one after another. */
  readonly strong: Buffer;
}

/** A local file that is to get a signature, and what it is known to hold. */
export interface ToSign extends Pick<Signature, 'digest' | 'size'> {
  readonly file: string;
}

/** Above 2 MiB, the larger the file, the larger its blocks, so that their number and what one edit costs grow alike. A power of two. */
export function blockBytesFor(size: number): number {
  return Math.max(LEAST_BLOCK_BYTES, 2 ** Math.round(Math.log2(Math.sqrt(size) / 8)));
}

/** Makes the strong sums of blocks of at most `blockBytes`. */
export class StrongSums {
  /** The salt, followed by the block in hand. */
  readonly #bytes: Buffer;

  constructor({ salt, blockBytes }: Pick<Signature, 'salt' | 'blockBytes'>) {
    this.#bytes = Buffer.alloc(SALT_BYTES + blockBytes);
    this.#bytes.set(salt);
  }

  of(block: Uint8Array): Buffer {
    return Buffer.from(this.textOf(block), 'latin1');
  }

  /** In characters up to U+00FF: to have a buffer made takes as long as the sum. */
  textOf(block: Uint8Array): string {
    this.#bytes.set(block, SALT_BYTES);
    return hash('sha256', this.#bytes.subarray(0, SALT_BYTES + block.length), 'binary').slice(0, STRONG_BYTES);
  }
}

/** Makes the signature of a file whose content comes in pieces; whoever brings it sees to it that it has that digest. */
export class SignatureMaker {
  readonly #digest: Digest;
  readonly #size: number;
  readonly #blockBytes: number;
  readonly #salt: Uint8Array;
  readonly #sums: StrongSums;
  readonly #weak: Int32Array;
  readonly #strong: Buffer;
  readonly #partial: Buffer;
  #partialBytes = 0;
  #bytes = 0;
  #blocks = 0;

  constructor({ digest, size, salt }: Pick<Signature, 'digest' | 'size' | 'salt'>) {
    this.#digest = digest;
    this.#size = size;
    this.#blockBytes = blockBytesFor(size);
    this.#salt = salt;
    this.#sums = new StrongSums({ salt, blockBytes: this.#blockBytes });
    const blocks = Math.ceil(size / this.#blockBytes);
    this.#weak = new Int32Array(blocks);
    this.#strong = Buffer.alloc(blocks * STRONG_BYTES);
    this.#partial = Buffer.alloc(this.#blockBytes);
  }

  /** What is beyond `size` is refused with a FileError 'CHANGED'. */
  add(piece: Uint8Array): void {
    this.#bytes += piece.length;
    if (this.#bytes > this.#size) throw new FileError('CHANGED', 'it is longer than it was said to be');
    let at = 0;
    while (at < piece.length) {
      if (this.#partialBytes === 0 && piece.length - at >= this.#blockBytes) {
        this.#addBlock(piece.subarray(at, at + this.#blockBytes));
        at += this.#blockBytes;
        continue;
      }
      const part = piece.subarray(at, at + this.#blockBytes - this.#partialBytes);
      this.#partial.set(part, this.#partialBytes);
      this.#partialBytes += part.length;
      at += part.length;
      if (this.#partialBytes === this.#blockBytes) this.#addPartial();
    }
  }

  finish(): Signature {
    if (this.#partialBytes > 0) this.#addPartial();
    if (this.#bytes < this.#size) throw new FileError('CHANGED', 'it is shorter than it was said to be');
    const [digest, size, blockBytes, salt] = [this.#digest, this.#size, this.#blockBytes, this.#salt];
    return { digest, size, blockBytes, salt, weak: this.#weak, strong: this.#strong };
  }

  #addPartial(): void {
    this.#addBlock(this.#partial.subarray(0, this.#partialBytes));
    this.#partialBytes = 0;
  }

  #addBlock(block: Uint8Array): void {
    this.#weak[this.#blocks] = weakSum(block, 0, block.length);
    this.#strong.write(this.#sums.textOf(block), this.#blocks * STRONG_BYTES, 'latin1');
    this.#blocks++;
  }
}

/** 'PSSG', format, digest, size, the size of a block, the salt, weak sums, strong sums, SHA-256 over all of it. */
export function encodeSignature({ digest, size, blockBytes, salt, weak, strong }: Signature): Buffer {
  const writer = new ByteWriter(weak.byteLength + strong.length + CHECKSUM_BYTES + HEADER_BYTES);
  writer.bytes(MAGIC).number(FORMAT).hex(digest).number(size).number(blockBytes).bytes(salt);
  const sums = Buffer.alloc(weak.byteLength);
  for (const [i, sum] of weak.entries()) sums.writeInt32LE(sum, i * WEAK_BYTES);
  return writer.bytes(sums).bytes(strong).finishSealed();
}

/** Throws an IndexError 'damaged' at whatever such bytes cannot be. */
export function decodeSignature(bytes: Uint8Array): Signature {
  const reader = new ByteReader(unseal(bytes));
  if (!reader.bytes(MAGIC.length).equals(MAGIC)) throw damaged('it does not begin like a signature');
  if (reader.number() !== FORMAT) throw damaged('it has another format');
  const digest = reader.hex(DIGEST_DIGITS);
  const size = reader.number();
  const blockBytes = reader.number();
  if (blockBytes < LEAST_BLOCK_BYTES || !Number.isInteger(Math.log2(blockBytes)))
    throw damaged('its blocks have a size that they cannot have');
  const salt = Buffer.from(reader.bytes(SALT_BYTES));
  const blocks = Math.ceil(size / blockBytes);
  if (blocks * (WEAK_BYTES + STRONG_BYTES) !== reader.left)
    throw damaged('it has not as many sums as the file has blocks');
  const sums = reader.bytes(blocks * WEAK_BYTES);
  const weak = Int32Array.from({ length: blocks }, (_, i) => sums.readInt32LE(i * WEAK_BYTES));
  const strong = Buffer.from(reader.bytes(blocks * STRONG_BYTES));
  reader.end();
  return { digest, size, blockBytes, salt, weak, strong };
}
