import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anchored } from '../../src/core/delta/anchors.js';
import { History } from '../../src/core/delta/history.js';
import { noise } from '../support/noise.js';

const KB = 1024;
const NEAR = 32 * KB;
const PAGE = 8 * 1024 * KB;
const any = (): boolean => true;

function add<Source>(history: History<Source>, source: Source, bytes: Buffer, offset?: number): boolean {
  return history.add(source, anchored(bytes), offset);
}

function find<Source>(history: History<Source>, bytes: Buffer, mayBeTaken: (source: Source) => boolean) {
  return history.find(anchored(bytes), mayBeTaken);
}

/** What was added, by source, and the history of it. */
function historyOf(...contents: readonly Buffer[]): History<number> {
  const history = new History<number>();
  for (const [source, content] of contents.entries()) add(history, source, content);
  return history;
}

/** Far enough from what was added before. */
const BETWEEN = noise(NEAR, 1000);

type Parts = ReturnType<History<number>['find']>;

function matchesOf(parts: Parts): { source: number; offset: number; length: number }[] {
  return (parts ?? []).flatMap((part) => (part instanceof Uint8Array ? [] : [part]));
}

describe('a history', () => {
  it('finds what was added, wherever it lies, and grows it to both sides', () => {
    const [old, head, tail] = [noise(100 * KB, 1), noise(777, 2), noise(99, 3)];
    const history = historyOf(old, BETWEEN);
    const found = find(history, Buffer.concat([head, old.subarray(12_345, 50_000), tail]), any);
    expect(found).toEqual([head, expect.objectContaining({ source: 0, offset: 12_345, length: 37_655 }), tail]);
  });

  it('finds nothing in what is new, nor in an empty one', () => {
    expect(find(historyOf(noise(KB, 1), BETWEEN), noise(100 * KB, 2), any)).toBe(undefined);
    expect(find(new History(), noise(KB, 1), any)).toBe(undefined);
    expect(find(historyOf(noise(KB, 1), BETWEEN), Buffer.alloc(0), any)).toBe(undefined);
  });

  it('knows where a piece lies in its source', () => {
    const history = new History<string>();
    const whole = noise(20 * KB, 1);
    add(history, 'a', whole.subarray(0, 10 * KB), 0);
    add(history, 'a', whole.subarray(10 * KB), 10 * KB);
    add(history, 'b', BETWEEN);
    expect(find(history, whole.subarray(15 * KB, 18 * KB), any)).toMatchObject([{ offset: 15 * KB, length: 3 * KB }]);
  });

  it('leaves what is near to the compressor', () => {
    const old = noise(10 * KB, 1);
    expect(find(historyOf(old, BETWEEN.subarray(1)), old.subarray(0, 2 * KB), any)).toMatchObject([{ length: 2 * KB }]);
    expect(find(historyOf(old, BETWEEN.subarray(12 * KB)), old.subarray(0, 2 * KB), any)).toBe(undefined);
  });

  it('leaves what is too short to be worth a request, and a source that gives too little in all', () => {
    const old = noise(10 * KB, 1);
    const history = historyOf(old, BETWEEN);
    const some = (length: number): Buffer => old.subarray(KB, KB + length);
    expect(find(history, Buffer.concat([noise(100, 2), some(511)]), any)).toBe(undefined);
    expect(find(history, Buffer.concat([noise(100, 2), some(512)]), any)).toHaveLength(2);
    const twice = [some(KB), noise(100, 3), old.subarray(5 * KB, 5 * KB + 127), noise(100, 4)];
    expect(matchesOf(find(history, Buffer.concat(twice), any))).toMatchObject([{ offset: KB }]);
  });

  it('takes from four sources at most, and from none that may not be taken', () => {
    const olds = Array.from({ length: 6 }, (_, i) => noise(KB, i));
    const history = historyOf(...olds, BETWEEN);
    const all = Buffer.concat(olds);
    expect(matchesOf(find(history, all, any)).map(({ source }) => source)).toEqual([0, 1, 2, 3]);
    expect(matchesOf(find(history, all, (source) => source % 2 === 1)).map(({ source }) => source)).toEqual([1, 3, 5]);
  });

  it('lets go of the oldest, and keeps the last page', () => {
    const [first, second] = [noise(10 * KB, 1), noise(10 * KB, 2)];
    const history = historyOf(first, noise(PAGE - 20 * KB, 3), second);
    expect(find(history, first, any)).toHaveLength(1);
    add(history, 3, noise(PAGE - 5 * KB, 4));
    expect([find(history, first, any), find(history, second, any)]).toMatchObject([[{}], [{}]]);
    add(history, 4, noise(PAGE - 5 * KB, 5));
    expect([find(history, first, any), find(history, second, any)]).toEqual([undefined, undefined]);
  });

  it('tells of what it lets go, once for each piece of it that it kept', () => {
    const gone: number[] = [];
    const history = new History<number>((source) => gone.push(source));
    expect([noise(KB, 1), noise(511, 2), noise(KB, 3)].map((each, i) => add(history, i, each))).toEqual([
      true,
      false,
      true,
    ]);
    add(history, 0, noise(KB, 4), KB);
    add(history, 4, noise(PAGE - KB, 5));
    expect(gone).toEqual([]);
    add(history, 5, noise(PAGE - KB, 6));
    expect(gone).toEqual([0, 2, 0]);
    history.clear();
    expect(new Set(gone.slice(3))).toEqual(new Set([4, 5]));
  });

  it('is empty once it was cleared', () => {
    const old = noise(10 * KB, 1);
    const history = historyOf(old, BETWEEN);
    history.clear();
    add(history, 2, BETWEEN);
    expect(find(history, old, any)).toBe(undefined);
  });

  it('gives parts that are the content again, whatever was added', () => {
    const letters = fc.integer({ min: 0, max: 3 }); // so that much repeats
    const piece = fc.tuple(letters, fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 5000 }));
    const content = fc.array(piece, { maxLength: 6 });
    fc.assert(
      fc.property(fc.array(content, { minLength: 1, maxLength: 12 }), (contents) => {
        const history = new History<number>();
        const files = contents.map((pieces) =>
          Buffer.concat(pieces.map(([seed, from, length]) => noise(10_000, seed).subarray(from, from + length))),
        );
        for (const [source, file] of files.entries()) {
          const parts = find(history, file, any) ?? [file];
          const again = parts.map((part) =>
            part instanceof Uint8Array
              ? part
              : (files[part.source] as Buffer).subarray(part.offset, part.offset + part.length),
          );
          expect(Buffer.concat(again).equals(file)).toBe(true);
          add(history, source, file);
          add(history, -1 - source, BETWEEN.subarray(0, NEAR / 4));
        }
      }),
      { numRuns: 200 },
    );
  });
});
