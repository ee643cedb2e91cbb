/** What staging does when all that waits comes to its end at once, and with a file that takes long. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Entry } from '../src/core/entry.js';
import { emptyIndex } from '../src/core/target-index.js';
import { TargetError } from '../src/errors.js';
import { StateFolder } from '../src/fs/state.js';
import { IndexStore } from '../src/push/index/store.js';
import { Stage, type StageOptions } from '../src/push/stage/stage.js';
import { throttleTo } from '../src/push/stage/throttle.js';
import { MemoryTarget } from '../src/targets/memory.js';
import { makeBench } from './support/cycle.js';
import { entry, path } from './support/entries.js';
import { makeGate } from './support/hooked-target.js';
import { noise } from './support/noise.js';
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

/** Counts what it takes of long files, and goes on when it is told to. */
class TakingTarget extends MemoryTarget {
  taken = 0;
  goOn: () => Promise<void> = async () => undefined;

  override async write(...[at, body, meta]: Parameters<MemoryTarget['write']>): Promise<number> {
    const content = body();
    if (content instanceof Uint8Array) return super.write(at, () => content, meta);
    for await (const piece of content) {
      this.taken += piece.length;
      await this.goOn();
    }
    return this.taken;
  }
}

const MOST_IN_A_TURN = 64;
const PIECE = 256 * 1024;
const LARGE = noise(16 * PIECE);

describe('staging', () => {
  it('lets the event loop turn, however many files there are and whatever they take', async () => {
    let turns = 0;
    let isOver = false;
    const turn = (): void => {
      turns++;
      if (!isOver) void setImmediate().then(turn);
    };
    void setImmediate().then(turn);
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

describe('a long file', () => {
  it('under way when nothing of it is wanted any more is not sent to its end', async () => {
    const target = new TakingTarget();
    const stage = await stageOn(target, { concurrency: 'auto', ...(await largeFile()) });
    let ending: Promise<void> | undefined;
    target.goOn = async () => {
      ending ??= stage.abandon();
    };
    await stage.ahead([LARGE_ENTRY], emptyIndex('site'));
    await expect.poll(() => target.taken).toBeGreaterThan(0);
    await ending;
    expect(target.taken).toBe(PIECE);
  });

  it('under way when the announcement is refused is not sent to its end', async () => {
    const [target, bench, refused] = [new TakingTarget(), await makeBench(), makeGate()];
    target.goOn = () => refused.opened.then(() => setImmediate());
    target.rename = async () => {
      refused.open();
      throw new TargetError('denied', 'no head of an index is put here');
    };
    await expect(bench.publish(target, { 'video.bin': 'x'.repeat(LARGE.length) })).rejects.toThrow('no head');
    expect(target.taken).toBe(PIECE);
  });

  it('begun by another run with other bytes is sent whole as soon as that shows', async () => {
    const target = new MemoryTarget();
    const run = path('.pushstatic/stage/left-gone.0');
    await target.makeFolder(path('.pushstatic'), 0o755);
    await target.makeFolder(path('.pushstatic/stage'), 0o755);
    await target.makeFolder(run, 0o755);
    const left = noise(8 * PIECE, 2);
    await target.write(path(`${run}/${LARGE_ENTRY.digest}.0`), () => left, { ...LARGE_ENTRY, size: left.length });
    const stage = await stageOn(target, { concurrency: 'auto', ...(await largeFile()) });
    const { problems } = await stage.finish([uploadOf(LARGE_ENTRY)], emptyIndex('site'));
    expect([problems.size, stage.sentBytes]).toEqual([0, LARGE.length]);
  });
});

const LARGE_ENTRY: Entry = {
  ...entry('video.bin'),
  size: LARGE.length,
  digest: createHash('sha256').update(LARGE).digest('hex'),
};

/** Of one that lies on the disk. */
async function largeFile() {
  const file = join(await temporaryFolder(), 'video.bin');
  await writeFile(file, LARGE);
  return { fileOf: () => file, contentOf: () => undefined };
}

async function stageOn(
  target: MemoryTarget,
  options: Partial<StageOptions> & { readonly concurrency: number | 'auto' },
  content = Buffer.from('x'),
): Promise<Stage> {
  const cache = new StateFolder(await temporaryFolder());
  const store = new IndexStore(target, { site: 'site', cache, run: 'run', now: () => 0 });
  const usual = {
    fileOf: () => '/nowhere',
    contentOf: () => content,
    folderMode: 0o755,
    throttle: throttleTo(undefined),
  };
  return new Stage(target, store, { ...usual, ...options });
}

function uploads(count: number, textOf: (at: number) => string = () => 'x') {
  return Array.from({ length: count }, (_, i) => {
    return uploadOf(entry(`${i}.css`, textOf(i)));
  });
}

function uploadOf(each: Entry) {
  return { kind: 'upload' as const, path: each.path, entry: each, old: undefined };
}
