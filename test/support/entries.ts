/** Entries, indexes and changes as literals, and the generators of property tests. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { type Entry, sortEntries } from '../../src/core/entry.js';
import { EntryTable } from '../../src/core/entry-table.js';
import { parseRelPath, type RelPath } from '../../src/core/relpath.js';
import type { Snapshot } from '../../src/core/snapshot.js';
import { emptyIndex, type TargetIndex } from '../../src/core/target-index.js';

export function path(text: string): RelPath {
  const parsed = parseRelPath(text);
  if (parsed === undefined) throw new TypeError(`not a path: ${text}`);
  return parsed;
}

export function digest(content: string): string {
  return createHash('sha256').update(content).digest('hex');
}

/** A file with this content. */
export function entry(name: string, content = name, rest: Partial<Entry> = {}): Entry {
  const size = Buffer.byteLength(content);
  return { path: path(name), size, digest: digest(content), mtime: 1_700_000_000, mode: 0o644, ...rest };
}

export function snapshot(...entries: Entry[]): Snapshot {
  return { entries: EntryTable.listing(sortEntries(entries)), problems: [] };
}

export function index(...entries: Entry[]): TargetIndex {
  return { ...emptyIndex('site'), generation: 1, entries: EntryTable.of(sortEntries(entries)) };
}

/** For comparisons. */
export function plain(of: TargetIndex) {
  return { ...of, entries: [...of.entries] };
}

const component = fc
  .string({ unit: fc.constantFrom('a', 'b', 'c', '.', ' ', 'é', '漢', '😀', '%', '-'), minLength: 1, maxLength: 4 })
  .filter((text) => parseRelPath(text) !== undefined);

export const anyPath: fc.Arbitrary<RelPath> = fc
  .array(component, { minLength: 1, maxLength: 3 })
  .map((components) => path(components.join('/')));

export const anyEntry: fc.Arbitrary<Entry> = fc
  .record({
    path: anyPath,
    content: fc.constantFrom('', 'one', 'two', 'three'),
    mtime: fc.nat(2 ** 31),
    mode: fc.constantFrom(0o644, 0o600),
  })
  .map(({ path: at, content, mtime, mode }) => entry(at, content, { mtime, mode }));

/** A tree that a disk could hold: no path is both a file and a folder. */
export const anyTree: fc.Arbitrary<Entry[]> = fc
  .uniqueArray(anyEntry, { selector: (each) => each.path, maxLength: 12 })
  .map((entries) =>
    sortEntries(entries.filter((each) => !entries.some((other) => other.path.startsWith(`${each.path}/`)))),
  );
