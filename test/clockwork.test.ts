/** The timers of the daemon, on a clock that the test turns. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Pulse } from '../src/daemon/pulse.js';
import { Removals } from '../src/daemon/removals.js';
import { Sweeps } from '../src/daemon/sweeps.js';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] }));
afterEach(() => vi.useRealTimers());

describe('the pulse', () => {
  function pulse(isSlow = false) {
    const told: string[] = [];
    const at = (): string => `${Math.round(performance.now() - start)}`;
    const start = performance.now();
    const each = new Pulse(
      ['/s'],
      { settleMs: 100, maxWaitMs: 2000 },
      {
        onQuiet: (places) => told.push(`${at()} quiet ${places.join(' ')}`),
        onBatch: ({ places }) => {
          told.push(`${at()} batch ${places.join(' ')}`);
          if (!isSlow) each.goOn();
        },
      },
    );
    return { pulse: each, told };
  }

  test('tells what is quiet after a quarter of the settle time, and the batch after all of it', async () => {
    const { pulse: each, told } = pulse();
    each.note(['/s/a']);
    await vi.advanceTimersByTimeAsync(1000);
    expect(told.filter((line) => line.includes('batch'))).toEqual(['100 batch /s/a']);
    expect(told[0]).toBe('25 quiet /s/a');
    // It may be told again, as long as the batch is not due; what was told late is still told.
    expect(new Set(told.slice(0, -1).map((line) => line.replace(/^\d+ /, '')))).toEqual(new Set(['quiet /s/a']));
  });

  test('waits for the last of a burst, and no longer than the longest wait', async () => {
    const { pulse: each, told } = pulse();
    for (let i = 0; i < 50; i++) {
      each.note(['/s/a']);
      await vi.advanceTimersByTimeAsync(50);
    }
    await vi.advanceTimersByTimeAsync(1000);
    const batches = told.filter((line) => !line.includes('quiet'));
    expect(batches).toEqual(['2000 batch /s/a', '2550 batch /s/a']);
  });

  test('gives out no batch while the one before it is worked on, and then all at once', async () => {
    const { pulse: each, told } = pulse(true);
    each.note(['/s/a']);
    await vi.advanceTimersByTimeAsync(200);
    each.note(['/s/b']);
    await vi.advanceTimersByTimeAsync(5000);
    each.note(['/s/c']);
    await vi.advanceTimersByTimeAsync(200);
    expect(told.filter((line) => line.includes('batch'))).toEqual(['100 batch /s/a']);
    each.goOn();
    await vi.advanceTimersByTimeAsync(200);
    expect(told.at(-1)).toBe('5400 batch /s/b /s/c');
  });

  test('tells nothing in a pause, and all of it after', async () => {
    const { pulse: each, told } = pulse();
    each.note(['/s/a']);
    each.pause();
    each.note(['/s/b']);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(told).toEqual([]);
    expect(each.size).toBe(2);
    each.resume();
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual(['10000 batch /s/a /s/b']);
  });
});

describe('a pulse that was stopped', () => {
  test('notes what is touched, and begins nothing any more', async () => {
    const batches: unknown[] = [];
    const hooks = { onQuiet: () => undefined, onBatch: (batch: unknown) => void batches.push(batch) };
    const each = new Pulse(['/s'], { settleMs: 100, maxWaitMs: 2000 }, hooks);
    each.note(['/s/a']);
    each.stop();
    each.note(['/s/b']);
    each.resume();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(batches).toEqual([]);
    expect(each.size).toBe(2);
  });
});

describe('removals', () => {
  function removals() {
    const state = { isHeld: true, removedAt: [] as number[] };
    const start = performance.now();
    const each = new Removals({
      waitMs: 2000,
      hasHeld: () => state.isHeld,
      remove: async () => {
        state.removedAt.push(performance.now() - start);
        state.isHeld = false;
      },
    });
    return { removals: each, state };
  }

  test('come when it has been quiet for as long as they wait', async () => {
    const { removals: each, state } = removals();
    each.heard();
    expect(each.areDue).toBe(false);
    each.plan();
    await vi.advanceTimersByTimeAsync(1500);
    each.heard();
    each.looked(performance.now() + 1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(state.removedAt).toEqual([4000]);
  });

  test('wait for a look at what was heard since the last one: it may be back', async () => {
    const { removals: each, state } = removals();
    each.looked(performance.now());
    await vi.advanceTimersByTimeAsync(1000);
    each.heard();
    each.plan();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(state.removedAt).toEqual([]);
    each.looked(performance.now());
    await vi.advanceTimersByTimeAsync(2000);
    expect(state.removedAt).toEqual([23_000]);
  });

  test('do not come at once after a pause, however long that was', async () => {
    const { removals: each, state } = removals();
    each.looked(performance.now());
    each.plan();
    each.heard();
    await vi.advanceTimersByTimeAsync(59_000);
    each.resume();
    await vi.advanceTimersByTimeAsync(59_000);
    expect([each.areDue, state.removedAt]).toEqual([false, []]);
    await vi.advanceTimersByTimeAsync(2000);
    expect(state.removedAt).toEqual([120_000]);
  });

  test('come under change without end, too', async () => {
    const { removals: each, state } = removals();
    each.plan();
    for (let second = 0; second < 90; second++) {
      each.heard();
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(state.removedAt).toEqual([60_000]);
  });

  test.each([3, 40])('come when it has been quiet after it stood still itself, for %i times as long', async (times) => {
    vi.useRealTimers();
    let isHeld = true;
    let removedAt = Number.NEGATIVE_INFINITY;
    const waitMs = 50;
    const remove = async (): Promise<void> => {
      removedAt = performance.now();
      isHeld = false;
    };
    new Removals({ waitMs, hasHeld: () => isHeld, remove }).plan();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, times * waitMs);
    // What happened meanwhile it has not heard yet.
    const wokeAt = performance.now();
    await expect.poll(() => isHeld).toBe(false);
    expect(removedAt - wokeAt).toBeGreaterThanOrEqual(waitMs - 1);
  });

  test('do not come once it was stopped', async () => {
    const { removals: each, state } = removals();
    each.plan();
    each.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(state.removedAt).toEqual([]);
  });
});

describe('sweeps', () => {
  function sweeps(costMs: number) {
    const at: number[] = [];
    const start = performance.now();
    const each = new Sweeps({
      intervalMs: 60_000,
      costMs: () => costMs,
      sweep: async () => {
        at.push(performance.now() - start);
        return true;
      },
    });
    return { sweeps: each, at };
  }

  test('come at the interval', async () => {
    const { sweeps: each, at } = sweeps(20);
    each.start();
    await vi.advanceTimersByTimeAsync(200_000);
    expect(at).toEqual([60_000, 120_000, 180_000]);
    expect(each.count).toBe(3);
  });

  test('come more seldom where one takes long, so that they stay below half a percent of the time', async () => {
    const { sweeps: each, at } = sweeps(1000);
    each.start();
    await vi.advanceTimersByTimeAsync(1_000_000);
    expect(at).toEqual([400_000, 800_000]);
  });

  test('are judged by the quickest of the last ones, for a slow one met a busy machine', async () => {
    const costs = [2000, 20, 500, 500, 500, 500, 500, 500];
    const at: number[] = [];
    const start = performance.now();
    const each = new Sweeps({
      intervalMs: 60_000,
      costMs: () => costs[at.length] ?? 500,
      sweep: async () => {
        at.push(performance.now() - start);
        return true;
      },
    });
    each.start();
    await vi.advanceTimersByTimeAsync(1_400_000);
    expect(at).toEqual([800_000, 860_000, 920_000, 980_000, 1_040_000, 1_100_000, 1_300_000]);
  });

  test('come soon after a doubt, once for many doubts', async () => {
    const { sweeps: each, at } = sweeps(20);
    each.start();
    await vi.advanceTimersByTimeAsync(10_000);
    for (let i = 0; i < 100; i++) each.soon();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(at).toEqual([11_000]);
  });

  test('go on after one that failed', async () => {
    const sweep = vi.fn(() => Promise.reject(new Error('no')));
    new Sweeps({ intervalMs: 1000, costMs: () => 0, sweep }).start();
    await vi.advanceTimersByTimeAsync(3500);
    expect(sweep).toHaveBeenCalledTimes(3);
  });

  test('count only where something was looked at', async () => {
    const looked = [false, true, false];
    const each = new Sweeps({ intervalMs: 1000, costMs: () => 0, sweep: async () => looked.shift() ?? false });
    each.start();
    await vi.advanceTimersByTimeAsync(3500);
    expect([each.count, each.lastAt]).toEqual([1, Date.now() - 1500]);
  });
});
