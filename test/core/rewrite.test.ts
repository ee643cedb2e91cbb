/** What becomes of the references in a text, by the rules of each release, beside what Django made of the same texts. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { hashedName, pathOfName } from '../../src/core/manifest/hashed-name.js';
import { type DeadReference, type LookUp, rewrite } from '../../src/core/manifest/rewrite.js';
import { DJANGO_RELEASES, type Rules } from '../../src/core/manifest/rules.js';
import { normalizePath } from '../../src/core/python-path.js';

const PYTHON = 12;
const RULES: Rules = {
  django: '6.1',
  python: PYTHON,
  staticUrl: '/static/',
  jsModules: true,
  keepIntermediateFiles: false,
  maxPasses: 5,
  missing: [],
};

interface Vectors {
  readonly table: Readonly<Record<string, string>>;
  readonly root: Readonly<Record<string, string>>;
  readonly vectors: readonly {
    readonly name: string;
    readonly text: string;
    readonly results: readonly {
      readonly versions: readonly string[];
      readonly text?: string;
      readonly error?: string;
    }[];
  }[];
}

const document = JSON.parse(
  readFileSync(new URL('../fixtures/django/rewrite-vectors.json', import.meta.url), 'utf8'),
) as Vectors;

describe.each(DJANGO_RELEASES)('the references in a text by the rules of Django %s', (django) => {
  test('become in all recorded texts what Django made of them', () => {
    const checked = document.vectors.map(({ name, text, results }) => {
      const result = results.find(({ versions }) => versions.includes(django));
      return { name, text, expected: result?.text ?? result?.error };
    });
    expect(checked.length).toBe(1000);
    const lookUp = lookUpIn(document);
    for (const { name, text, expected } of checked)
      expect(outcome(name, text, { ...RULES, django }, lookUp)).toBe(expected);
  });
});

describe('a reference', () => {
  const table = {
    'css/p.png': 'css/p.0123456789ab.png',
    'i.svg': 'i.0123456789ab.svg',
    'a b.png': 'a b.0123456789ab.png',
  };
  const lookUp = lookUpIn({ table, root: {}, vectors: [] });

  test.each([
    ['url(p.png)', 'url("p.0123456789ab.png")'],
    [`url( 'p.png')`, undefined],
    ['url(../i.svg?#iefix)', 'url("../i.0123456789ab.svg?#iefix")'],
    ['url(../i.svg#part)', 'url("../i.0123456789ab.svg#part")'],
    ['url(/static/i.svg)', 'url("/static/i.0123456789ab.svg")'],
    ['url(../a%20b.png)', 'url("../a b.0123456789ab.png")'],
    ['url(data:image/png;base64,AA==)', 'url(data:image/png;base64,AA==)'],
    ['url(//cdn.example.com/x.png)', 'url(//cdn.example.com/x.png)'],
    ['url(/media/x.png)', 'url(/media/x.png)'],
    ['url(#filter)', 'url(#filter)'],
    ['@import "p.png" screen;', '@import url("p.0123456789ab.png") screen;'],
    ['/* url(gone.png) */', '/* url(gone.png) */'],
    ['url(gone.png)', undefined],
  ])('%s in css/a.css becomes %s', (text, expected) => {
    expect(outcome('css/a.css', text, RULES, lookUp)).toBe(expected ?? 'ValueError');
  });

  test('that leads nowhere is told with its line and what it leads to', () => {
    const dead: DeadReference[] = [];
    const onDead = (each: DeadReference) => {
      dead.push(each);
      return 'leave' as const;
    };
    const text = 'a { }\nb { background: url(p.png) url("img/../gone.png#x") }\n@import "../../../etc/passwd";';
    expect(rewrite('css/a.css', text, { rules: RULES, lookUp, onDead })).toBe(
      'a { }\nb { background: url("p.0123456789ab.png") url("img/../gone.png#x") }\n@import "../../../etc/passwd";',
    );
    expect(dead).toEqual([
      { why: 'missing', text: 'url("img/../gone.png#x")', line: 2, target: 'css/img/../gone.png' },
      { why: 'outside', text: '@import "../../../etc/passwd"', line: 3, target: 'css/../../../etc/passwd' },
    ]);
  });
});

/** The text that comes out, or the class of what Django raises. */
function outcome(name: string, text: string, rules: Rules, lookUp: LookUp): string {
  let error: string | undefined;
  const onDead = ({ why }: DeadReference) => {
    error ??= why === 'outside' ? 'SuspiciousFileOperation' : 'ValueError';
    return 'leave-kind' as const;
  };
  const rewritten = rewrite(name, text, { rules, lookUp, onDead });
  return error ?? rewritten;
}

/** As post-processing does, in a STATIC_ROOT that holds `root`. */
function lookUpIn({ table, root }: Vectors): LookUp {
  const folders = new Set(
    Object.keys(root).flatMap((path) => path.split('/').map((_, at, all) => all.slice(0, at).join('/'))),
  );
  return (name) => {
    const known = table[name];
    if (known !== undefined) return { kind: 'hashed', name: known };
    const place = normalizePath(pathOfName(name, PYTHON) ?? '');
    if (place.startsWith('/') || place.startsWith('..')) return { kind: 'outside' };
    if (place === '.' || folders.has(place)) return { kind: 'hashed', name };
    const content = root[place];
    if (content === undefined) return { kind: 'missing' };
    const hash = createHash('md5').update(content).digest('hex').slice(0, 12);
    return { kind: 'hashed', name: hashedName(name, hash, PYTHON) ?? '' };
  };
}

describe.each(['4.2', '5.2', '6.0', '6.1'] as const)('a script by the rules of Django %s', (django) => {
  const lookUp: LookUp = (name) => ({ kind: 'hashed', name: name.replace('.js', '.0123456789ab.js') });

  test('may be larger than the stack of the engine, in letters that take two bytes', () => {
    const statements = '// …\nimport { a };\n' + 'var x = 1;\n'.repeat(900_000);
    const literal = `// …\nexport default "${'x'.repeat(9_000_000)}";`;
    for (const text of [statements, literal])
      expect(outcome('a.js', text, { ...RULES, django }, lookUp) === text).toBe(true);
  });

  test('may import everything and something by turns', () => {
    const text = [1, 2, 3]
      .map((i) => `import* as all${i} from "./a${i}.js";import {b${i}} from "./b${i}.js";`)
      .join('\n');
    const expected = text.replace(django === '4.2' ? /(b\d)\.js/g : /([ab]\d)\.js/g, '$1.0123456789ab.js');
    expect(outcome('x.js', text, { ...RULES, django }, lookUp)).toBe(expected);
  });
});
