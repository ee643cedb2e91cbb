/** Who refers to whom, and which file a hashed name is of. */
import { describe, expect, test } from 'vitest';
import { explainNames, type NamesOf, referencesIn, unhashed } from '../../src/core/manifest/explain-names.js';
import type { Collected, Site } from '../../src/core/manifest/passes.js';
import { type PostProcessed, postProcess } from '../../src/core/manifest/post-process.js';
import { NEWEST_DJANGO, type Rules } from '../../src/core/manifest/rules.js';
import type { Traces } from '../../src/core/manifest/trace.js';
import { pathOf } from '../../src/core/pasted-path.js';
import { entry, path } from '../support/entries.js';

const RULES: Rules = {
  django: NEWEST_DJANGO,
  python: 12,
  staticUrl: '/static/',
  jsModules: true,
  keepIntermediateFiles: false,
  maxPasses: 5,
  missing: [],
};
const NOTHING_KNOWN: Traces = new Map();

const FILES = {
  'css/app.css': '@import "base.css";\na { b: url(../img/logo.png) url(../img/logo.png?v=1) }\n',
  'css/base.css': '/* url(gone.png) */\n\n\nb { c: url("/static/img/logo.png#part") }',
  'img/logo.png': 'logo',
  'js/app.js': 'import { a } from "./part.js"\nimport("./part.js")\n',
  'js/part.js': 'export const a = 1',
};

describe('a file of the site', () => {
  test.each<[string, Partial<NamesOf>]>([
    ['img/logo.png', { referrers: [from('css/app.css', 2), from('css/base.css', 4)], references: [] }],
    ['css/base.css', { referrers: [from('css/app.css', 1)] }],
    ['js/part.js', { referrers: [from('js/app.js', 1, 2)] }],
    ['css/app.css', { referrers: [], askedBy: 'path' }],
    ['img/none.png', { referrers: [], hashedName: undefined, references: [] }],
  ])('%s is referred to where its name stands', (asked, expected) => {
    const site = siteOf(FILES);
    const processed = postProcess(site, RULES, NOTHING_KNOWN);
    for (const traces of [NOTHING_KNOWN, processed.traces]) {
      expect(explainNames(path(asked), site, { processed, traces, rules: RULES })).toMatchObject(expected);
    }
  });

  test('is told with each reference as it stands there, and what it becomes', () => {
    const site = siteOf(FILES);
    const processed = postProcess(site, RULES, NOTHING_KNOWN);
    const logo = processed.table.get(path('img/logo.png'));
    const { references, hashedName } = explain('css/app.css', site, processed);
    expect(hashedName).toBe(processed.table.get(path('css/app.css')));
    expect(references).toEqual([
      {
        text: '@import "base.css"',
        line: 1,
        target: 'css/base.css',
        hashedName: processed.table.get(path('css/base.css')),
        isDead: false,
      },
      { text: 'url(../img/logo.png)', line: 2, target: 'img/logo.png', hashedName: logo, isDead: false },
      // The query stays behind what the reference leads to.
      { text: 'url(../img/logo.png?v=1)', line: 2, target: 'img/logo.png', hashedName: `${logo}?v=1`, isDead: false },
    ]);
  });

  test('is known again by its hashed name, and by an old one', () => {
    const site = siteOf(FILES);
    const processed = postProcess(site, RULES, NOTHING_KNOWN);
    const name = processed.table.get(path('css/app.css')) ?? '';
    expect(explain(name, site, processed)).toMatchObject({ path: 'css/app.css', askedBy: 'hashed-name' });
    expect(explain('css/app.0123456789ab.css', site, processed)).toMatchObject({
      path: 'css/app.css',
      askedBy: 'stale-name',
      hashedName: name,
    });
  });

  test('that is named like a hashed name is the one that is meant', () => {
    const site = siteOf({ ...FILES, 'css/app.0123456789ab.css': 'i { }' });
    const processed = postProcess(site, RULES, NOTHING_KNOWN);
    const names = explain('css/app.0123456789ab.css', site, processed);
    expect(names).toMatchObject({ path: 'css/app.0123456789ab.css', askedBy: 'path' });
  });

  test('is told of without its hashed name where post-processing fails', () => {
    const site = siteOf({ 'a.css': 'a { b: url(gone.png) url(img/logo.png) }', 'img/logo.png': 'logo' });
    expect(explain('a.css', site, undefined)).toMatchObject({
      hashedName: undefined,
      references: [
        { target: 'gone.png', isDead: true },
        { target: 'img/logo.png', isDead: false, hashedName: undefined },
      ],
    });
    expect(explain('gone.png', site, undefined).referrers).toEqual([from('a.css', 1)]);
  });
});

describe('a reference', () => {
  test.each([
    ['a.css', 'url(data:image/png;base64,AA==) url(//cdn.example.com/x.png) url(#x)', []],
    ['a.css', "a\r\nb\r\nurl('x%20y.png')", [['x y.png', 3]]],
    [
      'a.css',
      '\n\n@import url(b.css);\nurl(../up.png)',
      [
        ['b.css', 3],
        ['../up.png', 4],
      ],
    ],
    ['a.js', 'x\n//# sourceMappingURL=a.js.map\n', [['a.js.map', 2]]],
    ['a.txt', 'url(x.png)', []],
  ])('in %s: %j', (name, text, expected) => {
    expect(referencesIn(name, text, RULES).map(({ target, line }) => [target, line])).toEqual(expected);
  });
});

test.each([
  ['css/app.0123456789ab.css', ['css/app.css']],
  ['README.0123456789ab', ['README']],
  ['a.tar.0123456789ab.gz', ['a.tar.gz']],
  ['.htaccess.0123456789ab', ['.htaccess']],
  ['a.0123456789ab.0123456789ab', ['a.0123456789ab']],
  ['a.0123456789abc.css', []],
  ['a.0123456789AB.css', []],
  ['0123456789ab.css', []],
  ['a.css', []],
])('%s may be the hashed name of %j', (name, expected) => {
  expect(unhashed(name, RULES)).toEqual(expected);
});

test.each([
  ['css/app.css', '/static/', 'css/app.css'],
  ['./css/app.css', '/static/', 'css/app.css'],
  ['/static/css/app.css', '/static/', 'css/app.css'],
  ['/static/a%20b.css?v=1#part', '/static/', 'a b.css'],
  ['/static/100%.css', '/static/', '100%.css'],
  ['100%25.css', '/static/', '100%25.css'],
  ['https://example.com/static/css/app.css', '/static/', 'css/app.css'],
  ['https://cdn.example.com/s/css/app.css', 'https://cdn.example.com/s/', 'css/app.css'],
  ['/static/css/app.css', '/static', 'css/app.css'],
  ['https://example.com/css/app.css?x', '/', 'css/app.css'],
  ['/static/../secret', '/static/', undefined],
  ['/static/', '/static/', undefined],
])('%s below %s is the path %s', (written, staticUrl, expected) => {
  expect(pathOf(written, staticUrl)).toBe(expected);
});

function explain(asked: string, site: Site, processed: PostProcessed | undefined): NamesOf {
  return explainNames(path(asked), site, { processed, traces: processed?.traces ?? NOTHING_KNOWN, rules: RULES });
}

function from(name: string, ...lines: readonly number[]): NamesOf['referrers'][number] {
  return { path: path(name), lines };
}

function siteOf(texts: Readonly<Record<string, string>>): Site {
  const files = Object.entries(texts).map(([name, text]): Collected => {
    const { path: at, digest, size } = entry(name, text);
    return { path: at, digest, size, hash: digest.slice(0, 12) };
  });
  return {
    root: '/srv/static',
    files,
    byPath: new Map(files.map((file) => [file.path, file])),
    textOf: (file) => texts[file.path],
    elsewhere: () => undefined,
    originOf: (at) => `/assets/${at}`,
  };
}
