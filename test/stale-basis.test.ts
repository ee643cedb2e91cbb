/**
 * Two machines that push to one target: nothing is made of a public file that the other one has replaced meanwhile, although
 * size and time are the same, as those are of what npm packs.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Arrivals } from '../src/collect/thread/arrivals.js';
import { type Entry, sortEntries } from '../src/core/entry.js';
import { EntryTable } from '../src/core/entry-table.js';
import { CONTROL, isWithin, type RelPath } from '../src/core/relpath.js';
import type { Snapshot } from '../src/core/snapshot.js';
import { SafetyError } from '../src/errors.js';
import { StateFolder } from '../src/fs/state.js';
import type { LeaseTerms } from '../src/push/lease/holders.js';
import { Connection, type CycleOptions, type TargetJob } from '../src/sync.js';
import { MemoryTarget } from '../src/targets/memory.js';
import { makeBench, OUT_AT_ONCE, publicTree } from './support/cycle.js';
import { path } from './support/entries.js';
import { noise } from './support/noise.js';
import { temporaryFolder } from './support/tree.js';

const MTIME = 499_162_500;
const FIRST = noise(20_000, 1).toString('hex');
const SECOND = `${FIRST.slice(0, 100)}2.0.0${FIRST.slice(105)}`;
const THIRD = `${FIRST.slice(0, 30_000)}3.0.0${FIRST.slice(30_005)}`;

type Files = Readonly<Record<string, string>>;

interface Machine {
  readonly open: () => Promise<Connection>;
  /** `ahead`: its entries come before the snapshot is whole. */
  readonly cycle: (connection: Connection, files: Files, ahead?: 'ahead') => ReturnType<Connection['cycle']>;
  /** One that a guard refuses. */
  readonly refused: (connection: Connection) => Promise<unknown>;
}

async function twoMachines(target: MemoryTarget): Promise<readonly [Machine, Machine]> {
  return [await machineOn(target), await machineOn(target)];
}

async function machineOn(target: MemoryTarget, lease?: LeaseTerms): Promise<Machine> {
  const bench = await makeBench();
  const root = await temporaryFolder();
  const job: TargetJob = { ...bench.job(target), cache: new StateFolder(await temporaryFolder()) };
  const options = (): CycleOptions => ({ ...bench.options(), lease, fileOf: (at) => join(root, at) });
  return {
    open: () => Connection.open(job, options()),
    refused: (connection) =>
      connection.cycle(Promise.reject(new SafetyError('refused')), options()).catch((error: unknown) => error),
    cycle: (connection, files, ahead) => {
      const entries = sortEntries(Object.entries(files).map((file) => planted(root, ...file)));
      const snapshot: Snapshot = { entries: EntryTable.listing(entries), problems: [] };
      const arrivals = new Arrivals();
      arrivals.add(entries);
      arrivals.end();
      const early = ahead === undefined ? {} : { arrivals };
      return connection.cycle(Promise.resolve({ snapshot }), { ...options(), ...early });
    },
  };
}

function planted(root: string, name: string, content: string): Entry {
  writeFileSync(join(root, name), content);
  const digest = createHash('sha256').update(content).digest('hex');
  return { path: path(name), size: content.length, digest, mtime: MTIME, mode: 0o644 };
}

it('a connection that was kept makes no new version of the wrong one', async () => {
  const target = new MemoryTarget();
  const [one, other] = await twoMachines(target);
  const kept = await one.open();
  await one.cycle(kept, { 'app.js': FIRST, 'index.html': '1' });
  await other.cycle(await other.open(), { 'app.js': SECOND, 'index.html': '2' });
  const { outcomes } = await one.cycle(kept, { 'app.js': THIRD, 'index.html': '3' }, 'ahead');
  expect(outcomes.map(({ kind }) => kind)).toEqual(['done', 'done']);
  expect(await publicTree(target)).toEqual({ 'app.js': THIRD, 'index.html': '3' });
});

it('a connection that was kept links nothing to the wrong content', async () => {
  const target = new MemoryTarget();
  const [one, other] = await twoMachines(target);
  const kept = await one.open();
  await one.cycle(kept, { 'a.png': 'version 1' });
  await other.cycle(await other.open(), { 'a.png': 'version 2' });
  await one.cycle(kept, { 'a.png': 'version 1', 'b.png': 'version 1' }, 'ahead');
  expect(await publicTree(target)).toEqual({ 'a.png': 'version 1', 'b.png': 'version 1' });
});

it('a connection whose first cycle was refused links nothing to the wrong content either', async () => {
  const target = new MemoryTarget();
  const [one, other] = await twoMachines(target);
  await other.cycle(await other.open(), { 'a.png': 'version 1' });
  const kept = await one.open();
  expect(await one.refused(kept)).toBeInstanceOf(SafetyError);
  await other.cycle(await other.open(), { 'a.png': 'version 2' });
  await one.cycle(kept, { 'a.png': 'version 1', 'b.png': 'version 1' }, 'ahead');
  expect(await publicTree(target)).toEqual({ 'a.png': 'version 1', 'b.png': 'version 1' });
});

it('a connection that was kept and is current makes its new versions of the old ones', async () => {
  const target = new MemoryTarget();
  const [one] = await twoMachines(target);
  const kept = await one.open();
  await one.cycle(kept, { 'app.js': FIRST, 'a.png': 'a' });
  const result = await one.cycle(kept, { 'app.js': THIRD, 'a.png': 'a', 'b.png': 'a' }, 'ahead');
  expect(result).toMatchObject({ patched: 1, linked: 1 });
  expect(await publicTree(target)).toEqual({ 'a.png': 'a', 'app.js': THIRD, 'b.png': 'a' });
});

it('what a run made of the wrong version before it noticed is not taken over by the next one', async () => {
  const target = new MemoryTarget();
  const [one, other] = await twoMachines(target);
  await one.cycle(await one.open(), { 'app.js': FIRST, 'a.png': 'version 1', 'index.html': '1' });
  const late = await one.open();
  await other.cycle(await other.open(), { 'app.js': SECOND, 'a.png': 'version 2', 'index.html': '2' });
  const wanted = { 'a.png': 'version 1', 'app.js': THIRD, 'b.png': 'version 1', 'index.html': '3' };
  await expect(one.cycle(late, wanted)).rejects.toThrow('another run wrote');
  const { outcomes } = await one.cycle(await one.open(), wanted);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['done', 'done', 'done', 'done']);
  expect(await publicTree(target)).toEqual(wanted);
});

it('a run that comes between the groups of another one is noticed, however far away the target is', async () => {
  class FarTarget extends MemoryTarget {
    override readonly capabilities = { ...new MemoryTarget().capabilities, roundTripMs: 50 };
    onPublish: (() => Promise<unknown>) | undefined;

    override async rename(from: RelPath, to: RelPath): Promise<void> {
      const meanwhile = isWithin(to, CONTROL) ? undefined : this.onPublish;
      if (meanwhile !== undefined) this.onPublish = undefined;
      await meanwhile?.();
      await super.rename(from, to);
    }
  }
  const target = new FarTarget();
  const [one, other] = [await machineOn(target), await machineOn(target, OUT_AT_ONCE)];
  await one.cycle(await one.open(), { 'a.png': '1', 'index.html': '1' });
  target.onPublish = async () => other.cycle(await other.open(), { 'a.png': '2', 'index.html': '2' });
  const wanted = { 'a.png': '3', 'index.html': '3' };
  await expect(one.cycle(await one.open(), wanted)).rejects.toThrow('another run has taken over');
  expect(await publicTree(target)).toEqual({ 'a.png': '2', 'index.html': '2' });
  await one.cycle(await one.open(), wanted);
  expect(await publicTree(target)).toEqual(wanted);
});
