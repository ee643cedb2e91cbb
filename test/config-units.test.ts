import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { editDistance, suggest } from '../src/config/suggest.js';
import {
  formatDuration,
  formatMode,
  formatSize,
  parseDuration,
  parseLimit,
  parseMode,
  parseSize,
} from '../src/config/units.js';
import { formatLimit } from '../src/core/guard.js';

describe('a duration', () => {
  test.each([
    ['100ms', 100],
    ['2s', 2000],
    ['1h30m', 5_400_000],
    ['1m30s', 90_000],
    ['5m500ms', 300_500],
    ['90m', 5_400_000],
    ['0s', 0],
    ['24d', 2_073_600_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(['', '100', 's', '1.5s', '-1s', '1 s', '30m1h', '1s1s', '1S', '25d', '99999999999999999999d', '1s\n'])(
    'is not %j',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  test('is read back as it was printed', () => {
    fc.assert(fc.property(fc.nat(2 ** 31 - 1), (ms) => parseDuration(formatDuration(ms)) === ms));
  });

  test('is printed in its largest units', () => {
    expect([0, 100, 2000, 5_400_000, 90_061_001].map(formatDuration)).toEqual([
      '0s',
      '100ms',
      '2s',
      '1h30m',
      '1d1h1m1s1ms',
    ]);
  });
});

describe('a size', () => {
  test.each([
    ['0', 0],
    ['500', 500],
    ['64K', 65_536],
    ['10M', 10_485_760],
    ['10m', 10_485_760],
    ['1G', 1_073_741_824],
    ['2T', 2_199_023_255_552],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each(['', 'M', '1.5M', '-1', '10MB', '10 M', '9007199254740993', '99999999T'])('is not %j', (text) => {
    expect(parseSize(text)).toBeUndefined();
  });

  test('is read back as it was printed', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseSize(formatSize(bytes)) === bytes));
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.nat(4),
        (n, power) => parseSize(formatSize(n * 1024 ** power)) === n * 1024 ** power,
      ),
    );
  });
});

describe('a limit', () => {
  test.each([
    ['0', { kind: 'count', count: 0 }],
    ['100', { kind: 'count', count: 100 }],
    ['50%', { kind: 'share', share: 0.5 }],
    ['0.5%', { kind: 'share', share: 0.005 }],
    ['100%', { kind: 'share', share: 1 }],
  ])('%s is %j', (text, limit) => {
    expect(parseLimit(text)).toEqual(limit);
  });

  test.each(['', '%', '-1', '101%', '1.5', '50 %', '1e3', '.5%'])('is not %j', (text) => {
    expect(parseLimit(text)).toBeUndefined();
  });

  test('is read back as it was printed', () => {
    const count = fc.nat().map((value) => ({ kind: 'count', count: value }) as const);
    const share = fc.nat(100_000).map((value) => ({ kind: 'share', share: value / 1000 / 100 }) as const);
    fc.assert(
      fc.property(fc.oneof(count, share), (limit) => {
        expect(parseLimit(formatLimit(limit))).toEqual(limit);
      }),
    );
  });
});

describe('permission bits', () => {
  test.each([
    ['0644', 0o644],
    ['644', 0o644],
    ['2755', 0o2755],
    ['0000', 0],
  ])('%s are octal', (text, mode) => {
    expect(parseMode(text)).toBe(mode);
  });

  test.each(['', '64', '0o644', '0648', '00644', '-644', '0x1ff'])('are not %j', (text) => {
    expect(parseMode(text)).toBeUndefined();
  });

  test('are read back as they were printed', () => {
    fc.assert(fc.property(fc.nat(0o7777), (mode) => parseMode(formatMode(mode)) === mode));
  });
});

describe('the word that was meant', () => {
  test.each([
    ['prot', ['path', 'port'], 'port'],
    ['plian', ['plain', 'manifest'], 'plain'],
    ['Targets', ['target', 'targets'], 'targets'],
    ['identyfile', ['include', 'identityFile'], 'identityFile'],
    ['ulr', ['url'], 'url'],
    ['x', ['url', 'mode'], undefined],
    ['loud', ['info', 'silent'], undefined],
    ['', ['a'], undefined],
  ])('by %j among %j is %j', (word, candidates, meant) => {
    expect(suggest(word, candidates)).toBe(meant);
  });

  test('is looked for by insertions, deletions, substitutions and swaps', () => {
    expect([
      editDistance('', 'abc'),
      editDistance('abc', 'abc'),
      editDistance('abc', 'ac'),
      editDistance('abc', 'axc'),
      editDistance('abc', 'acb'),
      editDistance('ca', 'abc'),
    ]).toEqual([3, 0, 1, 1, 1, 3]);
  });

  test('is as far from one as the other is from it', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });
    fc.assert(fc.property(word, word, (a, b) => editDistance(a, b) === editDistance(b, a)));
  });
});
