import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteWriter, unseal } from '../../src/core/bytes.js';
import { EntryTable } from '../../src/core/entry-table.js';
import { encodeSnapshot } from '../../src/core/index-codec.js';
import { decodeWarm, encodeWarm, type Warm } from '../../src/core/warm-codec.js';
import { anyPath, anyTree, entry, path } from '../support/entries.js';

const anyFolder = fc.oneof(
  anyPath.map((at) => `/${at}`),
  fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
);
const anyNumber = fc.double({ noNaN: true }).map((number) => (Object.is(number, -0) ? 0 : number));
const anyMarks = fc
  .array(fc.tuple(anyFolder, fc.array(anyNumber, { maxLength: 5 })), { maxLength: 6 })
  .map((folders) => new Map(folders.map(([folder, numbers]) => [folder, Float64Array.from(numbers)])));

const anyWarm: fc.Arbitrary<Warm> = fc.record({
  madeFor: fc.string(),
  entries: anyTree.map((tree) => EntryTable.of(tree)),
  foreign: fc.array(anyPath, { maxLength: 5 }),
  folders: fc.array(anyPath, { maxLength: 5 }),
  links: fc.array(fc.record({ path: anyPath, leadsTo: anyFolder }), { maxLength: 4 }),
  marks: fc.record({ sources: anyMarks, root: anyMarks }),
  changedSince: fc.array(anyPath, { maxLength: 5 }),
});

const SMALL: Warm = {
  madeFor: 'x',
  entries: EntryTable.of([entry('a')]),
  foreign: [path('a')],
  folders: ['f'],
  links: [{ path: path('l'), leadsTo: '/t' }],
  marks: { sources: new Map([['/s', Float64Array.of(1)]]), root: new Map() },
  changedSince: [path('c')],
};

describe('the warm state as bytes', () => {
  test('reads back what was written', () => {
    fc.assert(
      fc.property(anyWarm, (warm) => {
        expect(decodeWarm(encodeWarm(warm), warm.madeFor)).toEqual(warm);
      }),
    );
  });

  test('reads back from bytes that begin anywhere in memory', () => {
    const bytes = encodeWarm(SMALL);
    for (let offset = 0; offset < 8; offset++) {
      const memory = new Uint8Array(offset + bytes.length);
      memory.set(bytes, offset);
      expect(decodeWarm(memory.subarray(offset), 'x')).toEqual(SMALL);
    }
  });

  test('keeps its own copy of the marks', () => {
    const bytes = encodeWarm(SMALL);
    const warm = decodeWarm(bytes, 'x');
    bytes.fill(0);
    expect(warm?.marks).toEqual(SMALL.marks);
  });

  test('counts for nothing if it was made for something else', () => {
    expect(decodeWarm(encodeWarm(SMALL), 'y')).toBeUndefined();
  });

  test('is undefined when it is cut off anywhere', () => {
    const bytes = encodeWarm(SMALL);
    const read = Array.from(bytes, (_, length) => decodeWarm(bytes.subarray(0, length), 'x'));
    expect(read.filter((warm) => warm !== undefined)).toEqual([]);
  });

  test('is undefined when any one bit is another', () => {
    const bytes = encodeWarm(SMALL);
    const read = Array.from({ length: bytes.length * 8 }, (_, bit) =>
      decodeWarm(
        bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)),
        'x',
      ),
    );
    expect(read.filter((warm) => warm !== undefined)).toEqual([]);
  });
});

describe('under a checksum that agrees, it', () => {
  test('is undefined, or something else, when any one bit is another, and never throws', () => {
    const content = unseal(encodeWarm(SMALL));
    for (let bit = 0; bit < content.length * 8; bit++) {
      const spoilt = Buffer.from(content);
      spoilt[bit >> 3] = (spoilt[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeWarm(sealed(spoilt), 'x')).not.toEqual(SMALL);
    }
  });

  test('is undefined when it is cut off anywhere', () => {
    const content = unseal(encodeWarm(SMALL));
    const read = Array.from(content, (_, length) => decodeWarm(sealed(content.subarray(0, length)), 'x'));
    expect(read.filter((warm) => warm !== undefined)).toEqual([]);
  });

  test('is undefined for any bytes that are something else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(decodeWarm(sealed(bytes), '')).toBeUndefined();
      }),
    );
  });

  test.each([
    ['paths that are not ours', (writer: ByteWriter, count: number) => writer.number(count)],
    ['folders', (writer: ByteWriter, count: number) => writer.number(0).number(count)],
    ['links', (writer: ByteWriter, count: number) => writer.number(0).number(0).number(count)],
    ['folders with marks', (writer: ByteWriter, count: number) => writer.number(0).number(0).number(0).number(count)],
    [
      'marks of a folder',
      (writer: ByteWriter, count: number) =>
        writer.number(0).number(0).number(0).number(1).number(0).text('/s').number(count),
    ],
  ])('is undefined at once if it announces more %s than it has room for', (_, announce) => {
    for (const count of [1000, 2 ** 31, 2 ** 45, Number.MAX_SAFE_INTEGER]) {
      const started = performance.now();
      const memory = process.memoryUsage().arrayBuffers;
      const bytes = announce(begun(), count).bytes(Buffer.alloc(8)).finishSealed();
      expect(decodeWarm(bytes, 'x')).toBeUndefined();
      expect(process.memoryUsage().arrayBuffers - memory).toBeLessThan(64 * 1024 * 1024);
      expect(performance.now() - started).toBeLessThan(1000);
    }
  });

  test('is undefined if its snapshot is longer than all of it', () => {
    const bytes = new ByteWriter()
      .bytes(Buffer.from('PSWM'))
      .number(1)
      .text('x')
      .number(2 ** 45)
      .finishSealed();
    expect(decodeWarm(bytes, 'x')).toBeUndefined();
  });
});

/** As far as the snapshot. */
function begun(): ByteWriter {
  const entries = encodeSnapshot(EntryTable.EMPTY);
  return new ByteWriter().bytes(Buffer.from('PSWM')).number(1).text('x').number(entries.length).bytes(entries);
}

function sealed(content: Uint8Array): Buffer {
  return new ByteWriter().bytes(content).finishSealed();
}
