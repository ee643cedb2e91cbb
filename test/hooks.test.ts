/** When the hook runs, and what it is told, while cycles come faster than it ends. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Hooks, type Publication } from '../src/daemon/hooks.js';
import { StateFolder } from '../src/fs/state.js';
import { temporaryFolder } from './support/tree.js';

async function stateFolder(): Promise<StateFolder> {
  return new StateFolder(join(await temporaryFolder(), 'state'));
}

const toWeb = (paths: readonly string[], generation: number): Publication => ({
  paths,
  targets: [{ name: 'web', generation }],
});

test('what is published while a hook runs is told in one more run: each path once, each target as it is then', async () => {
  const runs: Publication[] = [];
  let finish: () => void = () => undefined;
  const hooks = new Hooks(await stateFolder(), async (published) => {
    runs.push(published);
    await new Promise<void>((resolve) => (finish = resolve));
    return true;
  });
  hooks.after({ paths: ['a.css'], targets: [{ name: 'web', generation: 1 }] });
  await expect.poll(() => runs.length).toBe(1);
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
  const hooks = new Hooks(await stateFolder(), async (published) => runs.push(published) > 0);
  for (const path of ['a', 'b']) {
    hooks.after({ paths: [path], targets: [] });
    await hooks.end();
  }
  expect(runs.map(({ paths }) => paths)).toEqual([['a'], ['b']]);
});

test('what could not be told is told again, after the next run that goes well', async () => {
  const runs: Publication[] = [];
  const hooks = new Hooks(await stateFolder(), async (published) => runs.push(published) > 2);
  for (const [at, path] of ['a', 'b', 'c', 'd'].entries()) {
    hooks.after(toWeb([path], at));
    await hooks.end();
  }
  expect(runs).toEqual([toWeb(['a'], 0), toWeb(['b'], 1), toWeb(['c'], 2), toWeb(['a', 'b'], 1), toWeb(['d'], 3)]);
});

test('a path that the hook always fails on keeps no other one from being told', async () => {
  const runs: string[] = [];
  const run = async ({ paths }: Publication): Promise<boolean> => {
    runs.push(paths.join());
    return !paths.includes('bad');
  };
  const hooks = new Hooks(await stateFolder(), run);
  for (const path of ['bad', 'a', 'b']) {
    hooks.after(toWeb([path], 1));
    await hooks.end();
  }
  expect(runs).toEqual(['bad', 'a', 'bad', 'b', 'bad']);
});

test('what could not be told, or was being told when it was killed, is told by the next one when it begins', async () => {
  const state = await stateFolder();
  const runs: Publication[] = [];
  const hung = new Promise<boolean>(() => undefined);
  new Hooks(state, (published) => (runs.push(published), hung)).after(toWeb(['a'], 1));
  await expect.poll(() => runs.length).toBe(1);

  for (const isTold of [false, true, true]) {
    const hooks = new Hooks(state, async (published) => (runs.push(published), isTold));
    hooks.begin();
    await hooks.end();
  }
  expect(runs).toEqual([toWeb(['a'], 1), toWeb(['a'], 1), toWeb(['a'], 1)]);
});

test("half a note of it, or a state folder that cannot be written, is in nobody's way", async () => {
  const state = await stateFolder();
  const runs: Publication[] = [];
  for (const half of ['{"paths":["a"', 'null', '{"paths":[1],"targets":[]}', '{"paths":["a"],"targets":[null]}']) {
    await state.write('untold.json', half);
    const hooks = new Hooks(state, async (published) => runs.push(published) > 1);
    hooks.begin();
    await hooks.end();
  }
  expect(runs).toEqual([]);
  await state.write('file', '');
  const closed = new Hooks(
    new StateFolder(join(state.path, 'file', 'x')),
    async (published) => runs.push(published) > 1,
  );
  for (const path of ['a', 'b']) {
    closed.after(toWeb([path], 1));
    await closed.end();
  }
  expect(runs).toEqual([toWeb(['a'], 1), toWeb(['b'], 1), toWeb(['a'], 1)]);
});
