import { describe, expect, test } from 'vitest';
import { match, type Present, planCollect } from '../../src/core/collect-plan.js';
import { comparePaths } from '../../src/core/relpath.js';
import { path } from '../support/entries.js';

interface Case {
  /** Content by path, in place of digests. */
  readonly wanted?: Readonly<Record<string, string>>;
  /** Likewise; a content that begins with `->` is a link to a file with the rest. */
  readonly present?: Readonly<Record<string, string>>;
  readonly ours?: Readonly<Record<string, string>>;
  readonly unknown?: readonly string[];
  readonly seal?: string;
}

/** The plan as lists of paths. */
function plan({ wanted = {}, present = {}, ours = {}, unknown = [], seal }: Case) {
  const remembered = new Map(Object.entries(ours).map(([text, content]) => [path(text), content]));
  const made = planCollect(
    match(files(wanted), files(present)),
    remembered,
    (each) => unknown.includes(each),
    seal === undefined ? undefined : path(seal),
  );
  return {
    clear: made.clear.map((each) => each.entry.path),
    copy: made.copy.map((each) => each.entry.path),
    seal: made.seal === undefined ? [] : [made.seal.entry.path],
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
      'removes a vanished file before the folder comes that takes its name',
      { wanted: { 'a/b': '1' }, present: { a: '1' }, ours: { a: '1' } },
      { clear: ['a'], copy: ['a/b'] },
    ],
    [
      'removes a vanished folder before the file comes that takes its name',
      { wanted: { a: '1' }, present: { 'a/b': '1', 'a/c': '1' }, ours: { 'a/b': '1', 'a/c': '1' } },
      { clear: ['a/b', 'a/c'], copy: ['a'] },
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
    [
      'sets apart the file that names the others',
      { wanted: { a: '1', m: '1', z: '1' }, present: { m: '0', old: '1' }, ours: { m: '0', old: '1' }, seal: 'm' },
      { copy: ['a', 'z'], seal: ['m'], remove: ['old'] },
    ],
    ['has nothing to set apart where that file is right', { wanted: { m: '1' }, present: { m: '1' }, seal: 'm' }, {}],
  ] satisfies [string, Case, Partial<Record<keyof ReturnType<typeof plan>, string[]>>][])(
    '%s',
    (_, given, expected) => {
      expect(plan(given)).toEqual({ clear: [], copy: [], seal: [], remove: [], obstructed: [], ...expected });
    },
  );
});
