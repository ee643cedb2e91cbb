import { expect, test } from 'vitest';
import { hashedName, looksHashed, withoutHash } from '../src/core/manifest/hashed-name.js';

test.each(['app.css', 'css/app.min.css', 'LICENSE', 'hash#frag.js', 'query?x=1.txt', 'a.b#c/d.e'])(
  'a hash is found in the name of %s, and taken out again',
  (name) => {
    const hashed = hashedName(name, '0123456789ab', 12);
    expect(hashed).toContain('.0123456789ab');
    expect([looksHashed(name), looksHashed(hashed ?? '')]).toEqual([false, true]);
    expect(withoutHash(hashed ?? '')).toBe(name);
  },
);
