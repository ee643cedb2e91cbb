import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Batch } from '../src/core/settle.js';
import { Pulse } from '../src/daemon/pulse.js';

const TIMES = { settleMs: 100, maxWaitMs: 2000 };

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

interface Heard {
  readonly pulse: Pulse;
  readonly batches: Batch[];
  /** Each place that was told to be quiet, with the time. */
  readonly quiet: Map<string, number>;
}

function listen(): Heard {
  const batches: Batch[] = [];
  const quiet = new Map<string, number>();
  const started = performance.now();
  const pulse = new Pulse(['/site'], TIMES, {
    onQuiet: (places) => {
      for (const place of places) if (!quiet.has(place)) quiet.set(place, performance.now() - started);
    },
    onBatch: (batch) => {
      batches.push(batch);
      pulse.goOn();
    },
  });
  return { pulse, batches, quiet };
}

describe('a pulse', () => {
  test('gives a batch when nothing was heard for the settle time, and not before', () => {
    const { pulse, batches } = listen();
    pulse.note(['/site/a']);
    vi.advanceTimersByTime(60);
    pulse.note(['/site/b']);
    vi.advanceTimersByTime(99);
    expect(batches).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(batches).toMatchObject([{ places: ['/site/a', '/site/b'] }]);
    vi.advanceTimersByTime(10_000);
    expect(batches).toHaveLength(1);
  });

  test('gives what never comes to rest after the longest wait, and what was touched since when that rests', () => {
    const { pulse, batches } = listen();
    for (let at = 0; at < 50; at++) {
      pulse.note([`/site/log${at}`]);
      vi.advanceTimersByTime(50);
    }
    vi.advanceTimersByTime(1000);
    expect(batches.map(({ places }) => places.length)).toEqual([40, 10]);
  });

  test('tells of each place that is quiet well before its batch, whenever it was noted', () => {
    const { pulse, batches, quiet } = listen();
    pulse.note(['/site/a']);
    vi.advanceTimersByTime(15);
    pulse.note(['/site/b']);
    vi.advanceTimersByTime(90);
    expect(batches).toEqual([]);
    expect([...quiet.keys()]).toEqual(['/site/a', '/site/b']);
    expect(quiet.get('/site/b')).toBeLessThan(75);
  });

  test('gives nothing while it is paused, and all of it soon after', () => {
    const { pulse, batches } = listen();
    pulse.note(['/site/a']);
    pulse.pause();
    pulse.note(['/site/b']);
    vi.advanceTimersByTime(10_000);
    expect([batches, pulse.size]).toEqual([[], 2]);
    pulse.resume();
    vi.advanceTimersByTime(1);
    expect(batches).toMatchObject([{ places: ['/site/a', '/site/b'] }]);
  });

  test('costs two timers, however much is noted', () => {
    const { pulse } = listen();
    for (let at = 0; at < 1000; at++) pulse.note([`/site/${at}`]);
    expect(vi.getTimerCount()).toBe(2);
    pulse.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
