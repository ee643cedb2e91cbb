/**
 * The references that Django finds in style sheets and scripts: the pattern table of `HashedFilesMixin`, release by release.
 *
 * The patterns are Python's, written so that JavaScript finds the same: blanks, line ends and letters of either case are
 * spelt out, for the two languages mean different ones.
 */
import { BLANK } from '../python-path.js';
import type { Language } from './ignored.js';
import { isFrom, type Rules } from './rules.js';

/** One kind of reference. */
export interface Pattern {
  /** Global. Its named groups: `url`, and what `put` takes over. */
  readonly finds: Pick<RegExp, 'exec' | 'lastIndex'>;
  /** The text of the reference with another URL. `kept` is what the group of that name holds. */
  readonly put: (url: string, kept: string) => string;
  /** The language whose comments and strings a match may not begin in. Undefined: they are not looked at. */
  readonly ignores: Language | undefined;
  /** What a match becomes that is left alone. */
  readonly leaves: 'itself' | 'nothing';
}

const WS = `[${BLANK}]*`;
const I = '[iI\\u0130\\u0131]'; // what Python takes for an `i` of either case
const S = '[sS\\u017f]';
const IMPORT = `${I}[mM][pP][oO][rR][tT]`;
const EXPORT = '[eE][xX][pP][oO][rR][tT]';
const FROM = '[fF][rR][oO][mM]';
const WORD = '[\\p{L}\\p{N}_]';
const LINE_BEGINS = '(?<![^\\n])';
const LINE_ENDS = '(?![^\\n])';

/** Whether the content of a file of this name is adjusted: its own references are, and its hash is of the result. */
export function isAdjustable(path: string): boolean {
  return path.endsWith('.css') || path.endsWith('.js');
}

type PatternRules = Pick<Rules, 'django' | 'jsModules'>;

interface Patterns {
  readonly css: readonly Pattern[];
  readonly js: readonly Pattern[];
}

/** They are compiled once for the rules of a run, not for each of its files. */
const compiled = new WeakMap<PatternRules, Patterns>();

/** What is looked for in the file `path`, in order: each pattern sees what the one before has made of the text. */
export function patternsFor(path: string, rules: PatternRules): readonly Pattern[] {
  if (!isAdjustable(path)) return [];
  let patterns = compiled.get(rules);
  if (patterns === undefined) compiled.set(rules, (patterns = patternsOf(rules)));
  return path.endsWith('.css') ? patterns.css : patterns.js;
}

function patternsOf(rules: PatternRules): Patterns {
  const modules = rules.jsModules ? modulePatterns(rules) : [];
  return { css: cssPatterns(rules), js: [...sourceMapOfJs(rules), ...modules] };
}

function cssPatterns({ django }: Pick<Rules, 'django'>): Pattern[] {
  const ignores = isFrom(django, '6.1') ? 'css' : undefined;
  const [open, close] = isFrom(django, '6.0') ? [`(?<quote>['"]?)`, '\\k<quote>'] : [`['"]?`, `["']?`];
  return [
    {
      finds: new RegExp(`[uU][rR][lL]\\(${open}${WS}(?<url>[^\\n]*?)${close}\\)`, 'g'),
      put: (url) => `url("${url}")`,
      ignores,
      leaves: 'itself',
    },
    {
      finds: new RegExp(`@${IMPORT}${WS}["']${WS}(?<url>[^\\n]*?)["']`, 'g'),
      put: (url) => `@import url("${url}")`,
      ignores,
      leaves: 'itself',
    },
    {
      finds: new RegExp(`${LINE_BEGINS}/\\*#[ \\t]sourceMappingURL=(?<url>[^\\n]*)[ \\t]*\\*/${LINE_ENDS}`, 'g'),
      put: (url) => `/*# sourceMappingURL=${url} */`,
      ignores,
      leaves: isFrom(django, '5.0') ? 'itself' : 'nothing',
    },
  ];
}

function sourceMapOfJs({ django }: Pick<Rules, 'django'>): Pattern[] {
  return [
    {
      finds: new RegExp(`${LINE_BEGINS}//# sourceMappingURL=(?<url>[^\\n]*)${LINE_ENDS}`, 'g'),
      put: (url) => `//# sourceMappingURL=${url}`,
      ignores: isFrom(django, '6.1') ? 'js' : undefined,
      leaves: isFrom(django, '5.0') ? 'itself' : 'nothing',
    },
  ];
}

/**
 * What one of two global patterns finds first, as if they were two ways in which one matches; no text matches both at one place. In one
 * that knows all letters, what may be as long as the file overflows the stack of the engine.
 */
class FirstOf {
  readonly #patterns: readonly [RegExp, RegExp];
  /** Of each, what it found last, as long as that is still ahead; null: there is no more. */
  #found: [RegExpExecArray | null | undefined, RegExpExecArray | null | undefined] = [undefined, undefined];
  #lastIndex = 0;

  constructor(...patterns: readonly [RegExp, RegExp]) {
    this.#patterns = patterns;
  }

  get lastIndex(): number {
    return this.#lastIndex;
  }

  set lastIndex(at: number) {
    this.#lastIndex = at;
    this.#found = [undefined, undefined];
  }

  exec(text: string): RegExpExecArray | null {
    const [a, b] = [this.#next(0, text), this.#next(1, text)];
    const first = a === null || (b !== null && b.index < a.index) ? b : a;
    this.#lastIndex = first === null ? 0 : first.index + first[0].length;
    return first;
  }

  #next(which: 0 | 1, text: string): RegExpExecArray | null {
    const known = this.#found[which];
    if (known === null || (known !== undefined && known.index >= this.#lastIndex)) return known;
    const pattern = this.#patterns[which];
    pattern.lastIndex = this.#lastIndex;
    return (this.#found[which] = pattern.exec(text));
  }
}

function modulePatterns({ django }: Pick<Rules, 'django'>): Pattern[] {
  const isNew = isFrom(django, '6.1');
  const span = isNew ? '[^;]*?' : '[^]*?';
  const end = isNew ? '' : `${WS};`;
  const semicolon = isNew ? '' : ';';
  const url = `(?<url>[./][^\\n]*?)`;
  const from = `${WS}${FROM}${WS}['"]${url}["']${end}`;
  const what = `[${BLANK}{]${span}`;
  const everything = `\\*${WS}[aA]${S}${WS}${WORD}+`;
  const some = new RegExp(`${IMPORT}(?<kept>${what})${from}`, 'g');
  const all = new RegExp(`${IMPORT}(?<kept>${everything})${from}`, 'gu');
  const bare = isNew ? url : '(?<url>[^\\n]*?)';
  const rest = { ignores: isNew ? 'js' : undefined, leaves: 'itself' } as const;
  return [
    {
      finds: isFrom(django, '5.2') ? new FirstOf(some, all) : some,
      put: (to, kept) => `import${kept} from "${to}"${semicolon}`,
      ...rest,
    },
    {
      finds: new RegExp(`${EXPORT}(?<kept>${what})${from}`, 'g'),
      put: (to, kept) => `export${kept} from "${to}"${semicolon}`,
      ...rest,
    },
    {
      finds: new RegExp(`${IMPORT}${WS}['"]${url}["']${end}`, 'g'),
      put: (to) => `import"${to}"${semicolon}`,
      ...rest,
    },
    {
      finds: new RegExp(`${IMPORT}\\(["']${bare}["']\\)`, 'g'),
      put: (to) => `import("${to}")`,
      ...rest,
    },
  ];
}
