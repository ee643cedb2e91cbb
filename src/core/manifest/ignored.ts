/**
 * What a reference may not begin in, from Django 6.1 on: comments, strings and escapes of a style sheet or script
 * (`HashedFilesMixin`, its patterns of comments and strings).
 *
 * A scanner, and no regular expression: a string may be a font of many megabytes, for which an expression that knows
 * escapes takes more stack than there is.
 */

export type Language = 'css' | 'js';

const OPENERS = { css: /\/\*|["'\\]/g, js: /\/[*/]|["'`\\]/g } as const;

/** Whether a position lies strictly inside of a comment, string or escape. Asked of positions that only grow. */
export function ignoredIn(text: string, language: Language): (position: number) => boolean {
  const opener = new RegExp(OPENERS[language]);
  let [start, end] = [-1, 0];
  return (position) => {
    while (end <= position && start < text.length) [start, end] = nextToken(text, opener, end);
    return start < position && position < end;
  };
}

type Token = readonly [start: number, end: number];

/** The first token that begins at `from` or later; an empty one behind the text if there is none. */
function nextToken(text: string, opener: RegExp, from: number): Token {
  opener.lastIndex = from;
  for (let found = opener.exec(text); found !== null; found = opener.exec(text)) {
    const end = endOf(text, found[0], found.index);
    if (end !== undefined) return [found.index, end];
    opener.lastIndex = found.index + 1; // what is not closed is no token
  }
  return [text.length, text.length];
}

function endOf(text: string, opener: string, at: number): number | undefined {
  switch (opener) {
    case '/*':
      return behind(text.indexOf('*/', at + 2), 2);
    case '//':
      return behind(text.indexOf('\n', at), 0) ?? text.length;
    case '\\':
      return at + 1 < text.length ? at + 2 : undefined;
    default:
      return endOfString(text, opener, at);
  }
}

const BACKSLASH = '\\'.charCodeAt(0);
const NEWLINE = '\n'.charCodeAt(0);

/** Only a template may hold a line end that is not escaped. */
function endOfString(text: string, quote: string, at: number): number | undefined {
  const closing = quote.charCodeAt(0);
  for (let next = at + 1; next < text.length; next++) {
    const unit = text.charCodeAt(next);
    if (unit === closing) return next + 1;
    if (unit === BACKSLASH) next++;
    else if (unit === NEWLINE && quote !== '`') return undefined;
  }
  return undefined;
}

function behind(at: number, length: number): number | undefined {
  return at < 0 ? undefined : at + length;
}
