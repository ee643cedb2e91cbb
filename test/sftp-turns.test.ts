import { expect, it } from 'vitest';
import { Turns } from '../src/targets/sftp/turns.js';

const BUSY_MS = 3;

it('does what it is given in its order, in turns between which all else has one', async () => {
  const turns = new Turns();
  const done: (number | 'other')[] = [];
  const other = (): void => {
    done.push('other');
    if (done.length < 60) setImmediate(other);
  };
  setImmediate(other);
  await new Promise<void>((resolve) => {
    for (let i = 0; i < 40; i++)
      turns.take(() => {
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
  const turns = new Turns();
  let done = 0;
  for (let i = 0; i < 10; i++) turns.take(() => done++);
  expect(done).toBe(10);
});

function spin(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
