/** Bytes that were sound once: what a broken disk, a half-written file or somebody who means harm makes of them. */
import fc from 'fast-check';

type Edit = (bytes: Uint8Array) => Uint8Array;

/** What breaks parsers: the largest numbers, nothing, the ends of texts and lines, and paths that lead out. */
const TROUBLE = [
  '\xff\xff\xff\xff\xff\xff\xff\x0f',
  '\x80\x80\x80\x80\x80\x80\x80\x01',
  '\xff\xff\xff\xff',
  '1e999',
  '-1',
  '../',
  '\n- ',
  ': ',
  '&a ',
  '!!',
  '\0',
  '"',
  '\\',
  '/',
  '{',
  '}',
  '[',
  ']',
  '|',
  '*',
  '#',
  '%',
  '~',
  '\t',
];

/** Where, as a share of the length. */
const place = fc.double({ min: 0, max: 1, noNaN: true });
const junk = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 12 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).map((text) => Buffer.from(text)),
  fc.constantFrom(...TROUBLE).map((text) => Buffer.from(text, 'latin1')),
);

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(place, junk).map(
    ([at, bytes]): Edit =>
      (whole) =>
        spliced(whole, at, 0, bytes),
  ),
  fc.tuple(place, junk).map(
    ([at, bytes]): Edit =>
      (whole) =>
        spliced(whole, at, bytes.length, bytes),
  ),
  fc.tuple(place, place).map(
    ([at, share]): Edit =>
      (whole) => {
        return spliced(whole, at, Math.ceil(share * whole.length), Buffer.alloc(0));
      },
  ),
  fc.tuple(place, place, place).map(
    ([at, from, share]): Edit =>
      (whole) => {
        const start = Math.floor(from * whole.length);
        return spliced(whole, at, 0, whole.subarray(start, start + Math.ceil((share * whole.length) / 4)));
      },
  ),
  fc.tuple(place, fc.nat(7)).map(
    ([at, bit]): Edit =>
      (whole) => {
        const flipped = Buffer.from(whole);
        const position = Math.floor(at * (whole.length - 1));
        flipped[position] = (flipped[position] ?? 0) ^ (1 << bit);
        return flipped;
      },
  ),
);

/** One of `sound`, with one to four faults in it. */
export function mutations(sound: readonly (Uint8Array | string)[]): fc.Arbitrary<Buffer> {
  const inputs: Uint8Array[] = sound.map((each) => (typeof each === 'string' ? Buffer.from(each) : each));
  return fc
    .tuple(fc.constantFrom(...inputs), fc.array(edit, { minLength: 1, maxLength: 4 }))
    .map(([bytes, edits]) => Buffer.from(edits.reduce((whole, each) => each(whole), bytes)));
}

function spliced(whole: Uint8Array, share: number, length: number, bytes: Uint8Array): Uint8Array {
  const at = Math.floor(share * whole.length);
  return Buffer.concat([whole.subarray(0, at), bytes, whole.subarray(at + length)]);
}
