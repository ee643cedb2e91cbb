import { describe, expect, test } from 'vitest';
import { type Present, planCollect } from '../../src/core/collect-plan.js';
import { comparePaths } from '../../src/core/relpath.js';
import { path } from '../support/entries.js';

interface Case {
  /** Content by path, in place of digests. */
  readonly wanted?: Readonly<Record<string, string>>;
  /** Likewise; a content that begins with `->` is a link to a file with the rest. */
  readonly present?: Readonly<Record<string, string>>;
  readonly ours?: Readonly<Record<string, string>>;
  readonly unknown?: readonly string[];
}

/** The plan as lists of paths. */
function plan({ wanted = {}, present = {}, ours = {}, unknown = [] }: Case) {
  const remembered = new Map(Object.entries(ours).map(([text, content]) => [path(text), content]));
  const made = planCollect(files(wanted), files(present), remembered, (each) => unknown.includes(each));
  return {
    copy: made.copy.map((each) => each.entry.path),
    remove: made.remove.map((each) => each.entry.path),
    obstructed: made.obstructed.map((each) => each.path),
  };
}

function files(tree: Readonly<Record<string, string>>): Present[] {
  const all = Object.entries(tree).map(([text, content]) => ({
    entry: { path: path(text), digest: content.replace('->', '') },
    found: { isLink: content.startsWith('->') },
  }));
  return all.toSorted((a, b) => comparePaths(a.entry.path, b.entry.path));
}

describe('planCollect', () => {
  test.each([
    ['copies what is missing', { wanted: { a: '1' } }, { copy: ['a'] }],
    ['copies what differs, whoever put it there', { wanted: { a: '1' }, present: { a: '2' } }, { copy: ['a'] }],
    ['leaves alone what is right', { wanted: { a: '1' }, present: { a: '1' } }, {}],
    [
      'puts a file in the place of a link, even of one to the right content',
      { wanted: { a: '1' }, present: { a: '->1' } },
      { copy: ['a'] },
    ],
    ['removes what was put and is wanted no more', { present: { a: '1' }, ours: { a: '1' } }, { remove: ['a'] }],
    ['keeps what it did not put', { present: { a: '1' } }, {}],
    ['keeps what was changed since it was put', { present: { a: '2' }, ours: { a: '1' } }, {}],
    ['keeps what was made a link since it was put', { present: { a: '->1' }, ours: { a: '1' } }, {}],
    ['forgets what is gone already', { ours: { a: '1' } }, {}],
    ['keeps what may still be in a source', { present: { a: '1' }, ours: { a: '1' }, unknown: ['a'] }, {}],
    [
      'removes a vanished file for the folder that takes its name',
      { wanted: { 'a/b': '1' }, present: { a: '1' }, ours: { a: '1' } },
      { copy: ['a/b'], remove: ['a'] },
    ],
    [
      'removes a vanished folder for the file that takes its name',
      { wanted: { a: '1' }, present: { 'a/b': '1', 'a/c': '1' }, ours: { 'a/b': '1', 'a/c': '1' } },
      { copy: ['a'], remove: ['a/b', 'a/c'] },
    ],
    [
      "is obstructed by somebody's file where a folder must go",
      { wanted: { 'a/b': '1' }, present: { a: '1' } },
      { obstructed: ['a/b'] },
    ],
    [
      "is obstructed by a folder with somebody's file where a file must go, and removes the vanished beside it",
      { wanted: { a: '1' }, present: { 'a/b': '1', 'a/theirs': '1' }, ours: { 'a/b': '1' } },
      { remove: ['a/b'], obstructed: ['a'] },
    ],
    [
      'puts what stands beside an obstruction',
      { wanted: { 'a/b': '1', 'a-b': '1', z: '1' }, present: { a: '1' } },
      { copy: ['a-b', 'z'], obstructed: ['a/b'] },
    ],
  ] satisfies [string, Case, Partial<Record<keyof ReturnType<typeof plan>, string[]>>][])(
    '%s',
    (_, given, expected) => {
      expect(plan(given)).toEqual({ copy: [], remove: [], obstructed: [], ...expected });
    },
  );
});
