/** What becomes of the folders of a run when another one comes, hours later by the clock. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { withStaging } from '../src/collect/staging.js';
import { StateFolder } from '../src/fs/state.js';
import { plant, temporaryFolder } from './support/tree.js';

const HOURS_MS = 2 * 3_600_000;
const NO_PROCESS = 2 ** 30; // more than any system gives

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

it('a run that lives keeps its folders, however long it has slept', async () => {
  const state = new StateFolder(await temporaryFolder());
  await withStaging(state, 'empty', async ({ files }) => {
    vi.setSystemTime(Date.now() + HOURS_MS);
    await withStaging(state, 'empty', async () => undefined);
    await writeFile(join(files, 'a.css'), 'a');
  });
});

it('what a run left that is no more is removed after an hour', async () => {
  const state = new StateFolder(await temporaryFolder());
  await plant(state.path, { [`collectstatic-${NO_PROCESS}-1/files/a.css`]: 'a' });
  await withStaging(state, 'empty', async () => undefined);
  expect(await readdir(state.path)).toHaveLength(1);
  vi.setSystemTime(Date.now() + HOURS_MS);
  await withStaging(state, 'empty', async () => undefined);
  expect(await readdir(state.path)).toEqual([]);
});

it('what another process with the id of this one left is removed as well', async () => {
  const state = new StateFolder(await temporaryFolder());
  await plant(state.path, { [`collectstatic-${process.pid}-1/files/a.css`]: 'a' });
  vi.setSystemTime(Date.now() + HOURS_MS);
  await withStaging(state, 'empty', async () => undefined);
  expect(await readdir(state.path)).toEqual([]);
});
