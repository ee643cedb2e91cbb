import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ancestorsOf,
  faultOf,
  foldedPath,
  isControl,
  isWithin,
  join,
  nameOf,
  parentOf,
  parseRelPath,
} from '../../src/core/relpath.js';
import { anyPath, path } from '../support/entries.js';

describe('parseRelPath', () => {
  it.each([
    'a',
    'css/app.css',
    '.hidden',
    '...',
    '-dash',
    'with space ',
    'trailing.',
    'per%23cent?#',
    'new\nline',
    '"quotes\'',
    '😀/مرحبا',
    'e\u0301',
    '\u00e9',
    'x'.repeat(255),
  ])('takes %j', (text) => {
    expect(parseRelPath(text)).toBe(text);
  });

  it.each([
    ['', 'the name is empty'],
    ['/etc/passwd', 'the path is not a plain relative path'],
    ['a//b', 'the path is not a plain relative path'],
    ['a/', 'the path is not a plain relative path'],
    ['..', 'the path is not a plain relative path'],
    ['a/../b', 'the path is not a plain relative path'],
    ['./a', 'the path is not a plain relative path'],
    ['a\0b', 'the name contains a NUL byte'],
    ['a\\b', 'the name contains a backslash, which Django and some servers read as a slash'],
    ['\ud800', 'the name is not valid Unicode'],
    [`${'x/'.repeat(2048)}y`, 'the path is longer than 4096 bytes'],
  ])('refuses %j', (text, reason) => {
    expect(parseRelPath(text)).toBeUndefined();
    expect(faultOf(text)).toBe(reason);
  });

  it('takes what is made of plain components, and nothing else', () => {
    const isPlain = (text: string): boolean => text.split('/').every((name) => !['', '.', '..'].includes(name));
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('.', '/', 'a', '\\', '\0', 'é', '\ud800'), maxLength: 8 }),
        (text) => {
          expect(parseRelPath(text) !== undefined).toBe(isPlain(text) && !/[\\\0\ud800]/.test(text));
        },
      ),
      { numRuns: 5000 },
    );
  });

  it('never lets a path climb out of the folder it is joined to', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('.', '/', 'a', '\\', '\0'), maxLength: 10 }), (text) => {
        const parsed = parseRelPath(text);
        if (parsed !== undefined) expect(new URL(`file:///root/${encodeURI(parsed)}`).pathname).toMatch(/^\/root\/./);
      }),
    );
  });
});

it('takes a path apart and puts it together again', () => {
  expect(parentOf(path('a/b/c'))).toBe('a/b');
  expect(parentOf(path('a'))).toBeUndefined();
  expect(nameOf(path('a/b/c'))).toBe('c');
  expect(ancestorsOf(path('a/b/c'))).toEqual(['a', 'a/b']);
  fc.assert(
    fc.property(anyPath, (each) => {
      expect(join(parentOf(each), path(nameOf(each)))).toBe(each);
    }),
  );
});

it('tells what lies within a folder from what only begins like it', () => {
  expect(isWithin('a/b', 'a')).toBe(true);
  expect(isWithin('a', 'a')).toBe(true);
  expect(isWithin('ab', 'a')).toBe(false);
});

describe('foldedPath', () => {
  it.each([
    ['case', ['Img/Logo.PNG', 'img/logo.png']],
    ['composition', ['\u00e9', 'e\u0301', '\u00c9', 'E\u0301']],
    ['letters with more than two forms', ['\u03a3', '\u03c3', '\u03c2']],
    ['letters that become two', ['\u00df', '\u1e9e', 'ss', 'SS', '\u017fs']],
    ['signs that are letters', ['\u212a', 'k']],
    ['what is not seen', ['ab', 'a\u200cb', 'a\ufe0fb']],
  ])('does not know %s', (_, names) => {
    expect(new Set(names.map(foldedPath)).size).toBe(1);
  });

  it('keeps apart what differs otherwise, and folds no further than once', () => {
    expect(new Set(['a', 'b', '\u00e9', 'e', '\u6f22', 'a/b', 'ab'].map(foldedPath)).size).toBe(7);
    fc.assert(
      fc.property(anyPath, (each) => {
        expect(foldedPath(foldedPath(each))).toBe(foldedPath(each));
      }),
    );
  });
});

it.each(['.pushstatic', '.pushstatic/head', '.PushStatic/x', '.pu\u017fhstatic', '\u200c.pushstatic/x'])(
  'takes %j for the control area (F31)',
  (text) => expect(isControl(text)).toBe(true),
);

it.each(['.pushstatics', '.pushstati', 'a/.pushstatic', 'pushstatic', 'caf\u00e9'])(
  'takes %j for no control area',
  (text) => expect(isControl(text)).toBe(false),
);
