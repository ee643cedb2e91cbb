/** A tree that somebody else made: how many of its files are read at once, and what is made of what they hold. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { EntryTable } from '../src/core/entry-table.js';
import { problemsOf } from '../src/core/outcome.js';
import type { RelPath } from '../src/core/relpath.js';
import type { Snapshot } from '../src/core/snapshot.js';
import { emptyIndex } from '../src/core/target-index.js';
import { StateFolder } from '../src/fs/state.js';
import { attest, look } from '../src/push/survey.js';
import { syncTarget } from '../src/sync.js';
import { MemoryTarget } from '../src/targets/memory.js';
import type { Target } from '../src/targets/target.js';
import { Crash, crashAt } from './support/crashing-target.js';
import { makeBench, OUT_AT_ONCE, publicTree } from './support/cycle.js';
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

it('a file with other content is sent even after an interruption, though size and time fit', async () => {
  const bench = await makeBench();
  const site = { 'a.css': 'wanted', 'b.css': 'wanted as well' };
  const snapshot = await bench.plant(site);
  const scene = (): Promise<MemoryTarget> => holdingOther(snapshot);
  let runs = 0;
  const run = (target: Target): Promise<unknown> =>
    syncTarget(bench.job(target, { cache: new StateFolder(`${bench.state.path}-${++runs}`) }), async () => snapshot, {
      ...bench.options(),
      lease: OUT_AT_ONCE,
    });
  const counted = crashAt(await scene(), Number.POSITIVE_INFINITY, 'before');
  await run(counted);
  expect(counted.changes()).toBeGreaterThan(5);
  for (const moment of ['before', 'after'] as const) {
    for (let at = 1; at <= counted.changes(); at++) {
      const target = await scene();
      await run(crashAt(target, at, moment)).catch((error: unknown) => expect(error).toBeInstanceOf(Crash));
      await run(target);
      expect(await publicTree(target), `${moment} change ${at}`).toEqual(site);
    }
  }
});

it('a file with other content that was not replaced stays with whom it belongs to', async () => {
  const bench = await makeBench();
  const target = await holdingOther(await bench.plant({ 'a.css': 'wanted' }));
  const { outcomes } = await bench.publish(
    target,
    { 'a.css': 'wanted', 'b.png': 'picture' },
    {
      onEvent: (event) => {
        if (event.kind === 'plan') writeFileSync(join(bench.root(), 'a.css'), 'changed meanwhile');
      },
    },
  );
  expect(problemsOf(outcomes).map(({ code }) => code)).toEqual(['CHANGED']);
  const { index } = await bench.publish(target, { 'b.png': 'picture' });
  expect([index.entries.length, index.pending.size]).toEqual([1, 0]);
  expect(await publicTree(target)).toEqual({ 'a.css': 'xxxxxx', 'b.png': 'picture' });
});

/** A target on which other bytes lie under the names of `snapshot`, of the same size and time. */
async function holdingOther({ entries }: Snapshot): Promise<MemoryTarget> {
  const target = new MemoryTarget();
  await target.makeFolder('.pushstatic' as RelPath, 0o755);
  for (const each of entries) {
    const place = `.pushstatic/${each.path}` as RelPath;
    await target.write(place, () => Buffer.alloc(each.size, 'x'), each);
    await target.rename(place, each.path);
  }
  return target;
}
