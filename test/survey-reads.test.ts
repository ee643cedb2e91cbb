/** A tree that somebody else made, on a target far away: how many of its files are read at once. */
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { EntryTable } from '../src/core/entry-table.js';
import type { RelPath } from '../src/core/relpath.js';
import { emptyIndex } from '../src/core/target-index.js';
import { attest, look } from '../src/push/survey.js';
import { MemoryTarget } from '../src/targets/memory.js';
import { entry } from './support/entries.js';

const ANSWER_TURNS = 20; // of the event loop: more than those in which 512 are begun, 32 in each at least

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
    for (let turn = 0; turn < ANSWER_TURNS; turn++) await setImmediate();
    yield* super.read(path);
    this.reading--;
  }
}

it.each([
  ['at 0 ms 32', { roundTripMs: 0, size: 1, atOnce: 32 }],
  ['at 50 ms 512', { roundTripMs: 50, size: 1, atOnce: 512 }],
  ['large ones no more than 32 MiB', { roundTripMs: 50, size: 1024 * 1024, atOnce: 32 }],
])('%s', async (_, { roundTripMs, size, atOnce }) => {
  const target = new CountingTarget(roundTripMs);
  const content = Buffer.alloc(size);
  const wanted = Array.from({ length: 600 }, (_unused, i) => ({ ...entry(`${i}.css`), size }));
  await target.makeFolder('.pushstatic' as RelPath, 0o755);
  for (const each of wanted) {
    const place = `.pushstatic/${each.path}` as RelPath;
    await target.write(place, () => content, each);
    await target.rename(place, each.path);
  }
  const sighting = await look(target, { kind: 'missing' }, 'site');
  expect(sighting.unknown.size).toBe(600);
  await attest(target, sighting, { entries: EntryTable.listing(wanted), problems: [] });
  expect(target.most).toBe(atOnce);
  expect(sighting.index).toEqual(emptyIndex('site'));
});
