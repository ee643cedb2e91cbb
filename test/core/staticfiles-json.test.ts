/** The manifest as text: what Django's own `save_manifest` would write, and the same with other values put in. */
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { Manifest, patchManifest } from '../../src/core/manifest/staticfiles-json.js';

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
    expect(Manifest.of(table, '6.0').text()).toBe(expected);
  });

  test.each(NAMES)('with another value for %j is the one that is made of all of it', (name) => {
    const before = Manifest.of(table, '6.0');
    const changed = new Map([[name, 'another "value"']]);
    const after = Manifest.of(new Map([...table, ...changed]), '6.0');
    const patched = patchManifest({ text: before.text(), pairs: before.pairs() }, changed);
    expect(patched).toEqual({ text: after.text(), pairs: after.pairs() });
  });

  test('has no other value for a name that it does not hold', () => {
    const before = Manifest.of(table, '6.0');
    const texts = { text: before.text(), pairs: before.pairs() };
    expect(patchManifest(texts, new Map([['nowhere', 'x']]))).toBeUndefined();
  });
});
