/**
 * How paths stand in a sorted list: each as what it shares with the one before, and the rest.
 *
 * What is read is text that nobody has checked. The local caches only look things up by it; the index, which comes from a
 * server, makes RelPaths of it first.
 */
import { type ByteReader, type ByteWriter, damaged } from './bytes.js';

/** `path` as the number of UTF-16 code units shared with `before`, and the rest. */
export function writePath(writer: ByteWriter, before: string, path: string): void {
  let shared = 0;
  while (shared < before.length && before.charCodeAt(shared) === path.charCodeAt(shared)) shared++;
  if (isLowSurrogate(path.charCodeAt(shared))) shared--; // half a pair has no UTF-8
  writer.number(shared).text(path.slice(shared));
}

/** The path after `before`. Throws an IndexError 'damaged' for what `writePath` cannot have written. */
export function readPath(reader: ByteReader, before: string): string {
  const shared = reader.number();
  if (shared > before.length) throw damaged('a path shares more with the one before than that has');
  return before.slice(0, shared) + reader.text();
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
