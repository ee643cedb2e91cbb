import { expect, it } from 'vitest';
import { makePlan } from '../src/core/plan.js';
import { PublicFolders } from '../src/push/public-folders.js';
import { publish } from '../src/push/publish.js';
import type { Staged } from '../src/push/stage.js';
import { MemoryTarget } from '../src/targets/memory.js';
import { path } from './support/entries.js';

const NOTHING_STAGED: Staged = {
  placeOf: () => undefined,
  wayOf: () => 'uploaded',
  folders: new Map(),
  problems: new Map(),
};

it('takes a group of two hundred thousand steps (F56)', async () => {
  const names = Array.from({ length: 200_000 }, (_, i) => path(`${i}.svg`));
  const plan = makePlan(
    names.map((each) => ({ kind: 'removed', path: each, old: undefined })),
    'delete',
  );
  const target = new MemoryTarget();
  const folders = new PublicFolders(plan.groups, target, 0o755);
  const { outcomes } = await publish(plan.groups, NOTHING_STAGED, folders, target, {});
  expect(outcomes.length).toBe(200_000);
  expect(outcomes.every((outcome) => outcome.kind === 'done')).toBe(true);
});
