/** What a reference may not begin in, beside the expressions that Django finds it by. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ignoredIn, type Language } from '../../src/core/manifest/ignored.js';

/** They are right, and take more stack than there is for a string of 10 MB. */
const DJANGO: Readonly<Record<Language, RegExp>> = {
  css: /\/\*[^]*?\*\/|\\[^]|'(?:[^'\\\n]|\\[^])*'|"(?:[^"\\\n]|\\[^])*"/g,
  js: /\/\*[^]*?\*\/|\/\/[^\n]*|\\[^]|'(?:[^'\\\n]|\\[^])*'|"(?:[^"\\\n]|\\[^])*"|`(?:[^`\\]|\\[^])*`/g,
};

const texts = fc
  .array(fc.constantFrom('/', '*', '/*', '*/', '//', "'", '"', '`', '\\', '\n', 'a', '😀'), { maxLength: 30 })
  .map((parts) => parts.join(''));

test.each(['css', 'js'] as const)('in %s: the inside of comments, strings and escapes', (language) => {
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 3 }), (text, step) => {
      const tokens = Array.from(text.matchAll(DJANGO[language]), ({ index, 0: { length } }) => [index, index + length]);
      const isIgnored = ignoredIn(text, language);
      for (let at = 0; at < text.length; at += step) {
        const expected = tokens.some(([start = 0, end = 0]) => start < at && at < end);
        expect([text, at, isIgnored(at)]).toEqual([text, at, expected]);
      }
    }),
    { numRuns: 3000 },
  );
});

test.each(["'", '"', '`'])('a string between %s may be of any size', (quote) => {
  for (const unit of ['A', '\\n']) {
    const text = `${quote}${unit.repeat(12_000_000)}${quote}url(`;
    const isIgnored = ignoredIn(text, 'js');
    expect([text.length - 5, text.length - 4].map(isIgnored)).toEqual([true, false]);
  }
});
