/**
 * Delta: a new file as ranges of an old one, of which there is a signature, and the bytes in between.
 *
 * The weak sum moves through the new file byte by byte; where it is that of a block of the old one, the strong sum decides.
 * Bytes come in pieces of any size, and no more of them is kept than is undecided.
 */
import { type Signature, STRONG_BYTES, StrongSums } from './signature.js';
import { movedOn, weakSum, weightOfFirst } from './weak-sum.js';

/** A range of the old file, or new bytes. */
export type Op = { readonly offset: number; readonly length: number } | Uint8Array;

/** To ask for a shorter range takes as many bytes as it has. */
const LEAST_RANGE_BYTES = 128;
const MOST_LITERAL_BYTES = 64 * 1024;
// Content that was made so that its weak sums agree and its strong ones do not: not worth the time.
const FALSE_ALARMS = 10_000;
const NONE = -1;

/** A range that may still grow; `start` is where it lies in the new file. */
interface Run {
  readonly start: number;
  readonly offset: number;
  length: number;
}

export class DeltaMaker {
  readonly #signature: Signature;
  readonly #blocks: BlockTable;
  readonly #sums: StrongSums;
  readonly #weight: number;
  readonly #emit: (op: Op) => void;
  /** Bytes of the new file from `#base` on, `#filled` of them. */
  #buffer = Buffer.alloc(0);
  #base = 0;
  #filled = 0;
  /** Where the next block may begin, where what is not emitted begins, and the range that ends at or before `#at`. */
  #at = 0;
  #literal = 0;
  #run: Run | undefined;
  #alarms = 0;

  /** `emit` is given the operations in order; bytes are good as long as anybody wants them. */
  constructor(signature: Signature, emit: (op: Op) => void) {
    this.#signature = signature;
    this.#blocks = new BlockTable(signature);
    this.#sums = new StrongSums(signature);
    this.#weight = weightOfFirst(signature.blockBytes);
    this.#emit = emit;
  }

  add(piece: Uint8Array): void {
    this.#append(piece);
    this.#scan();
    this.#letGo();
  }

  finish(): void {
    this.#matchTail();
    this.#closeRun();
    this.#emitLiteral(this.#end);
  }

  get #end(): number {
    return this.#base + this.#filled;
  }

  #append(piece: Uint8Array): void {
    if (this.#filled + piece.length > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, this.#filled + piece.length));
      this.#buffer.copy(grown, 0, 0, this.#filled);
      this.#buffer = grown;
    }
    this.#buffer.set(piece, this.#filled);
    this.#filled += piece.length;
  }

  #scan(): void {
    const { blockBytes } = this.#signature;
    const [buffer, blocks, weight] = [this.#buffer, this.#blocks, this.#weight];
    let at = this.#at - this.#base;
    let sum = this.#filled - at >= blockBytes ? weakSum(buffer, at, blockBytes) : 0;
    while (this.#filled - at >= blockBytes) {
      const block = blocks.mayHold(sum) ? this.#match(at, sum) : NONE;
      if (block === NONE) {
        if (this.#filled - at > blockBytes)
          sum = movedOn(sum, buffer[at] as number, weight, buffer[at + blockBytes] as number);
        at++;
        continue;
      }
      this.#take(this.#base + at, block * blockBytes, blockBytes);
      at += blockBytes;
      if (this.#filled - at >= blockBytes) sum = weakSum(buffer, at, blockBytes);
    }
    this.#at = this.#base + at;
  }

  /** The block that lies at `at` of the buffer; rather the one after the last. */
  #match(at: number, sum: number): number {
    if (this.#alarms > FALSE_ALARMS) return NONE;
    const { blockBytes } = this.#signature;
    const strong = this.#sums.of(this.#buffer.subarray(at, at + blockBytes));
    const run = this.#run;
    const isNext = run !== undefined && run.start + run.length === this.#base + at;
    const next = isNext ? (run.offset + run.length) / blockBytes : NONE;
    if (next !== NONE && this.#blocks.isBlock(next, strong)) return next;
    const found = this.#blocks.find(sum, strong);
    if (found === NONE) this.#alarms++;
    return found;
  }

  /** The last block of the old file may be shorter, and is looked for at the end of the new one alone. */
  #matchTail(): void {
    const { size, blockBytes, weak } = this.#signature;
    const length = size % blockBytes;
    const start = this.#end - length;
    const free = this.#run === undefined ? this.#literal : this.#run.start + this.#run.length;
    if (length === 0 || start < free) return;
    const tail = this.#buffer.subarray(start - this.#base, this.#filled);
    if (this.#blocks.isBlock(weak.length - 1, this.#sums.of(tail))) this.#take(start, size - length, length);
  }

  #take(start: number, offset: number, length: number): void {
    const run = this.#run;
    const continues = run !== undefined && run.start + run.length === start && run.offset + run.length === offset;
    if (continues) run.length += length;
    else {
      this.#closeRun();
      this.#run = { start, offset, length };
    }
  }

  /** A range that is too short stays what it is in the new file: bytes. */
  #closeRun(): void {
    const run = this.#run;
    this.#run = undefined;
    if (run === undefined || run.length < LEAST_RANGE_BYTES) return;
    this.#emitLiteral(run.start);
    this.#emit({ offset: run.offset, length: run.length });
    this.#literal = run.start + run.length;
  }

  #emitLiteral(end: number): void {
    for (let start = this.#literal; start < end; start += MOST_LITERAL_BYTES) {
      const [from, to] = [start - this.#base, Math.min(end, start + MOST_LITERAL_BYTES) - this.#base];
      this.#emit(Buffer.from(this.#buffer.subarray(from, to)));
    }
    this.#literal = Math.max(this.#literal, end);
  }

  /** Lets go of what is decided. */
  #letGo(): void {
    if (this.#run !== undefined && this.#run.start + this.#run.length < this.#at) this.#closeRun();
    const run = this.#run;
    const isSure = run !== undefined && run.length >= LEAST_RANGE_BYTES;
    const decided = run === undefined ? this.#at : run.start;
    if (isSure || decided - this.#literal >= MOST_LITERAL_BYTES) this.#emitLiteral(decided);
    const wanted = isSure ? run.start + run.length : this.#literal;
    this.#buffer.copy(this.#buffer, 0, wanted - this.#base, this.#filled);
    this.#filled -= wanted - this.#base;
    this.#base = wanted;
  }
}

/** The blocks of an old file by their sums. Of equal ones the first stands for all. */
class BlockTable {
  readonly #signature: Signature;
  /** One more than a block, at the place that its weak sum gives or the next free one; 0 where there is none. */
  readonly #slots: Int32Array;
  readonly #mask: number;
  /** A bit for each of the first `#sieveBits` of the weak sums, once mixed, that there are. */
  readonly #sieve: Uint8Array;
  readonly #sieveBits: number;

  constructor(signature: Signature) {
    this.#signature = signature;
    const { weak, strong, size, blockBytes } = signature;
    const whole = Math.floor(size / blockBytes);
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * whole + 2)));
    this.#mask = this.#slots.length - 1;
    this.#sieveBits = Math.min(MOST_SIEVE_BITS, Math.log2(this.#slots.length) + SPARSE_BITS);
    this.#sieve = new Uint8Array(2 ** (this.#sieveBits - 3));
    for (let block = 0; block < whole; block++) {
      const sum = weak[block] as number;
      const place = this.#inSieve(sum);
      this.#sieve[place >>> 3] = (this.#sieve[place >>> 3] as number) | (1 << (place & 7));
      this.#add(block, sum, strong.subarray(block * STRONG_BYTES, (block + 1) * STRONG_BYTES));
    }
  }

  mayHold(sum: number): boolean {
    const place = this.#inSieve(sum);
    return ((this.#sieve[place >>> 3] as number) & (1 << (place & 7))) !== 0 && this.#isThere(sum);
  }

  isBlock(block: number, strong: Buffer): boolean {
    const start = block * STRONG_BYTES;
    const all = this.#signature.strong;
    return start + STRONG_BYTES <= all.length && strong.equals(all.subarray(start, start + STRONG_BYTES));
  }

  /** The block with these sums, or NONE. */
  find(sum: number, strong: Buffer): number {
    for (let slot = this.#first(sum); this.#slots[slot] !== 0; slot = (slot + 1) & this.#mask) {
      const block = (this.#slots[slot] as number) - 1;
      if (this.#signature.weak[block] === sum && this.isBlock(block, strong)) return block;
    }
    return NONE;
  }

  #isThere(sum: number): boolean {
    for (let slot = this.#first(sum); this.#slots[slot] !== 0; slot = (slot + 1) & this.#mask) {
      if (this.#signature.weak[(this.#slots[slot] as number) - 1] === sum) return true;
    }
    return false;
  }

  #add(block: number, sum: number, strong: Buffer): void {
    let slot = this.#first(sum);
    let alike = 0;
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & this.#mask) {
      const other = (this.#slots[slot] as number) - 1;
      if (this.#signature.weak[other] !== sum) continue;
      if (++alike === MOST_ALIKE || this.isBlock(other, strong)) return;
    }
    this.#slots[slot] = block + 1;
  }

  #first(sum: number): number {
    return (Math.imul(sum, 0x9e37_79b1) >>> 7) & this.#mask;
  }

  #inSieve(sum: number): number {
    return Math.imul(sum, 0x85eb_ca6b) >>> (32 - this.#sieveBits);
  }
}

const MOST_SIEVE_BITS = 20;
const SPARSE_BITS = 4; // of 16 to 64 bits one is set
const MOST_ALIKE = 16; // blocks that are different and have one weak sum: by accident there are hardly two
