/**
 * The two ends of every binary format here: a writer that grows, and a reader that distrusts.
 *
 * Numbers are unsigned LEB128 varints up to 2^53 - 1. Paths are written as the length shared with the path before
 * and the rest. A number found in input never drives an allocation: the reader checks it against what is left.
 */
import { createHash } from 'node:crypto';
import { IndexError } from '../errors.js';
import { atOnce, type Work } from './work.js';

export const CHECKSUM_BYTES = 32; // SHA-256

const FIRST_CAPACITY = 1024;
const SUMMED_BYTES = 256 * 1024; // in about half a millisecond
const SHORT_TEXT = 0x7f; // its length is one byte

export class ByteWriter {
  #buffer: Buffer;
  #length = 0;

  /** `capacity` in bytes, if it is known about: growing moves everything, and two copies of a lot are a lot. */
  constructor(capacity = FIRST_CAPACITY) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  number(value: number): this {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
    return this;
  }

  /** A string as its length in bytes and its UTF-8. */
  text(value: string): this {
    if (value.length <= SHORT_TEXT && this.#shortAscii(value)) return this;
    const length = Buffer.byteLength(value);
    this.number(length).#reserve(length);
    this.#length += this.#buffer.write(value, this.#length);
    return this;
  }

  /** Bytes as they are, without their length. */
  bytes(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** `digits` hexadecimal digits, lower case, as half as many bytes. */
  hex(digits: string): this {
    this.#reserve(digits.length / 2);
    this.#length += this.#buffer.write(digits, this.#length, 'hex');
    return this;
  }

  /** A string of characters up to U+00FF, one byte each, without its length. */
  latin1(value: string): this {
    this.#reserve(value.length);
    const buffer = this.#buffer;
    let at = this.#length;
    for (let i = 0; i < value.length; i++) buffer[at++] = value.charCodeAt(i);
    this.#length = at;
    return this;
  }

  get length(): number {
    return this.#length;
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** What was written since the last time: good until more is. */
  take(): Buffer {
    const taken = this.finish();
    this.#length = 0;
    return taken;
  }

  /** As `finish`, with the checksum of all of it at the end: what `unseal` reads. */
  finishSealed(): Buffer {
    return atOnce(this.sealing());
  }

  /** As `finishSealed`. */
  *sealing(): Work<Buffer> {
    return this.bytes(yield* summing(this.finish())).finish();
  }

  /** False, and nothing is written, for what is not ASCII. One by one: to call the system for a few bytes takes longer. */
  #shortAscii(value: string): boolean {
    this.#reserve(1 + value.length);
    const buffer = this.#buffer;
    let at = this.#length;
    buffer[at++] = value.length;
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      if (unit >= 0x80) return false;
      buffer[at++] = unit;
    }
    this.#length = at;
    return true;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + more));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}

/** Reads what ByteWriter wrote. Every method throws an IndexError 'damaged' when the input does not hold it. */
export class ByteReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#buffer.length - this.#at;
  }

  number(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.#buffer[this.#at++];
      if (byte === undefined) throw damaged('it ends in the middle of a number');
      value += (byte & 0x7f) * factor;
      if (!Number.isSafeInteger(value)) throw damaged('it holds a number that is too large');
      if (byte < 0x80) return value;
    }
  }

  /** A count of records, each of which takes at least `leastBytes`: refused if they could not fit in what is left. */
  count(leastBytes: number): number {
    const value = this.number();
    if (value * leastBytes > this.left) throw damaged(`it announces ${value} records and has no room for them`);
    return value;
  }

  text(): string {
    const bytes = this.bytes(this.number());
    const value = bytes.toString('utf8');
    if (value.includes('\ufffd') && !Buffer.from(value).equals(bytes)) throw damaged('it holds text that is not UTF-8');
    return value;
  }

  bytes(length: number): Buffer {
    if (length > this.left) throw damaged('it ends too early');
    this.#at += length;
    return this.#buffer.subarray(this.#at - length, this.#at);
  }

  hex(digits: number): string {
    return this.bytes(digits / 2).toString('hex');
  }

  /** All that is left, which stays to be read. */
  rest(): Buffer {
    return this.#buffer.subarray(this.#at);
  }

  /** States that everything was read. */
  end(): void {
    if (this.left > 0) throw damaged(`${this.left} bytes are left over at its end`);
  }
}

/** SHA-256 of the pieces one after another. */
export function checksum(...pieces: readonly Uint8Array[]): Buffer {
  return atOnce(summing(...pieces));
}

/** As `checksum`. */
export function* summing(...pieces: readonly Uint8Array[]): Work<Buffer> {
  const hash = createHash('sha256');
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += SUMMED_BYTES) {
      if (at > 0) yield;
      hash.update(piece.subarray(at, at + SUMMED_BYTES));
    }
  }
  return hash.digest();
}

/** The content of what `finishSealed` made. Throws an IndexError 'damaged' if the checksum does not agree. */
export function unseal(sealed: Uint8Array): Buffer {
  if (sealed.length < CHECKSUM_BYTES) throw damaged('it is too short to hold a checksum');
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const content = bytes.subarray(0, -CHECKSUM_BYTES);
  if (!checksum(content).equals(bytes.subarray(-CHECKSUM_BYTES))) throw damaged('its checksum does not agree');
  return content;
}

export function damaged(reason: string): IndexError {
  return new IndexError(reason, 'damaged');
}
