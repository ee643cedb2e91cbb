/** The manifest as text: what Django's own `save_manifest` would write, and the same with other values put in. */
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { DJANGO_RELEASES } from '../../src/core/manifest/rules.js';
import { Manifest, type ManifestTexts, patchManifest } from '../../src/core/manifest/staticfiles-json.js';

/** Names that are easily taken for something else. */
const NAMES = [
  'paths',
  'version',
  'hash',
  'a"b',
  'a\\b',
  'a: "b"',
  'line\nfeed',
  'del\x7fete',
  'é.css',
  '😀.png',
  '\ue000.png',
  '], ["a.css", "b',
  'b',
  'a\\"c',
  'c',
];
const table = new Map(NAMES.map((name) => [name, `${name}.0123456789ab`]));

// ManifestFilesMixin.save_manifest of Django 6.0.
const SAVE = `
import hashlib, json, sys
paths = json.load(sys.stdin)
hash = hashlib.md5(json.dumps(sorted(paths.items())).encode(), usedforsecurity=False).hexdigest()[:12]
print(json.dumps({'paths': dict(sorted(paths.items())), 'version': '1.1', 'hash': hash}), end='')
`;

describe('a manifest', () => {
  test('is written as Python writes it', () => {
    const input = JSON.stringify(Object.fromEntries(table));
    const expected = execFileSync('python3', ['-c', SAVE], { input, encoding: 'utf8' });
    expect(Manifest.of(table, '6.0').text.toString()).toBe(expected);
  });

  test.each(NAMES)('with another value for %j is the one that is made of all of it', (name) => {
    const before = Manifest.of(table, '6.0');
    const changed = new Map([[name, 'another "value"']]);
    const after = textsOf(Manifest.of(new Map([...table, ...changed]), '6.0'));
    expect(patchManifest(textsOf(before), changed)).toEqual(after);
  });

  test('is made again by its text where many have another value', () => {
    const odd = [...NAMES, ': ', ', ', '], [', '"], ["a", "', '": "x', '}, "version": "1.1", "hash": '];
    const names = Array.from({ length: 40 }, (_, i) => odd.map((name) => `${i % 2 === 0 ? i : ''}${name}${i}`)).flat();
    const many = new Map([...table, ...names.map((name) => [name, `${name}.0123456789ab`] as const)]);
    const changed = new Map(names.filter((_, i) => i % 3 > 0).map((name) => [name, `another ${name}`]));
    const after = textsOf(Manifest.of(new Map([...many, ...changed]), '6.0'));
    expect(patchManifest(textsOf(Manifest.of(many, '6.0')), changed)).toEqual(after);
    const nowhere = new Map([...changed, ['nowhere', 'x'] as const]);
    expect(patchManifest(textsOf(Manifest.of(many, '6.0')), nowhere)).toBeUndefined();
  });

  test('is made again by its text where many have another value, and some are called as its own fields are', () => {
    const names = [...NAMES, ...Array.from({ length: 200 }, (_, i) => `${i}.css`)];
    const many = new Map(names.map((name) => [name, `${name}.0123456789ab`]));
    const changed = new Map(names.map((name) => [name, `another ${name}`]));
    const after = textsOf(Manifest.of(changed, '6.0'));
    expect(patchManifest(textsOf(Manifest.of(many, '6.0')), changed)).toEqual(after);
  });

  test.each(['version', 'hash', 'paths'])('has no other value for %j where no file is called so', (name) => {
    const before = textsOf(Manifest.of(new Map([['a.css', 'a.0123456789ab.css']]), '6.0'));
    expect(patchManifest(before, new Map([[name, 'x']]))).toBeUndefined();
  });

  test.each(DJANGO_RELEASES)('of Django %s can be made again with other hashes', (django) => {
    const before = Manifest.of(table, django);
    const old = textsOf(before);
    const changed = new Map(NAMES.slice(2, 9).map((name) => [name, `${name}.ba9876543210`]));
    const after = before.with(changed);
    expect(after && textsOf(after)).toEqual(textsOf(Manifest.of(new Map([...table, ...changed]), django)));
    expect(textsOf(before)).toEqual(old);
    const back = after?.with(table);
    expect(back && textsOf(back)).toEqual(old);
  });

  test('has no other value for a name that it does not hold', () => {
    const before = Manifest.of(table, '6.0');
    expect(patchManifest(textsOf(before), new Map([['nowhere', 'x']]))).toBeUndefined();
    expect(before.with(new Map([['nowhere', 'x']]))).toBeUndefined();
  });

  test('is made anew where a value of another length is to go in', () => {
    expect(Manifest.of(table, '6.0').with(new Map([['paths', 'longer than it was before']]))).toBeUndefined();
  });

  test('of nothing is one as well', () => {
    const none = textsOf(Manifest.of(new Map(), '5.2'));
    expect(none).toEqual({ pairs: '[]', text: '{"paths": {}, "version": "1.1", "hash": "d75171398898"}' });
  });
});

function textsOf({ text, pairs }: Manifest): ManifestTexts {
  return { text: text.toString(), pairs: pairs.toString() };
}
