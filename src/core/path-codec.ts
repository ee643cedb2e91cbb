/**
 * How paths stand in a binary list: each as what it shares with the one before, and the rest.
 */
import { type ByteReader, type ByteWriter, damaged } from './bytes.js';
import { parseRelPath, type RelPath } from './relpath.js';

/** `path` as the number of UTF-16 code units shared with `before`, and the rest. */
export function writePath(writer: ByteWriter, before: string, path: RelPath): void {
  let shared = 0;
  while (shared < before.length && before.charCodeAt(shared) === path.charCodeAt(shared)) shared++;
  if (isLowSurrogate(path.charCodeAt(shared))) shared--; // half a pair has no UTF-8
  writer.number(shared).text(path.slice(shared));
}

/** The path after `before`. Throws an IndexError 'damaged' for what cannot be a RelPath. */
export function readPath(reader: ByteReader, before: string): RelPath {
  const shared = reader.number();
  if (shared > before.length) throw damaged('a path shares more with the one before than that has');
  const path = parseRelPath(before.slice(0, shared) + reader.text());
  if (path === undefined) throw damaged('it holds a path that is none');
  return path;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
