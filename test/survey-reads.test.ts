/** A tree that somebody else made, on a target far away: how many of its files are read at once. */
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { RelPath } from '../src/core/relpath.js';
import { emptyIndex } from '../src/core/target-index.js';
import { attest, look } from '../src/push/survey.js';
import { MemoryTarget } from '../src/targets/memory.js';
import { entry } from './support/entries.js';

class CountingTarget extends MemoryTarget {
  override readonly capabilities;
  reading = 0;
  most = 0;

  constructor(roundTripMs: number) {
    super();
    this.capabilities = { ...new MemoryTarget().capabilities, roundTripMs };
  }

  override async *read(path: RelPath): AsyncGenerator<Uint8Array> {
    this.most = Math.max(this.most, ++this.reading);
    await setImmediate();
    yield* super.read(path);
    this.reading--;
  }
}

it.each([
  [0, 32],
  [50, 512],
])('at %i ms they are %i', async (roundTripMs, atOnce) => {
  const target = new CountingTarget(roundTripMs);
  const wanted = Array.from({ length: 1000 }, (_, i) => entry(`${i}.css`));
  await target.makeFolder('.pushstatic' as RelPath, 0o755);
  for (const each of wanted) {
    const place = `.pushstatic/${each.path}` as RelPath;
    await target.write(place, () => Buffer.alloc(each.size), each);
    await target.rename(place, each.path);
  }
  const sighting = await look(target, { kind: 'missing' }, 'site');
  expect(sighting.unknown.size).toBe(1000);
  await attest(target, sighting, { entries: wanted, problems: [] });
  expect(target.most).toBe(atOnce);
  expect(sighting.index).toEqual(emptyIndex('site'));
});
