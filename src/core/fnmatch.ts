/**
 * fnmatch: Python's glob patterns, and Django's meaning of a list of them as ignore patterns.
 *
 * These are not the globs of a shell: `*` also matches `/`, newlines and leading dots, a set is negated by `!` alone,
 * and nothing escapes. Source: Python's `fnmatch.fnmatchcase` and Django's `contrib/staticfiles/utils.py`. One accident
 * of Python is left out: in `[b-a!x]` it drops the reversed range first, and then takes the `!` for a negation.
 */
import { normalizePath } from './python-path.js';

type Token = 'many' | 'one' | number | CharacterSet;

interface CharacterSet {
  readonly isNegated: boolean;
  /** First and last code point of each range. */
  readonly ranges: readonly (readonly [number, number])[];
}

/** What a list of ignore patterns says about names. Paths are relative to the source, without its prefix. */
export interface IgnoreRules {
  /** Whether a file is left out: by its name, or below the top by its whole path. */
  ignoresFile(path: string, name: string): boolean;
  /** Whether a folder is left out with all that it holds: by its name only. */
  ignoresFolder(name: string): boolean;
  /** The first pattern because of which the file at `path` is left out, through itself or a folder above it. */
  patternAgainst(path: string): string | undefined;
}

/** Whether the whole of `name` matches. To test many names, compile the pattern once. */
export function fnmatch(name: string, pattern: string): boolean {
  return compilePattern(pattern)(name);
}

/** The test that `pattern` stands for. It takes at most |name| x |pattern| steps. */
export function compilePattern(pattern: string): (name: string) => boolean {
  // Most patterns are one of these, and each is asked of every file.
  const [, star = '', literal = '', end = ''] = /^(\*?)([^*?[]*)(\*?)$/.exec(pattern) ?? [];
  if (literal !== '' && star === '' && end === '') return (name) => name === literal;
  if (literal !== '' && star === '') return (name) => name.startsWith(literal);
  if (literal !== '' && end === '') return (name) => name.endsWith(literal);
  const tokens = tokensOf(pattern);
  return (name) => matches(tokens, name);
}

/** The rules that `patterns` (the values of `source.ignore`) stand for. */
export function ignoreRules(patterns: readonly string[]): IgnoreRules {
  const rules = [...new Set(patterns.map(normalizePath))].map((text) => ({ text, test: compilePattern(text) }));
  const find = (name: string) => rules.find(({ test }) => test(name))?.text;
  const findFile = (path: string, name: string) => find(name) ?? (path === name ? undefined : find(path));
  return {
    ignoresFile: (path, name) => findFile(path, name) !== undefined,
    ignoresFolder: (name) => find(name) !== undefined,
    patternAgainst: (path) => {
      const folders = path.split('/');
      const name = folders.pop() ?? '';
      for (const folder of folders) {
        const found = find(folder);
        if (found !== undefined) return found;
      }
      return findFile(path, name);
    },
  };
}

/** Greedy, with a step back to the latest `*` alone: whatever an earlier one could take, the latest can take as well. */
function matches(tokens: readonly Token[], name: string): boolean {
  let token = 0;
  let star: { readonly token: number; end: number } | undefined;
  for (let at = 0; at < name.length; ) {
    const wanted = tokens[token];
    if (wanted === 'many') {
      star = { token, end: at };
      token++;
    } else if (wanted !== undefined && accepts(wanted, name.codePointAt(at))) {
      token++;
      at = after(name, at);
    } else if (star !== undefined) {
      token = star.token + 1;
      star.end = after(name, star.end);
      at = star.end;
    } else return false;
  }
  while (tokens[token] === 'many') token++;
  return token === tokens.length;
}

function accepts(token: Exclude<Token, 'many'>, point = 0): boolean {
  if (typeof token === 'number') return token === point;
  if (token === 'one') return true;
  return token.ranges.some(([first, last]) => first <= point && point <= last) !== token.isNegated;
}

/** The position behind the code point at `at`. */
function after(name: string, at: number): number {
  return (name.codePointAt(at) ?? 0) > 0xffff ? at + 2 : at + 1;
}

function tokensOf(pattern: string): Token[] {
  const characters = Array.from(pattern);
  const tokens: Token[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at];
    const end = character === '[' ? endOfSet(characters, at) : undefined;
    if (end !== undefined) {
      tokens.push(setOf(characters.slice(at + 1, end)));
      at = end;
    } else if (character === '*') tokens.push('many');
    else tokens.push(character === '?' ? 'one' : codeOf(character));
  }
  return tokens;
}

/** Where the set that opens at `start` closes; undefined if nothing closes it, and `[` is an ordinary character. */
function endOfSet(characters: readonly string[], start: number): number | undefined {
  const first = characters[start + 1] === '!' ? start + 2 : start + 1;
  const end = characters.indexOf(']', first + 1); // a `]` that comes first is a member
  return end < 0 ? undefined : end;
}

function setOf(content: readonly string[]): CharacterSet {
  const isNegated = content[0] === '!';
  const ranges: [number, number][] = [];
  for (let at = isNegated ? 1 : 0; at < content.length; at++) {
    const first = content[at];
    const last = content[at + 1] === '-' ? content[at + 2] : undefined;
    ranges.push([codeOf(first), codeOf(last ?? first)]);
    if (last !== undefined) at += 2;
  }
  return { isNegated, ranges };
}

function codeOf(character = ''): number {
  return character.codePointAt(0) ?? 0;
}
