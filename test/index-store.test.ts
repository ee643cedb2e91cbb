/** The index while it is written in slices: what goes wrong meanwhile is heard by whoever waits, and by nobody else. */
import { expect, it } from 'vitest';
import type { RelPath } from '../src/core/relpath.js';
import { emptyIndex } from '../src/core/target-index.js';
import { TargetError } from '../src/errors.js';
import { StateFolder } from '../src/fs/state.js';
import { HEAD, IndexStore } from '../src/push/index/store.js';
import { MemoryTarget } from '../src/targets/memory.js';
import { entry } from './support/entries.js';
import { temporaryFolder } from './support/tree.js';

const MANY = 50_000; // more than are written in one go

class BreakingTarget extends MemoryTarget {
  isBroken = false;

  override async *read(path: RelPath): AsyncGenerator<Uint8Array> {
    if (this.isBroken && path === HEAD) throw new TargetError('unreachable', 'the connection was lost');
    yield* super.read(path);
  }
}

it('a connection that breaks while very much is announced fails the announcement, and nothing else', async () => {
  const target = new BreakingTarget();
  const cache = new StateFolder(await temporaryFolder());
  const store = new IndexStore(target, { site: 'test', run: 'run', now: () => 0, cache, onWarning: () => {} });
  expect(await store.load()).toEqual({ kind: 'missing' });
  target.isBroken = true;
  const announced = Array.from({ length: MANY }, (_, at) => entry(`${at}`)).map((each) => [each.path, each] as const);
  await expect(store.begin(emptyIndex('test'), new Map(announced))).rejects.toThrow('the connection was lost');
});
