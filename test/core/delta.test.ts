import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeltaMaker, type Op } from '../../src/core/delta/delta.js';
import {
  blockBytesFor,
  decodeSignature,
  encodeSignature,
  SALT_BYTES,
  type Signature,
  SignatureMaker,
  STRONG_BYTES,
} from '../../src/core/delta/signature.js';
import { movedOn, weakSum, weightOfFirst } from '../../src/core/delta/weak-sum.js';
import { noise } from '../support/noise.js';

const MIB = 1024 * 1024;

describe('a delta', () => {
  it('sends nothing of a file that is the same', () => {
    for (const size of [1, 127, 128, 129, 255, 256, 257, 5000, 100_000, MIB + 1]) {
      const file = noise(size);
      const { literal, ops } = deltaOf(file, file);
      // A range that is shorter than the request for it is sent.
      expect([size, literal, ops.length]).toEqual([size, size < 128 ? size : 0, 1]);
    }
  });

  it.each([
    [
      'a byte changed',
      (file: Buffer) => spliced(file, file.length >> 1, 1, Buffer.from([(file[file.length >> 1] ?? 0) ^ 1])),
      2,
    ],
    ['1 KiB inserted at the front', (file: Buffer) => spliced(file, 0, 0, noise(1024, 9)), 1.5],
    ['1 KiB inserted in the middle', (file: Buffer) => spliced(file, file.length >> 1, 0, noise(1024, 9)), 2.5],
    ['1 KiB taken away', (file: Buffer) => spliced(file, file.length >> 1, 1024, Buffer.alloc(0)), 2],
    ['something at its end', (file: Buffer) => Buffer.concat([file, Buffer.from('more')]), 1.5],
    ['its two halves exchanged', (file: Buffer) => Buffer.concat([file.subarray(MIB), file.subarray(0, MIB)]), 2.5],
  ])('of a file with %s costs that and a block or two', (_, edit, blocks) => {
    const old = noise(2 * MIB + 77);
    const { literal, ops } = deltaOf(old, edit(old));
    expect(literal).toBeLessThanOrEqual(1024 + blocks * blockBytesFor(old.length));
    expect(ops.length).toBeLessThanOrEqual(5);
  });

  it('of a file in which everything repeats is a few ranges', () => {
    const old = Buffer.alloc(MIB, 'x');
    expect(deltaOf(old, old)).toMatchObject({ literal: 0, ops: { length: 1 } });
    const { literal } = deltaOf(old, Buffer.alloc(MIB + 1000, 'x'));
    expect(literal).toBeLessThan(2000);
  });

  it('of something else is all of it', () => {
    const wanted = noise(200_000, 2);
    expect(deltaOf(noise(200_000, 1), wanted)).toMatchObject({ literal: wanted.length });
    expect(deltaOf(Buffer.alloc(0), wanted)).toMatchObject({ literal: wanted.length });
    expect(deltaOf(wanted, Buffer.alloc(0))).toMatchObject({ literal: 0, ops: [] });
  });

  it('makes, of any old file and whatever pieces it comes in, exactly the new one', () => {
    const block = fc.constantFrom(
      noise(128, 1),
      noise(128, 2),
      noise(128, 3),
      Buffer.alloc(128),
      Buffer.alloc(7, 'x'),
      noise(300, 4),
    );
    const file = fc.array(block, { maxLength: 30 }).map((blocks) => Buffer.concat(blocks));
    fc.assert(
      fc.property(file, file, fc.array(fc.nat(700), { minLength: 1, maxLength: 5 }), (old, wanted, pieces) => {
        deltaOf(old, wanted, pieces);
      }),
      { numRuns: 3000 },
    );
  });

  it('makes exactly the new file after any edits of a large one', () => {
    const old = noise(300_000, 5);
    const edit = fc.record({ at: fc.nat(310_000), gone: fc.nat(3000), text: fc.uint8Array({ maxLength: 600 }) });
    fc.assert(
      fc.property(
        fc.array(edit, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 3 }),
        (edits, pieces) => {
          const wanted = edits.reduce(
            (file, { at, gone, text }) => spliced(file, Math.min(at, file.length), gone, Buffer.from(text)),
            old,
          );
          const { literal } = deltaOf(old, wanted, pieces);
          expect(literal).toBeLessThanOrEqual(edits.length * (600 + 4 * blockBytesFor(old.length)));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('keeps no more of a long file than is undecided', () => {
    const signature = signatureOf(noise(MIB, 1));
    let largest = 0;
    let literal = 0;
    const maker = new DeltaMaker(signature, (op) => {
      if (!(op instanceof Uint8Array)) return;
      largest = Math.max(largest, op.length);
      literal += op.length;
    });
    const piece = noise(MIB, 7);
    for (let i = 0; i < 8; i++) {
      maker.add(piece);
      expect(8 * MIB - literal).toBeLessThan(8 * MIB - i * MIB);
    }
    maker.finish();
    expect([largest, literal]).toEqual([64 * 1024, 8 * MIB]);
  });

  it('keeps no more of what follows on what was found', () => {
    const old = noise(MIB, 1);
    let emitted = 0;
    const maker = new DeltaMaker(signatureOf(old), (op) => void (emitted += op.length));
    maker.add(old);
    for (let i = 1; i <= 8; i++) {
      maker.add(noise(MIB, 100 + i));
      expect((1 + i) * MIB - emitted).toBeLessThan(70_000);
    }
  });

  it('looks at few of the blocks that are made to have one weak sum', () => {
    // Words of Thue and Morse: to exchange the two letters does not change such a polynomial modulo a power of two.
    const word = thueMorse(128);
    const other = word.map((byte) => (byte === 97 ? 98 : 97));
    const size = 64 * MIB;
    const blockBytes = blockBytesFor(size);
    const block = (number: number): Buffer =>
      Buffer.concat(Array.from({ length: blockBytes / 128 }, (_, bit) => ((number >> bit) & 1 ? word : other)));
    const old = Buffer.concat(Array.from({ length: 200 }, (_, i) => block(i)));
    const filled = Buffer.concat([old, noise(size - old.length)]);
    const signature = signatureOf(filled);
    expect(new Set(signature.weak.subarray(0, 200)).size).toBe(1);
    const { literal } = deltaOf(filled, Buffer.concat(Array.from({ length: 200 }, (_, i) => block(199 - i))));
    expect(literal).toBeGreaterThan(100 * blockBytes);
  });

  it('is not deceived by weak sums that agree', () => {
    const old = noise(100_000, 1);
    const signature = signatureOf(old);
    // As if every block had another strong sum: not one of them is the one that lies there.
    const other = Buffer.from(signature.strong.map((byte) => byte ^ 1));
    const ops: Op[] = [];
    const maker = new DeltaMaker({ ...signature, strong: other }, (op) => void ops.push(op));
    maker.add(old);
    maker.finish();
    expect(Buffer.concat(ops as Uint8Array[])).toEqual(old);
  });
});

describe('the weak sum', () => {
  it('moved on by a byte is that of the next block', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 300 }), (bytes) => {
        const length = bytes.length - 1;
        const sum = movedOn(weakSum(bytes, 0, length), bytes[0] ?? 0, weightOfFirst(length), bytes[length] ?? 0);
        expect(sum).toBe(weakSum(bytes, 1, length));
      }),
    );
  });
});

describe('a signature', () => {
  it('does not depend on the pieces in which a file comes, and is read as it was written', () => {
    const file = noise(100_001);
    const whole = signatureOf(file);
    for (const step of [1, 127, 128, 1000, 64 * 1024]) expect(signatureOf(file, step)).toEqual(whole);
    expect(decodeSignature(encodeSignature(whole))).toEqual(whole);
    expect(decodeSignature(encodeSignature(signatureOf(Buffer.alloc(0))))).toMatchObject({ size: 0 });
  });

  it('salts its strong sums, and leaves its weak sums as they are', () => {
    const file = noise(1000);
    const [one, other] = ['a', 'b'].map((salt) => {
      const maker = new SignatureMaker({ ...factsOf(file), salt: Buffer.alloc(SALT_BYTES, salt) });
      maker.add(file);
      return maker.finish();
    });
    expect(one?.weak).toEqual(other?.weak);
    for (let at = 0; at < 8 * STRONG_BYTES; at += STRONG_BYTES)
      expect(one?.strong.subarray(at, at + STRONG_BYTES)).not.toEqual(other?.strong.subarray(at, at + STRONG_BYTES));
  });

  it('is not made of a file that ends too early, or is longer than it was said to be', () => {
    const short = new SignatureMaker(factsOf(noise(1000)));
    short.add(noise(500));
    expect(() => short.finish()).toThrow('it is shorter');
    expect(() => new SignatureMaker(factsOf(noise(1000))).add(noise(1001))).toThrow('it is longer');
  });

  it('of a large file has blocks that grow as the root of the size', () => {
    const sizes = [0, 1, MIB, 4 * MIB, 16 * MIB, 64 * MIB, 1024 * MIB];
    expect(sizes.map(blockBytesFor)).toEqual([128, 128, 128, 256, 512, 1024, 4096]);
  });

  it('of which a bit is wrong is refused, and so are any other bytes', () => {
    const bytes = encodeSignature(signatureOf(noise(3000)));
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
        const wrong = Buffer.from(bytes);
        wrong[at] = (wrong[at] ?? 0) ^ (1 << bit);
        expect(() => decodeSignature(wrong)).toThrow(expect.objectContaining({ name: 'IndexError' }) as Error);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (wrong) => {
        expect(() => decodeSignature(wrong)).toThrow(expect.objectContaining({ name: 'IndexError' }) as Error);
      }),
    );
  });
});

function thueMorse(length: number): Buffer {
  const parity = (value: number): number => (value.toString(2).split('1').length - 1) % 2;
  return Buffer.from(Array.from({ length }, (_, i) => 97 + parity(i)));
}

/** Checks that the delta makes `wanted`, and gives what it takes. */
function deltaOf(old: Buffer, wanted: Buffer, pieces: readonly number[] = [MIB]): { literal: number; ops: Op[] } {
  const ops: Op[] = [];
  const maker = new DeltaMaker(signatureOf(old), (op) => void ops.push(op));
  for (let at = 0, i = 0; at < wanted.length; i++) {
    const length = Math.max(1, pieces[i % pieces.length] ?? 1);
    // Whatever becomes of a piece afterwards.
    const piece = Buffer.from(wanted.subarray(at, at + length));
    maker.add(piece);
    piece.fill(0);
    at += length;
  }
  maker.finish();
  const made = ops.map((op) => (op instanceof Uint8Array ? op : old.subarray(op.offset, op.offset + op.length)));
  expect(Buffer.concat(made).equals(wanted)).toBe(true);
  const literal = ops.reduce((sum, op) => sum + (op instanceof Uint8Array ? op.length : 0), 0);
  return { literal, ops };
}

function factsOf(file: Buffer): Pick<Signature, 'digest' | 'size' | 'salt'> {
  return { digest: hash('sha256', file), size: file.length, salt: Buffer.alloc(SALT_BYTES, 's') };
}

function signatureOf(file: Buffer, step = MIB): Signature {
  const maker = new SignatureMaker(factsOf(file));
  for (let at = 0; at < file.length; at += step) maker.add(file.subarray(at, at + step));
  return maker.finish();
}

function spliced(file: Buffer, at: number, gone: number, text: Uint8Array): Buffer {
  return Buffer.concat([file.subarray(0, at), text, file.subarray(at + gone)]);
}
