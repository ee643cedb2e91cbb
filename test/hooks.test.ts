/** When the hook runs, and what it is told, while cycles come faster than it ends. */
import { expect, test } from 'vitest';
import { Hooks, type Publication } from '../src/daemon/hooks.js';

test('what is published while a hook runs is told in one more run: each path once, each target as it is then', async () => {
  const runs: Publication[] = [];
  let finish: () => void = () => undefined;
  const hooks = new Hooks(async (published) => {
    runs.push(published);
    await new Promise<void>((resolve) => (finish = resolve));
  });
  hooks.after({ paths: ['a.css'], targets: [{ name: 'web', generation: 1 }] });
  for (let generation = 2; generation <= 100; generation++)
    hooks.after({ paths: ['a.css', 'b.css'], targets: [{ name: 'web', generation }] });
  hooks.after({ paths: ['c.css'], targets: [{ name: 'other', generation: 7 }] });
  const ended = hooks.end();
  finish();
  await expect.poll(() => runs.length).toBe(2);
  finish();
  await ended;
  expect(runs).toEqual([
    { paths: ['a.css'], targets: [{ name: 'web', generation: 1 }] },
    {
      paths: ['a.css', 'b.css', 'c.css'],
      targets: [
        { name: 'web', generation: 100 },
        { name: 'other', generation: 7 },
      ],
    },
  ]);
});

test('each publication has a run of its own where the hook is done before the next', async () => {
  const runs: Publication[] = [];
  const hooks = new Hooks(async (published) => void runs.push(published));
  for (const path of ['a', 'b']) {
    hooks.after({ paths: [path], targets: [] });
    await hooks.end();
  }
  expect(runs.map(({ paths }) => paths)).toEqual([['a'], ['b']]);
});
