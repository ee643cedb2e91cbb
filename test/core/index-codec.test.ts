import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter, checksum } from '../../src/core/bytes.js';
import { EntryTable } from '../../src/core/entry-table.js';
import {
  decodeHead,
  decodeJournal,
  decodeSnapshot,
  decodeWholeSegments,
  encodeHead,
  encodeSegment,
  encodeSnapshot,
  FIRST_CHECKSUM,
  type Head,
  replay,
  type Segment,
} from '../../src/core/index-codec.js';
import { type TargetIndex, withPending, withTruths } from '../../src/core/target-index.js';
import { IndexError } from '../../src/errors.js';
import { anyEntry, anyPath, anyTree, entry, index, path, plain } from '../support/entries.js';

const head: Head = {
  site: 'shop:var/static',
  generation: 7,
  committedAt: 1_700_000_000_000,
  files: 2,
  bytes: 10,
  pending: 0,
  snapshot: { name: path('snapshot-6-abc'), bytes: 123, checksum: 'a'.repeat(64) },
  journal: { name: path('journal-6-abc'), bytes: 0, checksum: FIRST_CHECKSUM },
};

const anySegment: fc.Arbitrary<Segment> = fc.record({
  kind: fc.constantFrom('begin' as const, 'commit' as const),
  paths: fc
    .array(
      fc.oneof(
        anyEntry.map((each) => [each.path, each] as const),
        anyPath.map((each) => [each, undefined] as const),
      ),
      { maxLength: 6 },
    )
    .map((pairs) => new Map(pairs)),
});

function encodeJournal(segments: readonly Segment[]): { bytes: Buffer; checksum: string } {
  let sum = FIRST_CHECKSUM;
  const pieces = segments.map((segment) => {
    const encoded = encodeSegment(segment, sum);
    sum = encoded.checksum;
    return encoded.bytes;
  });
  return { bytes: Buffer.concat(pieces), checksum: sum };
}

describe('round trip', () => {
  it('of a head', () => {
    expect(decodeHead(encodeHead(head))).toEqual(head);
  });

  it('of any snapshot', () => {
    fc.assert(
      fc.property(anyTree, (entries) => {
        const bytes = encodeSnapshot(EntryTable.of(entries));
        for (const from of ['anybody', 'sound'] as const) expect([...decodeSnapshot(bytes, from)]).toEqual(entries);
      }),
    );
  });

  it('of any journal', () => {
    fc.assert(
      fc.property(fc.array(anySegment, { maxLength: 5 }), (segments) => {
        const { bytes, checksum: sum } = encodeJournal(segments);
        expect(decodeJournal(bytes, sum)).toEqual(segments);
      }),
    );
  });
});

it('replays a journal to the index that the steps led to', () => {
  fc.assert(
    fc.property(anyTree, fc.array(anySegment, { maxLength: 6 }), (entries, segments) => {
      const start: TargetIndex = { ...index(...entries), site: head.site, generation: head.generation };
      const stepped = segments.reduce(
        (at, { kind, paths }) => (kind === 'begin' ? withPending(at, paths) : withTruths(at, paths)),
        start,
      );
      expect(plain(replay(head, EntryTable.of(entries), segments))).toEqual(plain(stepped));
    }),
  );
});

it('writes some tens of bytes for one change, however many files there are', () => {
  const one = encodeSegment(
    { kind: 'commit', paths: new Map([[path('css/app.css'), entry('css/app.css')]]) },
    FIRST_CHECKSUM,
  );
  expect(one.bytes.length).toBeLessThan(100);
});

describe('hostile input', () => {
  const entries = [entry('a'), entry('b/c'), entry('b/d')];
  const snapshotBytes = encodeSnapshot(EntryTable.of(entries));
  const segments: Segment[] = [
    { kind: 'begin', paths: new Map([[path('a'), entry('a', 'new')]]) },
    { kind: 'commit', paths: new Map([[path('a'), undefined]]) },
  ];
  const journal = encodeJournal(segments);
  const headBytes = encodeHead(head);
  const sealed = (write: (writer: ByteWriter) => void): Buffer => {
    const writer = new ByteWriter().bytes(Buffer.from('PSIX'));
    write(writer);
    return writer.finishSealed();
  };

  it('of a journal that no head vouches for is read up to the first segment that is not whole', () => {
    const first = encodeJournal(segments.slice(0, 1)).bytes.length;
    for (let end = 0; end <= journal.bytes.length; end++) {
      const whole = end < first ? 0 : end < journal.bytes.length ? 1 : 2;
      expect(decodeWholeSegments(journal.bytes.subarray(0, end))).toEqual(segments.slice(0, whole));
    }
    for (let at = 0; at < journal.bytes.length; at++)
      expect(decodeWholeSegments(flipped(journal.bytes, at, 3))).toEqual(segments.slice(0, at < first ? 0 : 1));
  });

  it('that is cut anywhere is damaged', () => {
    for (let end = 0; end < snapshotBytes.length; end++)
      expect(() => decodeSnapshot(snapshotBytes.subarray(0, end))).toThrow(IndexError);
    for (let end = 0; end < journal.bytes.length; end++)
      expect(() => decodeJournal(journal.bytes.subarray(0, end), journal.checksum)).toThrow(IndexError);
    for (let end = 0; end < headBytes.length - 1; end++)
      expect(() => decodeHead(headBytes.subarray(0, end))).toThrow(IndexError);
  });

  it('with a time that cannot be, or a size beyond any that is written, is damaged', () => {
    const late = encodeSnapshot(EntryTable.of([entry('a', 'a', { mtime: 2 ** 32 })]));
    expect(() => decodeSnapshot(late)).toThrow(/a time that is none/);
    expect(() => decodeHead(encodeHead({ ...head, committedAt: 2 ** 53 - 1 }))).toThrow(/no committedAt/);
    const snapshot = { ...head.snapshot, bytes: 2 ** 53 - 1 };
    expect(() => decodeHead(encodeHead({ ...head, snapshot }))).toThrow(/no bytes/);
  });

  it('that has any bit flipped is damaged', () => {
    for (let bit = 0; bit < 8; bit++) {
      for (let at = 0; at < snapshotBytes.length; at++)
        expect(() => decodeSnapshot(flipped(snapshotBytes, at, bit))).toThrow(IndexError);
      for (let at = 0; at < journal.bytes.length; at++)
        expect(() => decodeJournal(flipped(journal.bytes, at, bit), journal.checksum)).toThrow(IndexError);
      for (let at = 0; at < headBytes.length - 1; at++)
        expect(() => decodeHead(flipped(headBytes, at, bit))).toThrow(IndexError);
    }
  });

  it('of any bytes is refused with an IndexError and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const content of [bytes, withChecksum(bytes), withChecksum(Buffer.concat([Buffer.from('PSIX'), bytes]))]) {
          try {
            decodeSnapshot(content);
          } catch (error) {
            expect(error).toBeInstanceOf(IndexError);
          }
        }
        expect(() => decodeHead(bytes)).toThrow(IndexError);
      }),
    );
  });

  it('that announces more records than it has room for is refused before anything is made for them', () => {
    expect(() => decodeSnapshot(sealed((writer) => writer.number(1).number(2 ** 52)))).toThrow(
      `it announces ${2 ** 52} records and has no room for them`,
    );
  });

  it('of another format is told from damage', () => {
    const foreign = JSON.stringify({ format: 2, ...head });
    const bytes = Buffer.from(`${foreign}\n${checksum(Buffer.from(foreign)).toString('hex')}\n`);
    expect(() => decodeHead(bytes)).toThrow(expect.objectContaining({ reason: 'foreign-version' }));
    expect(() => decodeSnapshot(sealed((writer) => writer.number(2).number(0)))).toThrow(
      expect.objectContaining({ reason: 'foreign-version' }),
    );
  });

  it.each(['../escape', '/etc/passwd', 'a/../../b', '.pushstatic/head', '.pushstatic', 'a\\b', ''])(
    'with the path %j is refused',
    (name) => {
      const bytes = sealed((writer) =>
        writer.number(1).number(1).number(0).text(name).number(1).number(1).number(0o644).hex('0'.repeat(64)),
      );
      expect(() => decodeSnapshot(bytes)).toThrow('it holds a path that cannot be published');
    },
  );

  it('with paths out of order or twice is refused', () => {
    expect(() => decodeSnapshot(encodeSnapshot(EntryTable.of([entry('b'), entry('a')])))).toThrow(
      'the paths of its snapshot are not in order',
    );
    expect(() => decodeSnapshot(encodeSnapshot(EntryTable.of([entry('a'), entry('a')])))).toThrow(
      'the paths of its snapshot are not in order',
    );
  });

  it('whose head names a file elsewhere is refused', () => {
    const elsewhere = {
      ...head,
      snapshot: { ...head.snapshot, name: path('snapshot-1/../../etc'.replace('..', 'x').replace('..', 'y')) },
    };
    expect(() => decodeHead(encodeHead(elsewhere))).toThrow('its head names a strange snapshot');
    expect(() => decodeHead(encodeHead({ ...head, journal: { ...head.journal, name: path('head') } }))).toThrow(
      'its head names a strange journal',
    );
  });

  it('of a journal that another head names is refused', () => {
    expect(() => decodeJournal(journal.bytes, FIRST_CHECKSUM)).toThrow(
      'its journal is not the one that the head names',
    );
  });
});

function withChecksum(content: Uint8Array): Buffer {
  return new ByteWriter().bytes(content).finishSealed();
}

function flipped(bytes: Buffer, at: number, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
}
