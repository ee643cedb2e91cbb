import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ContentPacker, Contents, type Slab } from '../src/collect/thread/contents.js';
import { digest } from './support/entries.js';

it('gives back each small content by its digest, the empty one included', () => {
  const { keep, contents } = packed();
  const texts = ['', 'one', 'two', 'x'.repeat(64 * 1024)];
  for (const text of texts) keep(text);
  expect(texts.map((text) => textOf(contents(), text))).toEqual(texts);
  expect(textOf(contents(), 'never read')).toBeUndefined();
});

it('copies what it keeps, since the bytes are only good until the next file is read', () => {
  const slabs: Slab[] = [];
  const packer = new ContentPacker((slab) => slabs.push(slab));
  const scratch = Buffer.from('first');
  packer.keep(digest('first'), scratch);
  scratch.fill('?');
  packer.finish();
  expect(textOf(contentsOf(slabs), 'first')).toBe('first');
});

it('keeps no large file, and no content twice', () => {
  const { keep, contents, slabs } = packed();
  keep('y'.repeat(64 * 1024 + 1));
  for (let i = 0; i < 3; i++) keep('same');
  expect(textOf(contents(), 'y'.repeat(64 * 1024 + 1))).toBeUndefined();
  expect(slabs.flatMap((slab) => slab.digests)).toEqual([digest('same')]);
});

it('is bounded: what does not fit is left to be read again', () => {
  const { keep, contents, slabs } = packed();
  const texts = Array.from({ length: 500 }, (_, i) => String(i).padEnd(64 * 1024, '.'));
  for (const text of texts) keep(text);
  const found = texts.filter((text) => textOf(contents(), text) === text);
  expect(found).toEqual(texts.slice(0, 480)); // 30 MiB
  expect(slabs.every((slab) => slab.bytes.byteLength === 320 * 1024)).toBe(true);
});

it('keeps a little more than what it has begun where memory is dear', () => {
  const slabs: Slab[] = [];
  const packer = new ContentPacker((slab) => slabs.push(slab));
  const texts = Array.from({ length: 100 }, (_, i) => String(i).padEnd(64 * 1024, '.'));
  packer.keep(digest(texts[0] ?? ''), Buffer.from(texts[0] ?? ''));
  packer.keepLess();
  for (const text of texts.slice(1)) packer.keep(digest(text), Buffer.from(text));
  packer.finish();
  expect(slabs.flatMap(({ digests }) => digests)).toHaveLength(5 + 8 * 5);
});

it('gives back a slab when everything was taken out of it, and its last bytes were used', async () => {
  const freed: ArrayBuffer[] = [];
  const contents = new Contents((bytes) => freed.push(bytes));
  const slabs: Slab[] = [];
  const packer = new ContentPacker((slab) => slabs.push(slab));
  for (const text of ['one', 'two']) packer.keep(digest(text), Buffer.from(text));
  packer.finish();
  for (const slab of slabs) contents.add(slab);
  expect(String(contents.take(digest('one')))).toBe('one');
  expect(contents.take(digest('one'))).toBeUndefined();
  await setImmediate();
  expect(freed).toEqual([]);
  expect(String(contents.take(digest('two')))).toBe('two');
  expect(freed).toEqual([]);
  await setImmediate();
  expect(freed).toEqual(slabs.map((slab) => slab.bytes));
});

it('keeps more when a slab comes back, in that slab', () => {
  const slabs: Slab[] = [];
  const packer = new ContentPacker((slab) => slabs.push(slab));
  const texts = Array.from({ length: 500 }, (_, i) => String(i).padEnd(64 * 1024, '.'));
  for (const text of texts) packer.keep(digest(text), Buffer.from(text));
  const [first] = slabs;
  packer.refill(first?.bytes ?? new ArrayBuffer());
  packer.keep(digest('late'), Buffer.from('late'));
  packer.finish();
  expect(textOf(contentsOf(slabs.slice(1)), 'late')).toBe('late');
  expect(slabs.at(-1)?.bytes).toBe(first?.bytes);
  expect(textOf(contentsOf(slabs.slice(1)), texts[499] ?? '')).toBeUndefined();
});

it('gives back every content, whatever their sizes and the turns in which they come and go', async () => {
  const size = fc.oneof(fc.constant(0), fc.nat(50), fc.nat(64 * 1024));
  const step = fc.oneof(size, fc.constant('finish' as const), fc.constant('take' as const));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const contents = new Contents((bytes) => packer.refill(bytes));
      const packer = new ContentPacker((slab) => contents.add(slab));
      const kept: string[] = [];
      const takeAll = async (): Promise<void> => {
        packer.finish();
        for (const text of kept.splice(0)) {
          const bytes = contents.take(digest(text));
          expect(bytes === undefined ? undefined : Buffer.from(bytes).toString()).toBe(text);
        }
        await setImmediate();
      };
      for (const [i, each] of steps.entries()) {
        if (each === 'finish') packer.finish();
        else if (each === 'take') await takeAll();
        else {
          const text = each === 0 ? '' : String(i).padEnd(each, '.');
          if (text !== '' || !seenEmpty(steps, i)) kept.push(text);
          packer.keep(digest(text), Buffer.from(text));
        }
      }
      await takeAll();
    }),
  );
});

/** Whether the empty content came before step `i`: no content is kept twice. */
function seenEmpty(steps: readonly unknown[], i: number): boolean {
  return steps.indexOf(0) < i;
}

function packed(): { keep: (text: string) => void; contents: () => Contents; slabs: Slab[] } {
  const slabs: Slab[] = [];
  const packer = new ContentPacker((slab) => slabs.push(slab));
  return {
    slabs,
    keep: (text) => packer.keep(digest(text), Buffer.from(text)),
    contents: () => {
      packer.finish();
      return contentsOf(slabs);
    },
  };
}

function contentsOf(slabs: readonly Slab[]): Contents {
  const contents = new Contents();
  for (const slab of slabs) contents.add(slab);
  return contents;
}

function textOf(contents: Contents, text: string): string | undefined {
  const bytes = contents.of(digest(text));
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
}
