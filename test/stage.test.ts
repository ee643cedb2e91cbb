/** What staging does when all that waits comes to its end at once. */
import { describe, expect, it } from 'vitest';
import type { Entry } from '../src/core/entry.js';
import { emptyIndex } from '../src/core/target-index.js';
import { TargetError } from '../src/errors.js';
import { StateFolder } from '../src/fs/state.js';
import { IndexStore } from '../src/push/index/store.js';
import { Stage } from '../src/push/stage/stage.js';
import { throttleTo } from '../src/push/stage/throttle.js';
import { MemoryTarget } from '../src/targets/memory.js';
import { entry, path } from './support/entries.js';
import { temporaryFolder } from './support/tree.js';

/** A disk without room for files of the published tree. */
class FullTarget extends MemoryTarget {
  override async write(): Promise<number> {
    throw new TargetError('no-space', 'no space left');
  }
}

/** Each file keeps the thread busy for a moment. */
class BusyTarget extends MemoryTarget {
  override write(...file: Parameters<MemoryTarget['write']>): Promise<number> {
    const end = performance.now() + 1;
    while (performance.now() < end);
    return super.write(...file);
  }
}

const MOST_IN_A_TURN = 64;

describe('staging', () => {
  it('lets the event loop turn, however many files there are and whatever they take', async () => {
    let turns = 0;
    let isOver = false;
    const turn = (): void => {
      turns++;
      if (!isOver) setImmediate(turn);
    };
    setImmediate(turn);
    const stage = await stageOn(new BusyTarget(), { concurrency: 'auto' }, Buffer.from('xx'));
    const all = uploads(200, (at) => String.fromCharCode(0x100 + at));
    const { problems } = await stage.finish(all, emptyIndex('site'));
    isOver = true;
    expect([problems.size, stage.sentBytes]).toEqual([0, 400]);
    expect(turns).toBeGreaterThanOrEqual(Math.floor(200 / MOST_IN_A_TURN)); // between those that begin in one
  });

  for (const concurrency of [1, 7, 'auto'] as const) {
    for (const count of [2, 300, 20_000]) {
      it(`names each of ${count} files for which the disk is too full, ${concurrency} at once (F23)`, async () => {
        const stage = await stageOn(new FullTarget(), { concurrency });
        const { problems } = await stage.finish(uploads(count), emptyIndex('site'));
        expect([problems.size, stage.sentBytes]).toEqual([count, 0]);
        expect(new Set([...problems.values()].map(({ code }) => code))).toEqual(new Set(['NO_SPACE']));
      });
    }
  }

  for (const count of [1, 3, 300, 20_000]) {
    it(`of ${count} files that is interrupted before it begins, ends with that`, async () => {
      const signal = AbortSignal.abort();
      const stage = await stageOn(new MemoryTarget(), { concurrency: 'auto', signal });
      await expect(stage.finish(uploads(count), emptyIndex('site'))).rejects.toMatchObject({ name: 'AbortError' });
    });
  }
});

async function stageOn(
  target: MemoryTarget,
  options: { readonly concurrency: number | 'auto'; readonly signal?: AbortSignal },
  content = Buffer.from('x'),
): Promise<Stage> {
  const cache = new StateFolder(await temporaryFolder());
  const store = new IndexStore(target, { site: 'site', cache, run: 'run', now: () => 0 });
  const all = {
    ...options,
    fileOf: () => '/nowhere',
    contentOf: () => content,
    run: 'run',
    folderMode: 0o755,
    throttle: throttleTo(undefined),
  };
  return new Stage(target, store, all);
}

function uploads(count: number, textOf: (at: number) => string = () => 'x') {
  return Array.from({ length: count }, (_, i) => {
    const each: Entry = entry(`${i}.css`, textOf(i));
    return { kind: 'upload' as const, path: path(`${i}.css`), entry: each, old: undefined };
  });
}
