import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { makePlan } from '../src/core/plan.js';
import { atOnce } from '../src/core/work.js';
import { LockedError } from '../src/errors.js';
import { PublicFolders } from '../src/push/publish/public-folders.js';
import { publish } from '../src/push/publish/publish.js';
import type { Staged } from '../src/push/stage/stage.js';
import { openLocal } from '../src/targets/local.js';
import { MemoryTarget } from '../src/targets/memory.js';
import { makeBench, publicTree } from './support/cycle.js';
import { entry, path } from './support/entries.js';
import { hooked } from './support/hooked-target.js';
import { temporaryFolder } from './support/tree.js';

const NOTHING_STAGED: Staged = {
  placeOf: () => undefined,
  wayOf: () => 'uploaded',
  folders: new Map(),
  problems: new Map(),
};

it('leaves what is to be cleared away where what comes in its place does not come', async () => {
  const bench = await makeBench();
  const target = new MemoryTarget();
  await bench.publish(target, { vendor: 'a file', 'other.png': 'old' });
  const plan = makePlan(
    [
      { kind: 'added', path: path('new.png'), entry: entry('new.png') },
      { kind: 'removed', path: path('vendor'), old: entry('vendor') },
      { kind: 'added', path: path('vendor/a.png'), entry: entry('vendor/a.png') },
    ],
    'delete',
  );
  const folders = atOnce(PublicFolders.of(plan.groups, target, 0o755));
  const problem = { path: 'vendor/a.png', step: 'stage', code: 'CHANGED', message: 'it changed' } as const;
  const staged = { ...NOTHING_STAGED, problems: new Map([[path('vendor/a.png'), problem]]) };
  const { outcomes, stop } = await publish(plan.groups, staged, folders, target, {});
  expect(await publicTree(target)).toEqual({ vendor: 'a file', 'other.png': 'old' });
  expect(stop).toEqual({ group: 'clear', problem });
  expect(outcomes.map((outcome) => outcome.kind !== 'done' && `${outcome.problem.code} ${outcome.step.path}`)).toEqual([
    'HELD_BACK vendor',
    'HELD_BACK new.png',
    'CHANGED vendor/a.png',
  ]);
});

it('removes nothing more once another run has taken over, however much of the group is left', async () => {
  const bench = await makeBench();
  const target = new MemoryTarget();
  const names = Array.from({ length: 2000 }, (_, i) => `${String(i).padStart(4, '0')}.png`);
  await bench.publish(target, Object.fromEntries(names.map((name) => [name, name])));
  const plan = makePlan(
    names.map((name) => ({ kind: 'removed', path: path(name), old: entry(name) })),
    'delete',
  );
  const folders = atOnce(PublicFolders.of(plan.groups, target, 0o755));
  let asked = 0;
  const mayGoOn = async (): Promise<void> => {
    if (++asked > 500) throw new LockedError('another run has taken over');
  };
  await expect(publish(plan.groups, NOTHING_STAGED, folders, target, { mayGoOn })).rejects.toBeInstanceOf(LockedError);
  expect(Object.keys(await publicTree(target)).length).toBeGreaterThanOrEqual(1500);
});

it('takes a group of two hundred thousand steps (F56)', async () => {
  const names = Array.from({ length: 200_000 }, (_, i) => path(`${i}.svg`));
  const plan = makePlan(
    names.map((each) => ({ kind: 'removed', path: each, old: undefined })),
    'delete',
  );
  const target = new MemoryTarget();
  const folders = atOnce(PublicFolders.of(plan.groups, target, 0o755));
  const { outcomes } = await publish(plan.groups, NOTHING_STAGED, folders, target, {});
  expect(outcomes.length).toBe(200_000);
  expect(outcomes.every((outcome) => outcome.kind === 'done')).toBe(true);
});

it.each([
  ['before', 'set'],
  ['after', 'set'],
  ['after', 'set/of/icons'],
] as const)(
  'removes nothing through a link that took the place of a folder %s another file was published (F27): from %s',
  async (moment, removedFrom) => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const bench = await makeBench();
    const folder = await temporaryFolder();
    const [root, elsewhere] = [join(folder, 'served'), join(folder, 'elsewhere')];
    const names = Array.from({ length: 50 }, (_, i) => `${i}.png`);
    const there = join(elsewhere, removedFrom.slice('set'.length));
    mkdirSync(there, { recursive: true });
    for (const name of names) writeFileSync(join(there, name), 'of somebody else');
    const target = await openLocal({ url: `file://${root}`, root, control: join(root, '.pushstatic') });
    await bench.publish(target, {
      'page.html': 'old',
      ...Object.fromEntries(names.map((name) => [`${removedFrom}/${name}`, name])),
    });
    const swap = (kind: string, [, to]: readonly unknown[]): void => {
      if (kind !== 'rename' || to !== 'page.html') return;
      renameSync(join(root, 'set'), join(folder, 'away'));
      symlinkSync(elsewhere, join(root, 'set'));
      vi.advanceTimersByTime(1000);
    };
    const nothing = (): void => undefined;
    const spied = moment === 'before' ? hooked(target, swap) : hooked(target, nothing, swap);
    const { outcomes } = await bench.publish(spied, { 'page.html': 'new' });
    expect(outcomes.filter(({ kind }) => kind === 'done').map(({ step }) => step.path)).toEqual(['page.html']);
    expect(await readdir(there)).toHaveLength(names.length);
  },
);

it('looks at a folder again only while something is published into it', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const FOLDERS = 2000;
  let looks = 0;
  const takeTime = (kind: string): void => {
    if (kind === 'stat') looks++;
    if (kind === 'rename') vi.advanceTimersByTime(1);
  };
  const each = (text: string) =>
    Object.fromEntries(Array.from({ length: FOLDERS }, (_, i) => [`all/${i}/page.html`, text]));
  const bench = await makeBench();
  const target = hooked(new MemoryTarget(), takeTime);
  await bench.publish(target, each('old'));
  looks = 0;
  const { outcomes } = await bench.publish(target, each('new'));
  expect(outcomes.filter(({ kind }) => kind === 'done')).toHaveLength(FOLDERS);
  expect(looks).toBeGreaterThan(FOLDERS);
  expect(looks).toBeLessThan(3 * FOLDERS);
});

it('looks at a folder as often as it is due, however many files are published into it at once', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  let looks = 0;
  let renames = 0;
  const takeTime = (kind: string, [at]: readonly unknown[]): void => {
    if (kind === 'stat' && at === 'all/set') looks++;
    if (kind === 'rename' && ++renames % 10 === 0) vi.advanceTimersByTime(1);
  };
  const each = (text: string) =>
    Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`all/set/${i}.html`, text]));
  const bench = await makeBench();
  const target = hooked(new MemoryTarget(), takeTime);
  await bench.publish(target, each('old'));
  [looks, renames] = [0, 0];
  await bench.publish(target, each('new'));
  expect(looks).toBeGreaterThan(5); // of 200 ms, 20 of which a look is good for
  expect(looks).toBeLessThan(30);
});

it('takes a folder that it has just moved or made for one, and looks at none of them again', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const memory = new MemoryTarget();
  const put = async (place: string): Promise<void> => {
    await memory.write(path('.pushstatic/file'), () => Buffer.from('x'), { size: 1, mtime: 0, mode: 0o644 });
    await memory.rename(path('.pushstatic/file'), path(place));
  };
  for (const folder of ['.pushstatic', '.pushstatic/moved']) await memory.makeFolder(path(folder), 0o755);
  for (const place of ['.pushstatic/moved/a.png', '.pushstatic/b.png']) await put(place);
  const looks: string[] = [];
  const target = hooked(memory, (kind, [place]) => {
    if (kind === 'stat') looks.push(String(place));
    if (kind === 'stat' || kind === 'moveFolder' || kind === 'makeFolder') vi.advanceTimersByTime(25);
  });
  const plan = makePlan(
    ['moved/a.png', 'made/b.png'].map((each) => ({ kind: 'added', path: path(each), entry: entry(each) })),
    'delete',
  );
  const folders = atOnce(PublicFolders.of(plan.groups, target, 0o755));
  await folders.look();
  expect(looks.splice(0).toSorted()).toEqual(['made', 'moved']);
  vi.advanceTimersByTime(60_000); // staging took its time
  const places = new Map([
    ['moved/a.png', path('.pushstatic/moved/a.png')],
    ['made/b.png', path('.pushstatic/b.png')],
  ]);
  const staged: Staged = {
    ...NOTHING_STAGED,
    placeOf: (step) => places.get(step.path),
    folders: new Map([[path('moved'), path('.pushstatic/moved')]]),
  };
  await publish(plan.groups, staged, folders, target, {});
  expect(looks).toEqual([]);
  expect(Object.keys(await publicTree(memory))).toEqual(['made/b.png', 'moved/a.png']);
});
