import { expect, it } from 'vitest';
import { lacksManifest } from '../../src/core/half-filled.js';
import { path } from '../support/entries.js';

const MANIFEST = 'staticfiles.json';

it.each([
  ['beside hashed names', ['app.css', 'app.0123456789ab.css'], [MANIFEST], true],
  ['beside a hashed name without a suffix', ['LICENSE.0123456789ab'], [MANIFEST, 'app.css'], true],
  ['with all hashed names', ['app.css', 'vendor.min.css', 'a.0123456789ab/b.css'], [MANIFEST], false],
  ['not at all', ['app.0123456789ab.css'], ['app.css'], false],
])('a manifest that is missing %s (F45)', (_, there, missing, expected) => {
  expect(lacksManifest(there.map(path), missing.map(path), MANIFEST)).toBe(expected);
});
