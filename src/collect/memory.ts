/**
 * The memory of collecting in the state folder: read before the work, written after it.
 *
 * Losing it costs this much: files that vanished from the sources meanwhile stay in STATIC_ROOT as if somebody else had
 * put them there, folders that pushstatic made stay when they are empty, and the next run cannot tell that a source
 * has shrunk. Files that equal their source are known as ours again at once.
 */
import { decodeMemory, encodeMemory, type Memory, NO_MEMORY } from '../core/collected-codec.js';
import type { StateFolder } from '../fs/state.js';

const NAME = 'collected';

export async function recall(state: StateFolder): Promise<Memory> {
  const bytes = await state.read(NAME);
  return (bytes && decodeMemory(bytes)) ?? NO_MEMORY;
}

/** Writes `memory` unless `before` is the same. Rejects as StateFolder does. */
export async function remember(state: StateFolder, memory: Memory, before: Memory): Promise<void> {
  if (!isSame(memory, before)) await state.write(NAME, encodeMemory(memory));
}

function isSame(a: Memory, b: Memory): boolean {
  return isSameMap(a.sources, b.sources) && isSameMap(a.files, b.files) && isSameSet(a.folders, b.folders);
}

function isSameMap<K, V>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value) return false;
  return true;
}

function isSameSet<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): boolean {
  if (a.size !== b.size) return false;
  for (const item of a) if (!b.has(item)) return false;
  return true;
}
