import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteWriter, unseal } from '../../src/core/bytes.js';
import { decodeMemory, encodeMemory, NO_MEMORY } from '../../src/core/collected-codec.js';
import type { CachedDigest } from '../../src/core/digest-cache-codec.js';
import { decodeCache, encodeCache } from '../support/digest-cache.js';
import { anyPath, path } from '../support/entries.js';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);

const digest = fc.stringMatching(/^[0-9a-f]{64}$/);
const stamp = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const hash = fc.option(fc.stringMatching(/^[0-9a-f]{12}$/), { nil: undefined });
const cached = fc.record({ stamp, digest, mtime: fc.nat({ max: 2 ** 32 - 1 }), hash });
const cache: fc.Arbitrary<Map<string, CachedDigest>> = fc
  .array(fc.tuple(anyPath, cached))
  .map((entries) => new Map(entries));

describe('the digest cache as bytes', () => {
  test('reads back what was written', () => {
    fc.assert(
      fc.property(cache, (entries) => {
        expect(decodeCache(encodeCache(entries))).toEqual(entries);
      }),
    );
  });

  test('reads back neighbours that differ in the second half of a surrogate pair', () => {
    const entries = new Map(
      ['x🎈', 'x🎉', 'x🎉/y'].map((text) => [path(text), { stamp: '\xff\x00', digest: A, mtime: 0 }]),
    );
    expect(decodeCache(encodeCache(entries))).toEqual(entries);
  });

  test('is the same for the same entries, in whatever order they came', () => {
    const [one, two] = [path('a/one'), path('a/two')];
    const entry = { stamp: 's', digest: A, mtime: 1 };
    const forth = encodeCache(new Map([[one, entry], [two, entry]])); // biome-ignore format: side by side
    const back = encodeCache(new Map([[two, entry], [one, entry]])); // biome-ignore format: side by side
    expect(forth.equals(back)).toBe(true);
  });

  test('spends on a path only what it does not share with the one before', () => {
    const entry = { stamp: '', digest: A, mtime: 0 };
    const far = Array.from(
      { length: 100 },
      (_, i) => [path(`a/folder/with/a/long/name/file-${i + 100}`), entry] as const,
    );
    expect(encodeCache(new Map(far)).length).toBeLessThan(100 * (32 + 1 + 1 + 6) + 100);
  });

  test('is undefined when any one byte is another', () => {
    const bytes = encodeCache(new Map([[path('a'), { stamp: 'stamp', digest: A, mtime: 7 }]]));
    const read = Array.from(bytes, (_, i) => decodeCache(bytes.map((byte, at) => (at === i ? byte ^ 1 : byte))));
    expect(read.filter((entries) => entries !== undefined)).toEqual([]);
  });

  test('is undefined when it is cut off anywhere', () => {
    const bytes = encodeCache(new Map([[path('a'), { stamp: 'stamp', digest: A, mtime: 7 }]]));
    const read = Array.from(bytes, (_, length) => decodeCache(bytes.subarray(0, length)));
    expect(read.filter((entries) => entries !== undefined)).toEqual([]);
  });

  test.each([
    ['it begins like something else', (content: Buffer) => content.write('PSXX')],
    ['it is of a later version', (content: Buffer) => content.writeUInt8(3, 4)],
    ['it announces more entries than it has room for', (content: Buffer) => content.writeUInt8(127, 5)],
    ['it announces fewer entries than it has', (content: Buffer) => content.writeUInt8(0, 5)],
    ['its first path shares something', (content: Buffer) => content.writeUInt8(1, 6)],
    ['a path is not UTF-8', (content: Buffer) => content.writeUInt8(0xff, 8)],
  ])('is undefined when, under a checksum that agrees, %s', (_, spoil) => {
    const bytes = encodeCache(new Map([[path('ab'), { stamp: 'stamp', digest: A, mtime: 7 }]]));
    const content = Buffer.from(unseal(bytes));
    spoil(content);
    expect(decodeCache(bytes)?.size).toBe(1);
    expect(decodeCache(sealed(content))).toBeUndefined();
  });

  test('is undefined for any bytes that are something else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(decodeCache(sealed(bytes))).toBeUndefined();
      }),
    );
  });
});

describe('the memory of collecting as bytes', () => {
  test('reads back what was written', () => {
    const memory = {
      sources: new Map([['vendor\0/srv/assets', 120]]),
      files: new Map([
        [path('css/a.css'), A],
        [path('css/b.css'), B],
      ]),
      made: new Set([path('css/b.css')]),
      folders: new Set([path('css')]),
    };
    expect(decodeMemory(encodeMemory(memory))).toEqual(memory);
    expect(decodeMemory(encodeMemory(NO_MEMORY))).toEqual(NO_MEMORY);
  });

  test('is undefined when any one byte is another', () => {
    const bytes = encodeMemory({ ...NO_MEMORY, files: new Map([[path('a'), A]]) });
    const read = Array.from(bytes, (_, i) => decodeMemory(bytes.map((byte, at) => (at === i ? byte ^ 1 : byte))));
    expect(read.filter((memory) => memory !== undefined)).toEqual([]);
  });
});

function sealed(content: Uint8Array): Buffer {
  return new ByteWriter().bytes(content).finishSealed();
}
