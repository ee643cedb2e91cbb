import { setImmediate as later } from 'node:timers/promises';
import { beforeEach, expect, it } from 'vitest';
import { loopTurn } from '../src/fs/loop-turn.js';

const BUSY_MS = 3;

beforeEach(() => later()); // a turn in which nothing was done yet

it('does what it is given in its order, in turns between which all else has one', async () => {
  const done: (number | 'other')[] = [];
  const other = (): void => {
    done.push('other');
    if (done.length < 60) setImmediate(other);
  };
  setImmediate(other);
  await new Promise<void>((resolve) => {
    for (let i = 0; i < 40; i++)
      loopTurn.take(() => {
        spin(BUSY_MS);
        done.push(i);
        if (i === 39) resolve();
      });
  });
  expect(done.filter((each) => each !== 'other')).toEqual(Array.from({ length: 40 }, (_, i) => i));
  const others = done.slice(0, done.lastIndexOf(39)).filter((each) => each === 'other').length;
  expect(others).toBeGreaterThan(4);
});

it('does at once what is little', () => {
  let done = 0;
  for (let i = 0; i < 10; i++) loopTurn.take(() => done++);
  expect(done).toBe(10);
});

it('lets one go on in each turn of those that wait for their next one', async () => {
  const turns: string[][] = [[]];
  const count = (): void => {
    turns.push([]);
    if (turns.length < 10) setImmediate(count);
  };
  setImmediate(count);
  const working = async (name: string): Promise<void> => {
    for (let step = 0; step < 2; step++) {
      await loopTurn.next();
      turns.at(-1)?.push(name);
    }
  };
  await Promise.all(['a', 'b', 'c'].map(working));
  expect(turns.filter((names) => names.length > 0)).toEqual([['a'], ['b'], ['c'], ['a'], ['b'], ['c']]);
});

it('counts what one does as time of all others', () => {
  loopTurn.take(() => spin(BUSY_MS));
  expect(loopTurn.workedMs).toBeGreaterThanOrEqual(BUSY_MS);
});

function spin(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
