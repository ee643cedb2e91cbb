/**
 * Texts of stylesheets and scripts that refer to other static files in the many ways in which people write that, between
 * much that only looks like it. Which files there are, and what may refer to what, is the business of random-site.ts.
 */
import { posix } from 'node:path';
import type { Chance } from './chance.js';

export interface Writer {
  readonly chance: Chance;
  /** The name of the file that is written, with its prefix. */
  readonly name: string;
  /** Names that it may refer to. */
  readonly targets: readonly string[];
  readonly staticUrl: string;
}

export interface Text {
  readonly content: string;
  /** The names that it does refer to. */
  readonly references: readonly string[];
}

const MOST_STATEMENTS = 7;
const SUFFIXES = ['', '', '', '', '#frag', '?v=1', '?v=1#frag', '?#iefix', '?', '#'];
const QUOTES = ['"', "'"];
const NEWLINES = ['\n', '\n', '\n', '\r\n', ''];
const LITERAL = /^[\p{L}\p{N}._~@+-]+$/u;

/** What Django leaves alone, whatever STATIC_URL is. */
const CSS_ELSEWHERE = [
  'a{x:url(data:image/png;base64,AAAA)}',
  'a{x:url("http://example.com/p.png")}',
  "a{x:url('https://example.com/p.png?x#y')}",
  'a{filter:url(#shadow)}',
  'a{x:url()}',
  'a{x:url("")}',
  'a{content:"url"}',
  '@charset "utf-8";',
  '@media print{a{b:c}}',
  '/* nothing to see */',
  "a:after{content:'it\\'s'}",
];
const JS_ELSEWHERE = [
  'const a = "b";',
  'import lodash from "lodash";',
  'export const x = 1;',
  'export default function f() {}',
  '// a comment',
  '/* a longer one */',
  'const t = `x ${1} y`;',
  'let r = /["\']/;',
  'fetch("/api");',
];

export function randomCss(writer: Writer): Text {
  return randomText(writer, cssStatement, CSS_ELSEWHERE, cssMap);
}

export function randomJs(writer: Writer): Text {
  return randomText(writer, jsStatement, JS_ELSEWHERE, jsMap);
}

/** Unlike any other, with high probability. */
export function randomFiller(chance: Chance): string {
  return Array.from({ length: 1 + chance.below(3) }, () => chance.below(2 ** 31).toString(36)).join(' ');
}

function randomText(
  writer: Writer,
  statement: (writer: Writer, url: string) => string,
  elsewhere: readonly string[],
  map: (writer: Writer, url: string) => string,
): Text {
  const { chance, name, targets } = writer;
  const [references, parts]: [string[], string[]] = [[], []];
  const newline = chance.pick(NEWLINES);
  for (let left = chance.below(MOST_STATEMENTS); left > 0; left--) {
    if (targets.length === 0 || chance.happens(0.3)) {
      parts.push(chance.pick(elsewhere));
      continue;
    }
    const target = chance.pick(targets);
    references.push(target);
    parts.push(statement(writer, urlOf(writer, target)));
  }
  if (chance.happens(0.7)) parts.push(`/* ${randomFiller(chance)} */`);
  const ownMap = `${name}.map`;
  if (targets.includes(ownMap)) {
    references.push(ownMap);
    parts.push(map(writer, posix.basename(ownMap)));
  }
  const start = chance.happens(0.03) ? '\ufeff' : '';
  return { content: start + parts.join(newline), references };
}

function cssStatement({ chance }: Writer, url: string): string {
  const quote = chance.pick(QUOTES);
  const needsQuotes = /[ ()'"]/.test(url);
  const spellings = [
    `a{x:url(${quote}${url}${quote})}`,
    `a{x:URL(${quote}${url}${quote})}`,
    `a{x:url(${quote} ${url}${quote})}`,
    `@import ${quote}${url}${quote};`,
    `@IMPORT ${quote}${url}${quote} screen;`,
    `@import\turl(${quote}${url}${quote});`,
    `/* url(${quote}${url}${quote}) */`,
    `a{content:"url(${url})"}`,
    ...(needsQuotes ? [] : [`a{x:url(${url})}`, `a{x:url(${url}) no-repeat,url(${url})}`, `@import url(${url});`]),
  ];
  return chance.pick(spellings);
}

function jsStatement({ chance }: Writer, url: string): string {
  const quote = chance.pick(QUOTES);
  const module = `${quote}${/^(?:[./]|https:)/.test(url) ? url : `./${url}`}${quote}`;
  const semicolon = chance.pick([';', ';', ';', '']);
  const spellings = [
    `import ${module}`,
    `import a from ${module}`,
    `import {a, b as c} from ${module}`,
    `import {\n  a,\n  b,\n} from ${module}`,
    `import * as d from ${module}`,
    `import*as e from ${module}`,
    `export * from ${module}`,
    `export {a} from ${module}`,
    `export{a as b}from${module}`,
    `const f = import(${module})`,
    `import(${module}).then((m) => m.default())`,
    `// import g from ${module}`,
    `const h = ${module}`,
  ];
  return `${chance.pick(spellings)}${semicolon}\n`;
}

function cssMap({ chance }: Writer, url: string): string {
  return (
    chance.pick(['\n/*# sourceMappingURL=', '\n/*#\tsourceMappingURL=']) + url + chance.pick([' */', '*/', '*/\n'])
  );
}

function jsMap({ chance }: Writer, url: string): string {
  return chance.pick(['\n//# sourceMappingURL=', '\n//#\tsourceMappingURL=']) + url + chance.pick(['\n', '']);
}

function urlOf({ chance, name, staticUrl }: Writer, target: string): string {
  const encode = (path: string): string =>
    path
      .split('/')
      .map((part) => encoded(chance, part))
      .join('/');
  const suffix = chance.pick(SUFFIXES);
  if (chance.happens(0.2)) return staticUrl + encode(target) + suffix;
  const relative = encode(posix.relative(posix.dirname(name), target));
  return chance.pick(['', '', '', './', './/', 'not-there/../']) + relative + suffix;
}

/** Escaped where it must be, and now and then where it need not be. A blank stands for itself within quotes. */
function encoded(chance: Chance, part: string): string {
  if (LITERAL.test(part) && chance.happens(0.9)) return part;
  const escaped = encodeURIComponent(part).replace(/['()]/g, (each) => `%${each.charCodeAt(0).toString(16)}`);
  return chance.happens(0.3) ? escaped.replaceAll('%20', ' ') : escaped;
}
