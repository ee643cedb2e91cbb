/**
 * Marks as they stand in a file: of each absolute folder, a number for each of its entries (see `sweep`).
 */

import type { ByteReader, ByteWriter } from './bytes.js';
import { readPath, writePath } from './path-codec.js';

const MARK_BYTES = 8;

export type Marks = ReadonlyMap<string, Float64Array>;

export function writeMarks(writer: ByteWriter, marks: Marks): void {
  writer.number(marks.size);
  let before = '';
  for (const [folder, numbers] of marks) {
    writePath(writer, before, folder);
    before = folder;
    writer.number(numbers.length).bytes(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
  }
}

/** Throws an IndexError for what `writeMarks` cannot have written. */
export function readMarks(reader: ByteReader): Map<string, Float64Array> {
  const marks = new Map<string, Float64Array>();
  let before = '';
  for (let left = reader.count(2); left > 0; left--) {
    const folder = readPath(reader, before);
    before = folder;
    // A copy of its own: where it stands in the file is no place for numbers of eight bytes.
    const numbers = reader.bytes(reader.count(MARK_BYTES) * MARK_BYTES);
    marks.set(folder, new Float64Array(Uint8Array.from(numbers).buffer));
  }
  return marks;
}
