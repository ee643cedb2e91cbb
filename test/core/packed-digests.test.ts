import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../../src/core/bytes.js';
import { type CachedDigest, CacheEncoder } from '../../src/core/digest-cache-codec.js';
import { PackedDigests } from '../../src/core/packed-digests.js';
import { atOnce } from '../../src/core/work.js';
import { decodeCache, encodeCache } from '../support/digest-cache.js';
import { anyPath } from '../support/entries.js';

const digestOf = (at: number): CachedDigest => ({
  stamp: `\xff${at}`,
  digest: String(at % 10).repeat(64),
  mtime: at,
  hash: at % 2 === 0 ? undefined : '0123456789ab',
});

describe('packed digests', () => {
  test('find what they hold, and nothing else, in whatever order it is asked for', () => {
    const paths = fc.uniqueArray(anyPath, { maxLength: 80 });
    fc.assert(
      fc.property(
        paths,
        fc.array(fc.nat({ max: 120 }), { maxLength: 200 }),
        fc.array(anyPath),
        (held, asked, others) => {
          const known = new Map<string, CachedDigest>(held.map((path, at) => [path, digestOf(at)]));
          const inOrder = [...known].toSorted(([a], [b]) => (a < b ? -1 : 1));
          for (const packed of [readFrom(encodeCache(known)), PackedDigests.of(inOrder)]) {
            for (const path of [...asked.map((at) => held[at] ?? `${at}`), ...others, ...held.toSorted()])
              expect(packed.find(path)).toEqual(known.get(path));
            expect(new Map(packed)).toEqual(known);
          }
        },
      ),
    );
  });

  test('find what is asked for in order beside what is not there', () => {
    const names = Array.from({ length: 300 }, (_, at) => `folder${at % 7}/file${at}`).toSorted();
    const known = new Map(names.filter((_, at) => at % 3 !== 0).map((name, at) => [name, digestOf(at)]));
    const packed = readFrom(encodeCache(known));
    for (const name of names) expect(packed.find(name)).toEqual(known.get(name));
    for (const name of names.toReversed()) expect(packed.find(name)).toEqual(known.get(name));
  });

  test('hold nothing where there is nothing', () => {
    expect([...PackedDigests.NONE, ...PackedDigests.NONE.paths()]).toEqual([]);
    expect(PackedDigests.NONE.find('')).toBeUndefined();
    expect(readFrom(encodeCache(new Map())).find('a')).toBeUndefined();
  });

  test('are refused where they are not in order, or one comes twice', () => {
    for (const names of [
      ['b', 'a'],
      ['a', 'a'],
    ])
      expect(decodeCache(written(names))).toBeUndefined();
    expect(decodeCache(written(['a', 'b']))?.size).toBe(2);
  });

  test('are refused where a path takes more than there is', () => {
    const record = new ByteWriter().text('PSDC').finish().subarray(1);
    const sealed = new ByteWriter()
      .bytes(record)
      .number(2)
      .number(1)
      .number(0)
      .number(2 ** 40);
    expect(decodeCache(sealed.bytes(Buffer.alloc(64)).finishSealed())).toBeUndefined();
  });
});

function readFrom(bytes: Uint8Array): PackedDigests {
  return atOnce(PackedDigests.reading(bytes));
}

function written(names: readonly string[]): Buffer {
  const encoder = new CacheEncoder(names.length);
  for (const name of names) encoder.add(name, digestOf(0));
  return encoder.finish();
}
