import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compilePattern, fnmatch, ignoreRules } from '../../src/core/fnmatch.js';

/** pattern, what matches, what does not: read off python3's fnmatch.fnmatchcase. */
const TABLE: readonly (readonly [pattern: string, matching: readonly string[], others: readonly string[]])[] = [
  ['', [''], ['a']],
  ['a.css', ['a.css'], ['A.css', 'a.cssx', 'xa.css', 'aXcss']],
  ['*', ['', 'a', '.a', 'a/b', 'a\nb', '🎈'], []],
  ['.*', ['.', '.git', '.a/b'], ['a', 'a.b', '']],
  ['*~', ['~', 'a~', 'a/b~'], ['a~b', 'a']],
  ['CVS', ['CVS'], ['cvs', 'CVS/']],
  ['dir/*', ['dir/', 'dir/a', 'dir/a/b'], ['dir', 'xdir/a']],
  ['a*b*c', ['abc', 'aXbYc', 'abcbc', 'ab/b/c'], ['abcd', 'acb', 'ab']],
  ['**', ['', 'x/y'], []],
  ['?', ['a', '/', '.', '\n', '🎈', 'é'], ['', 'ab', 'e\u0301']],
  ['a?c', ['abc', 'a/c'], ['ac', 'abbc']],
  ['[ab]', ['a', 'b'], ['c', 'ab', '']],
  ['[a-c]x', ['ax', 'bx', 'cx'], ['dx', '-x']],
  ['[!a-c]', ['d', '-', '!', '/', '🎈'], ['a', 'b', 'c', '']],
  ['[^a]', ['^', 'a'], ['b']],
  ['[]a]', [']', 'a'], ['[', 'b']],
  ['[!]a]', ['b', '['], [']', 'a']],
  ['[c-a]', [], ['a', 'b', 'c', '-']],
  ['[!c-a]', ['a', 'b', '-', '🎈'], ['']],
  ['[c-ax]', ['x'], ['a', 'b', 'c', '-']],
  ['[a-]', ['a', '-'], ['b']],
  ['[-a]', ['-', 'a'], ['b']],
  ['[a-c-e]', ['a', 'b', 'c', '-', 'e'], ['d']],
  ['[--/]', ['-', '.', '/'], [',', '0']],
  ['[', ['['], ['a', '']],
  ['a[', ['a['], ['a']],
  ['[ab', ['[ab'], ['a', 'b']],
  ['[]', ['[]'], [']', '[']],
  ['[!]', ['[!]'], ['a', '!']],
  ['[[]', ['['], [']']],
  ['[\\]', ['\\'], [']']],
  ['\\*', ['\\', '\\a'], ['*', 'a']],
  ['{a,b}', ['{a,b}'], ['a', 'b']],
  ['[🎈-🎊]', ['🎈', '🎉', '🎊'], ['🎇', '🎋']],
  ['(a|b)+$', ['(a|b)+$'], ['a', 'ab']],
];

describe('fnmatch', () => {
  test.each(TABLE)('%j matches what python3 matches', (pattern, matching, others) => {
    expect(matching.filter((name) => !fnmatch(name, pattern))).toEqual([]);
    expect(others.filter((name) => fnmatch(name, pattern))).toEqual([]);
  });

  test('agrees with the python3 of this machine on the table and on generated patterns and names', () => {
    const pieces = fc.constantFrom(
      '*',
      '?',
      '[',
      ']',
      '[!',
      '-',
      'a',
      'b',
      'c',
      '.',
      '/',
      '^',
      '\\',
      '&',
      '~',
      '|',
      '🎈',
      '\n',
    );
    // A `!` elsewhere than after `[` meets the accident of Python that the file header names.
    const text = fc.array(pieces, { maxLength: 9 }).map((some) => some.join(''));
    const word = fc.array(fc.constantFrom('a', 'b', 'c', '-', '.', '/', '[', ']', '!', '^', '\\', '🎈', '\n'), {
      maxLength: 6,
    });
    const names = fc.array(
      word.map((some) => some.join('')),
      { minLength: 5, maxLength: 5 },
    );
    const generated = fc.sample(fc.tuple(text, names), { numRuns: 4000, seed: 20_240 });
    const cases: (readonly [string, readonly string[]])[] = [
      ...TABLE.map(([pattern, matching, others]) => [pattern, [...matching, ...others]] as const),
      ...generated.filter(([pattern]) => !/\[[^\]]*-[^\]]*!/s.test(pattern)),
    ];
    const expected = askPython(cases);
    const ours = cases.map(([pattern, some]) => some.map(compilePattern(pattern)));
    const differing = cases.flatMap(([pattern, some], i) =>
      some.filter((_, j) => ours[i]?.[j] !== expected[i]?.[j]).map((name) => ({ pattern, name })),
    );
    expect(cases.length).toBeGreaterThan(3000);
    expect(differing).toEqual([]);
  });

  test('takes a number of steps that is bounded by the product of both lengths', () => {
    const name = 'a'.repeat(20_000);
    const before = performance.now();
    expect(fnmatch(name, `${'*a'.repeat(12)}*b`)).toBe(false);
    expect(performance.now() - before).toBeLessThan(2000); // one that backtracks freely would take years
  });
});

describe('ignoreRules', () => {
  test('leaves out a file by its name at any depth', () => {
    const rules = ignoreRules(['*.map']);
    expect(rules.ignoresFile('js/app.js.map', 'app.js.map')).toBe(true);
    expect(rules.ignoresFile('js/app.js', 'app.js')).toBe(false);
  });

  test('leaves out a file by its whole path only below the top', () => {
    const rules = ignoreRules(['js/app.js', './top.js']);
    expect(rules.ignoresFile('js/app.js', 'app.js')).toBe(true);
    expect(rules.ignoresFile('x/js/app.js', 'app.js')).toBe(false);
    expect(rules.ignoresFile('top.js', 'top.js')).toBe(true);
    expect(rules.ignoresFile('x/top.js', 'top.js')).toBe(true); // by its name
  });

  test('leaves out a folder by its name and never by its path', () => {
    const rules = ignoreRules(['CVS', 'a/b']);
    expect(rules.ignoresFolder('CVS')).toBe(true);
    expect(rules.ignoresFolder('a/b'.split('/')[1] ?? '')).toBe(false);
  });

  test('leaves out all that lies in a folder by a pattern with a star, because a star matches a slash', () => {
    const rules = ignoreRules(['dir/*']);
    expect(rules.ignoresFile('dir/a/b.css', 'b.css')).toBe(true);
    expect(rules.ignoresFolder('dir')).toBe(false);
  });

  test.each([
    ['./a/', 'a'],
    ['x/../a', 'a'],
    ['a//', 'a'],
    ['', '.'],
  ])('reads the pattern %j as %j', (pattern, meaning) => {
    expect(ignoreRules([pattern]).patternAgainst(meaning)).toBe(meaning);
  });

  test("names the pattern that leaves a path out, through a folder's name or the file's own", () => {
    const rules = ignoreRules(['CVS', '.*', '*~', 'js/old.js']);
    expect(rules.patternAgainst('a/.git/config')).toBe('.*');
    expect(rules.patternAgainst('a/b.css~')).toBe('*~');
    expect(rules.patternAgainst('js/old.js')).toBe('js/old.js');
    expect(rules.patternAgainst('js/new.js')).toBeUndefined();
  });
});

/** What python3 answers to each name of each pattern, asked all at once. */
function askPython(cases: readonly (readonly [string, readonly string[]])[]): unknown[][] {
  const program = [
    'import fnmatch, json, sys',
    'print(json.dumps([[fnmatch.fnmatchcase(n, p) for n in names] for p, names in json.load(sys.stdin)]))',
  ].join('\n');
  try {
    const answer = execFileSync('python3', ['-c', program], {
      input: JSON.stringify(cases),
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    return JSON.parse(answer);
  } catch (cause) {
    throw new Error('this test compares with the fnmatch of python3 and cannot run it: install python3', { cause });
  }
}
