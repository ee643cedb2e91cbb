import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { comparePaths } from '../../src/core/relpath.js';
import { type Candidate, findConflicts, isCovered, resolve } from '../../src/core/resolve.js';
import { path } from '../support/entries.js';

/** What the sources offer, each given as its paths. */
function listings(...sources: readonly (readonly string[])[]): Candidate[][] {
  return sources.map((paths, source) =>
    paths.toSorted(comparePaths).map((text) => ({ path: path(text), source, file: `/${source}/${text}` })),
  );
}

function filesOf(candidates: readonly Candidate[] | undefined): string[] | undefined {
  return candidates?.map(({ file }) => file);
}

describe('resolve', () => {
  test('lets the first source win that has a path', () => {
    const { winners } = resolve(listings(['b'], ['a', 'b'], ['a', 'c']));
    expect(filesOf(winners)).toEqual(['/1/a', '/0/b', '/2/c']);
  });

  test('remembers the shadowed in order of precedence', () => {
    const { shadowed } = resolve(listings(['a'], ['a', 'b'], ['a']));
    expect([...shadowed.keys()]).toEqual(['a']);
    expect(filesOf(shadowed.get(path('a')))).toEqual(['/1/a', '/2/a']);
  });

  test('tells spellings apart: case, and composed from decomposed letters', () => {
    const { winners } = resolve(listings(['App.css', 'caf\u00e9'], ['app.css', 'cafe\u0301']));
    expect(winners).toHaveLength(4);
  });

  test('gives nothing for no sources and for empty ones', () => {
    expect(resolve([]).winners).toEqual([]);
    expect(resolve(listings([], [])).winners).toEqual([]);
  });

  test('keeps the file of the earlier source when a later one needs its name for a folder', () => {
    const { winners, conflicts } = resolve(listings(['a'], ['a/b', 'a/c/d', 'a-x']));
    expect(filesOf(winners)).toEqual(['/0/a', '/1/a-x']);
    expect(conflicts.map((problem) => [problem.path, problem.code])).toEqual([
      ['a/b', 'OBSTRUCTED'],
      ['a/c/d', 'OBSTRUCTED'],
    ]);
    expect(conflicts[0]?.message).toBe(
      'it needs a folder where an earlier source has the file "a"; rename one of them',
    );
  });

  test('keeps the folder of the earlier source when a later one has a file of its name', () => {
    const { winners, conflicts } = resolve(listings(['a/b'], ['a']));
    expect(filesOf(winners)).toEqual(['/0/a/b']);
    expect(conflicts).toMatchObject([{ path: 'a', step: 'collect', code: 'OBSTRUCTED' }]);
  });

  test('lets a file that loses its name exclude nothing', () => {
    const { winners } = resolve(listings(['a/c'], ['a'], ['a/b']));
    expect(filesOf(winners)).toEqual(['/2/a/b', '/0/a/c']);
  });

  test('gives to no later source what an earlier one may have in a folder that cannot be read', () => {
    const unknown = [new Set(['css', 'broken.js']), new Set<string>(), new Set<string>()];
    const { winners } = resolve(listings(['a'], ['css/a.css', 'css-x', 'broken.js'], ['css/b/c.css', 'z']), unknown);
    expect(filesOf(winners)).toEqual(['/0/a', '/1/css-x', '/2/z']);
  });

  test('keeps what an earlier source has below a place that a later one cannot read', () => {
    const { winners } = resolve(listings(['css/a.css'], ['x']), [new Set(), new Set(['css'])]);
    expect(filesOf(winners)).toEqual(['/0/css/a.css', '/1/x']);
  });

  test('agrees with taking one source after another into a tree', () => {
    const name = fc.constantFrom('a', 'b', 'a-', 'a.b', 'c');
    const paths = fc.uniqueArray(
      fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/')),
      { maxLength: 8 },
    );
    // A tree on a disk cannot hold both `a` and `a/b`.
    const source = paths.map((all) => all.filter((each) => !all.some((other) => other.startsWith(`${each}/`))));
    fc.assert(
      fc.property(fc.array(source, { maxLength: 4 }), (sources) => {
        const { winners } = resolve(listings(...sources));
        expect(filesOf(winners)?.toSorted()).toEqual(takeOneByOne(sources).toSorted());
        expect(winners.map((winner) => winner.path)).toEqual(
          winners.map((winner) => winner.path).toSorted(comparePaths),
        );
      }),
    );
  });
});

describe('findConflicts', () => {
  test('finds nothing in names that only begin alike', () => {
    const sorted = ['a', 'a!', 'a-b', 'a.b/c', 'ab', 'b/a'].map((text, source) => ({ path: path(text), source }));
    expect(findConflicts(sorted).size).toBe(0);
  });
});

test.each([
  ['a', ['a'], true],
  ['a/b/c', ['a'], true],
  ['ab', ['a'], false],
  ['a', ['a/b'], false],
  ['a', [''], true],
  ['a', [], false],
])('isCovered(%j, %j) is %j', (text, places, covered) => {
  expect(isCovered(text, new Set(places))).toBe(covered);
});

/** The plain way: a file is taken unless an earlier source made its path, or one above or below it, something else. */
function takeOneByOne(sources: readonly (readonly string[])[]): string[] {
  const taken = new Map<string, string>();
  for (const [source, paths] of sources.entries()) {
    for (const each of paths) {
      const isExcluded = [...taken.keys()].some(
        (have) => have === each || have.startsWith(`${each}/`) || each.startsWith(`${have}/`),
      );
      if (!isExcluded) taken.set(each, `/${source}/${each}`);
    }
  }
  return [...taken.values()];
}
