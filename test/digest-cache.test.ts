import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { DigestCache } from '../src/collect/digest-cache.js';
import type { CachedDigest } from '../src/core/digest-cache-codec.js';
import { Pacer } from '../src/fs/pace.js';
import { StateFolder } from '../src/fs/state.js';
import { temporaryFolder } from './support/tree.js';

const NAMES = ['a', 'a-b', 'a/b', 'a/c', 'b', 'b/ä', 'b/🎈', 'b/\ufb01', 'z'];

const name = fc.constantFrom(...NAMES);
const known = fc
  .nat({ max: 4 })
  .map((at): CachedDigest => ({ stamp: `s${at}`, digest: `${at}`.repeat(64), mtime: at }));
const step = fc.oneof(
  fc.record({ do: fc.constant('set' as const), name, known }),
  fc.record({ do: fc.constant('delete' as const), name }),
  fc.record({
    do: fc.constant('retain' as const),
    found: fc.subarray(NAMES),
    unknown: fc.subarray(NAMES, { maxLength: 1 }),
  }),
  fc.record({ do: fc.constant('save' as const) }),
  fc.record({ do: fc.constant('load' as const) }),
);

test('a cache knows what it was told, and after it is loaded what was saved', async () => {
  const folder = await temporaryFolder();
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const state = new StateFolder(join(folder, `${runs++}`));
      let cache = await DigestCache.load(state, 'root', new Pacer());
      let [model, saved] = [new Map<string, CachedDigest>(), new Map<string, CachedDigest>()];
      for (const each of steps) {
        if (each.do === 'set') {
          cache.set(each.name, each.known);
          model.set(each.name, each.known);
        } else if (each.do === 'delete') {
          cache.delete(each.name);
          model.delete(each.name);
        } else if (each.do === 'retain') {
          const isKept = (path: string): boolean =>
            each.found.includes(path) || each.unknown.some((place) => path === place || path.startsWith(`${place}/`));
          const gone = [...model.keys()].filter((path) => model.size > each.found.length && !isKept(path));
          for (const path of gone) model.delete(path);
          expect(
            cache.retain(
              each.found.map((path) => ({ path })),
              each.unknown.map((path) => ({ path })),
            ),
          ).toBe(gone.length);
        } else if (each.do === 'save') {
          await cache.save(new Pacer());
          saved = new Map(model);
        } else {
          cache = await DigestCache.load(state, 'root', new Pacer());
          model = new Map(saved);
        }
        expect(cache.size).toBe(model.size);
        for (const path of NAMES) expect(cache.get(path)).toEqual(model.get(path));
      }
    }),
    { numRuns: 150 },
  );
});

test('a cache that is told very much in order knows all of it, and what becomes of it', async () => {
  const state = new StateFolder(await temporaryFolder());
  const cache = await DigestCache.load(state, 'root', new Pacer());
  const model = new Map<string, CachedDigest>();
  const tell = (path: string, at: number): void => {
    const entry = { stamp: `s${at}`, digest: `${at % 10}`.repeat(64), mtime: at };
    cache.set(path, entry);
    model.set(path, entry);
  };
  const forget = (path: string): void => {
    cache.delete(path);
    model.delete(path);
  };
  for (let at = 0; at < 55_000; at++) tell(`file-${100_000 + at}`, at);
  for (const at of [1, 1023, 1024, 2500, 54_999]) forget(`file-${100_000 + at}`);
  tell('file-0', 1); // before all others
  tell('file-102000', 7); // anew
  tell('file-102500', 8); // which was forgotten
  for (let at = 55_000; at < 60_000; at++) tell(`file-${100_000 + at}`, at);
  expect(cache.size).toBe(model.size);
  const names = [...model.keys(), 'file-100001', 'file-154999', 'file-1', 'z'];
  const knownBy = (of: DigestCache, asked: readonly string[]) => asked.map((path) => of.get(path));
  for (const asked of [names, names.toReversed()])
    expect(knownBy(cache, asked)).toEqual(asked.map((path) => model.get(path)));
  await cache.save(new Pacer());
  const loaded = await DigestCache.load(state, 'root', new Pacer());
  expect(loaded.size).toBe(model.size);
  expect(knownBy(loaded, names)).toEqual(names.map((path) => model.get(path)));
});

test('a cache forgets what nobody has asked for, but for what is unknown', async () => {
  const state = new StateFolder(await temporaryFolder());
  const before = await DigestCache.load(state, 'root', new Pacer());
  const entry = { stamp: 's', digest: 'a'.repeat(64), mtime: 1 };
  for (const path of NAMES) before.set(path, entry);
  expect(before.retainAsked([])).toBe(0); // all of it is new
  await before.save(new Pacer());
  const cache = await DigestCache.load(state, 'root', new Pacer());
  for (const path of ['a', 'z', 'neither']) cache.get(path);
  cache.set('a-b', entry);
  cache.set('c', entry);
  expect(cache.retainAsked([{ path: 'b' }])).toBe(2);
  const left = NAMES.filter((path) => path !== 'a/b' && path !== 'a/c');
  expect([...NAMES, 'c'].filter((path) => cache.get(path) !== undefined)).toEqual([...left, 'c']);
  expect(cache.size).toBe(left.length + 1);
});

test('what a cache knew is not told where it is damaged, although it is the one that is meant', async () => {
  const state = new StateFolder(await temporaryFolder());
  const cache = await DigestCache.load(state, 'root', new Pacer());
  cache.set('a', { stamp: 's', digest: 'a'.repeat(64), mtime: 1 });
  await cache.save(new Pacer());
  const seal = await DigestCache.sealOf(state, 'root');
  expect(await DigestCache.pathsIn(state, 'root', seal)).toEqual(['a']);
  const bytes = Buffer.from((await state.read('root')) ?? []);
  bytes.writeUInt8(bytes.readUInt8(10) ^ 1, 10);
  await state.write('root', bytes);
  expect(await DigestCache.sealOf(state, 'root')).toBe(seal);
  expect(await DigestCache.pathsIn(state, 'root', seal)).toBeUndefined();
  expect((await DigestCache.load(state, 'root', new Pacer())).size).toBe(0);
});
