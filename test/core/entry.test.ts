import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findEntry, sortEntries } from '../../src/core/entry.js';
import { anyEntry, anyPath } from '../support/entries.js';

const anyEntries = fc.uniqueArray(anyEntry, { selector: (each) => each.path, maxLength: 30 }).map(sortEntries);

describe('among sorted entries', () => {
  it('each is found by its path, and nothing else is', () => {
    fc.assert(
      fc.property(anyEntries, anyPath, (entries, path) => {
        for (const each of entries) expect(findEntry(entries, each.path)).toBe(each);
        expect(findEntry(entries, path)).toBe(entries.find((each) => each.path === path));
      }),
    );
  });
});
