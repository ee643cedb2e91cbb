/**
 * A run that is taken for dead, or dies, in the middle of publishing, and the one that comes after it: whatever either of them knows
 * or does then, the target holds what the second one wants, and its index tells so.
 */
import { describe, expect, it } from 'vitest';
import { isMark } from '../src/core/lease.js';
import { nameOf, type RelPath, STAGE } from '../src/core/relpath.js';
import type { Snapshot } from '../src/core/snapshot.js';
import { TargetError } from '../src/errors.js';
import { HEAD, IndexStore } from '../src/push/index/store.js';
import { verify } from '../src/push/verify.js';
import { Connection, type CycleOptions, syncTarget } from '../src/sync.js';
import { MemoryTarget } from '../src/targets/memory.js';
import type { Target } from '../src/targets/target.js';
import { type Bench, makeBench, OUT_AT_ONCE, publicTree, type Site } from './support/cycle.js';
import { entry, path } from './support/entries.js';
import { hooked, makeGate } from './support/hooked-target.js';

const OLD: Site = { 'x.css': 'old', 'index.html': 'old' };
const MANY: Site = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`img/${i}.png`, `${i}`]));
const NEW: Site = { 'x.css': 'new', 'index.html': 'new' };

/** Two machines, and a target that holds the old version. */
async function makePlace() {
  const target = new MemoryTarget();
  const [one, other] = [await makeBench(), await makeBench()];
  await one.publish(target, OLD);
  return { target, one, other };
}

/** The first machine publishes the new version, and stops before its first file. */
async function stuckWhilePublishing(target: Target, one: Bench, rest: Parameters<Bench['publish']>[2] = {}) {
  const [reached, goOn] = [makeGate(), makeGate()];
  const slow = hooked(target, async (kind, [, to]) => {
    if (kind !== 'rename' || to !== 'x.css') return;
    reached.open();
    await goOn.opened;
  });
  const pushing = one.publish(slow, NEW, rest);
  pushing.catch(() => undefined);
  await reached.opened;
  return { pushing, goOn: goOn.open };
}

/** A run that ends before anything comes of what it announced. */
async function announce(target: Target, { options, state }: Bench, names: readonly string[]): Promise<void> {
  const store = new IndexStore(target, { ...options(), cache: state });
  const loaded = await store.load();
  if (loaded.kind !== 'index') throw new TypeError(loaded.kind);
  await store.begin(loaded.index, new Map(names.map((name) => [path(name), entry(name)])));
  await store.release('failed');
}

async function expectExactly(target: Target, site: Site, { options }: Bench): Promise<void> {
  expect(await publicTree(target)).toEqual(site);
  const loaded = await new IndexStore(target, { ...options(), cache: (await makeBench()).state }).load();
  if (loaded.kind !== 'index') throw new TypeError(JSON.stringify(loaded));
  expect(loaded.index.pending.size).toBe(0);
  expect(await verify(target, loaded.index, { depth: 'content', folderMode: 0o755 })).toEqual([]);
}

describe('a run that publishes', () => {
  it('and is interrupted while another one waits: that one believes nothing that it saw before', async () => {
    const { target, one, other } = await makePlace();
    const interrupt = new AbortController();
    const { pushing, goOn } = await stuckWhilePublishing(target, one, { signal: interrupt.signal });
    const waits = makeGate();
    const second = other.publish(target, OLD, {
      onEvent: (event) => void (event.kind === 'warning' && event.about === 'lease' && waits.open()),
    });
    await waits.opened;
    interrupt.abort();
    goOn();
    await expect(pushing).rejects.toMatchObject({ name: 'AbortError' });
    await second;
    await expectExactly(target, OLD, other);
  });

  it('and is taken for dead by one that has nothing to send is fenced all the same', async () => {
    const { target, one, other } = await makePlace();
    const { pushing, goOn } = await stuckWhilePublishing(target, one);
    await other.publish(target, OLD, { lease: OUT_AT_ONCE });
    goOn();
    await expect(pushing).rejects.toThrow('another run has taken over');
    await expectExactly(target, OLD, other);
  });

  it('and wakes up before it writes to its journal spoils none that another one writes to', async () => {
    const { target, one, other } = await makePlace();
    const [reached, goOn] = [makeGate(), makeGate()];
    const slow = hooked(target, async (kind, [at]) => {
      if (kind !== 'append' || !String(at).includes('/journal-')) return;
      reached.open();
      await goOn.opened;
    });
    const late = one.publish(slow, NEW);
    late.catch(() => undefined);
    await reached.opened;
    // One takes over and is refused by a guard: it wrote nothing, and the next one has to know.
    const limit = { kind: 'count', count: 0 } as const;
    const refused = other.publish(target, { 'y.css': 'y' }, { lease: OUT_AT_ONCE, limit, pace: 'one by one' });
    await expect(refused).rejects.toMatchObject({ code: 'REFUSED' });
    await other.publish(target, { ...OLD, 'y.css': 'y' }, { lease: OUT_AT_ONCE });
    goOn.open();
    await expect(late).rejects.toMatchObject({ code: 'LOCKED' });
    await expectExactly(target, { ...OLD, 'y.css': 'y' }, other);
  });

  it('and reads the index once it was taken over already spoils no journal either', async () => {
    const { target, one, other } = await makePlace();
    await announce(target, one, ['y.css']);
    const [looks, looksOn, writes, writesOn] = [makeGate(), makeGate(), makeGate(), makeGate()];
    let heads = 0;
    const slow = hooked(target, async (kind, [at]) => {
      if (kind === 'read' && at === HEAD && ++heads === 2) {
        looks.open();
        await looksOn.opened;
      }
      if (kind === 'append' && String(at).includes('/journal-')) {
        writes.open();
        await writesOn.opened;
      }
    });
    const late = one.publish(slow, NEW);
    late.catch(() => undefined);
    await looks.opened;
    await other.publish(target, { ...OLD, 'y.css': 'y' }, { lease: OUT_AT_ONCE });
    looksOn.open();
    await Promise.race([writes.opened, late.catch(() => undefined)]);
    await other.publish(target, OLD, { lease: OUT_AT_ONCE });
    writesOn.open();
    await expect(late).rejects.toMatchObject({ code: 'LOCKED' });
    await expectExactly(target, OLD, other);
  });
});

describe('a connection that is kept', () => {
  /** As a daemon has it. */
  async function keep(bench: Bench, target: Target, site: Site, terms: Partial<CycleOptions> = {}) {
    const connection = await Connection.open(bench.job(target), { ...bench.options(), ...terms });
    const cycle = async (next: Site, rest: Partial<CycleOptions> = {}): Promise<unknown> => {
      const snapshot = await bench.plant(next);
      return connection.cycle(Promise.resolve({ snapshot }), { ...bench.options(), ...rest });
    };
    await cycle(site);
    return cycle;
  }

  it('takes over from a run that is alive, and gives its new journal a name that this one does not write to', async () => {
    const { target, one, other } = await makePlace();
    await target.remove(HEAD);
    const cycle = await keep(other, target, OLD); // it makes the index anew
    const [reached, goOn] = [makeGate(), makeGate()];
    const slow = hooked(target, async (kind, [at]) => {
      if (kind !== 'append' || !String(at).includes('/journal-')) return;
      reached.open();
      await goOn.opened;
    });
    const late = one.publish(slow, { ...NEW, 'z.css': 'z' });
    late.catch(() => undefined);
    await reached.opened;
    await cycle({ ...OLD, 'y.css': 'y' }, { lease: OUT_AT_ONCE });
    goOn.open();
    await expect(late).rejects.toMatchObject({ code: 'LOCKED' });
    await expectExactly(target, { ...OLD, 'y.css': 'y' }, other);
  });

  it('goes by nothing that it knew before where the index turns out to be damaged', async () => {
    const { target, one, other } = await makePlace();
    const cycle = await keep(other, target, { ...OLD, 'y.css': 'y' });
    await one.publish(target, NEW);
    await target.append(HEAD, 3, Buffer.from('####'));
    await cycle({ ...NEW, 'z.css': 'z' });
    await expectExactly(target, { ...NEW, 'z.css': 'z' }, other);
    await one.publish(target, { ...OLD, 'z.css': 'z' });
    await expectExactly(target, { ...OLD, 'z.css': 'z' }, one);
  });

  it('is refused as often as it comes where another project has taken the target', async () => {
    const { target, one, other } = await makePlace();
    const cycle = await keep(other, target, OLD);
    await one.publish(target, NEW, { site: 'another', foreign: 'take-over' });
    for (let i = 0; i < 3; i++) await expect(cycle({ 'y.css': 'y' })).rejects.toMatchObject({ code: 'REFUSED' });
    expect(await publicTree(target)).toMatchObject(NEW);
    const options = { ...one.options(), site: 'another', cache: (await makeBench()).state };
    expect(await new IndexStore(target, options).load()).toMatchObject({ kind: 'index' });
  });

  it('writes over no snapshot of its own where the head is gone', async () => {
    const [target, one] = [new MemoryTarget(), await makeBench()];
    const cycle = await keep(one, target, { ...OLD, ...MANY }, { leastJournalBytes: 0 });
    await target.remove(HEAD);
    await cycle({ ...NEW, ...MANY });
    await expectExactly(target, { ...NEW, ...MANY }, one);
  });
});

it('a push whose journal has become long, and one of whose files cannot be published, leaves an index that others can read', async () => {
  const { target, one } = await makePlace();
  const strict = hooked(target, (kind, [, to]) => {
    if (kind === 'rename' && to === 'new.html') throw new TargetError('denied', 'permission denied');
  });
  await one.publish(strict, { ...NEW, ...MANY, 'new.html': 'new' }, { leastJournalBytes: 0 });
  await expectExactly(target, { ...NEW, ...MANY }, one);
});

it('a run that can publish nothing removes no index that another one wrote meanwhile', async () => {
  const { target, one, other } = await makePlace();
  const { entries } = await one.plant({ ...OLD, 'index.html': 'with a picture' });
  const problems = [
    { path: path('img/new.png'), step: 'collect', code: 'NO_SPACE', message: 'no space left' },
  ] as const;
  const withoutPicture = async (): Promise<Snapshot> => {
    await other.publish(target, NEW, { leastJournalBytes: 0 });
    return { entries, problems };
  };
  const { outcomes } = await syncTarget(one.job(target), withoutPicture, one.options());
  expect(outcomes).toMatchObject([{ kind: 'untouched', problem: { code: 'HELD_BACK' } }]);
  await expectExactly(target, NEW, other);
});

it('a run that took the head away, as on a full disk, and removes files is waited for by one that looks what is there', async () => {
  const { target, one, other } = await makePlace();
  const store = new IndexStore(target, { ...one.options(), cache: one.state });
  await store.load();
  await store.disclaim();
  const [waits, asked] = [makeGate(), [] as string[]];
  const watched = hooked(target, (kind, [at]) => void asked.push(`${kind} ${String(at)}`));
  const second = other.publish(watched, OLD, {
    onEvent: (event) => void (event.kind === 'warning' && event.about === 'lease' && waits.open()),
  });
  await waits.opened;
  expect(asked).not.toContain('list undefined');
  await target.remove(path('x.css'));
  await store.release('failed');
  await second;
  await expectExactly(target, OLD, other);
});

it('a run that is taken for dead before it removes what the next one wants removes nothing', async () => {
  const { target, one, other } = await makePlace();
  const [reached, goOn] = [makeGate(), makeGate()];
  const slow = hooked(
    target,
    () => undefined,
    async (kind, [, to]) => {
      if (kind !== 'rename' || to !== HEAD) return;
      reached.open();
      await goOn.opened;
    },
  );
  const late = one.publish(slow, { 'index.html': 'old' });
  late.catch(() => undefined);
  await reached.opened;
  await other.publish(target, { ...OLD, 'z.css': 'z' }, { lease: OUT_AT_ONCE });
  goOn.open();
  await expect(late).rejects.toMatchObject({ code: 'LOCKED' });
  await expectExactly(target, { ...OLD, 'z.css': 'z' }, other);
});

it('a file of somebody else that took the name of one that was announced, and never came, stays', async () => {
  const { target, one, other } = await makePlace();
  await announce(target, one, ['y.css']);
  await target.write(path('y.css'), () => Buffer.from('not ours'), { size: 8, mtime: 1, mode: 0o644 });
  await other.publish(target, NEW);
  expect(await publicTree(target)).toEqual({ ...NEW, 'y.css': 'not ours' });
});

it('a guard refuses at once, whoever else is writing', async () => {
  const { target, other } = await makePlace();
  await target.makeFolder(path(`${STAGE}/other~build2~ffffffff~7`), 0o700);
  const limit = { kind: 'count', count: 0 } as const;
  const refused = other.publish(target, { 'y.css': 'y' }, { limit, pace: 'one by one' });
  await expect(refused).rejects.toMatchObject({ code: 'REFUSED' });
}, 20_000); // to wait for the other one would take a minute

it('a commit is none the worse for a mark that cannot be made', async () => {
  const { target, one } = await makePlace();
  const full = hooked(target, (kind, [at]) => {
    const isMarking = kind === 'makeFolder' && String(at).endsWith('/mark');
    if (isMarking) throw new TargetError('no-space', 'no space left');
  });
  const { outcomes } = await one.publish(full, NEW);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['done', 'done']);
  await expectExactly(target, NEW, one);
});

it('a head that was on a line that broke is written once more, and nothing of the first one is left', async () => {
  const { target, one } = await makePlace();
  const broken = hooked(target, async (kind, [at]) => {
    if (kind !== 'write' || !String(at).endsWith('/head')) return;
    await target.append(at as RelPath, 0, Buffer.from('half of it'));
    throw new TargetError('line-lost', 'one of the connections was lost');
  });
  const { outcomes } = await one.publish(broken, NEW);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['done', 'done']);
  await expectExactly(target, NEW, one);
  const left: string[] = [];
  for await (const each of target.list(STAGE)) if (!isMark(nameOf(each.path))) left.push(each.path);
  expect(left).toEqual([]);
});

it('no head is made where one may still come that was on a line that broke', async () => {
  const { target, one } = await makePlace();
  let heads = 0;
  let comesLate: (() => Promise<unknown>) | undefined;
  const broken = hooked(target, async (kind, args) => {
    const [at, to] = args;
    if (kind === 'rename' && to === 'y.css') throw new TargetError('denied', 'permission denied');
    if (kind === 'write' && String(at).endsWith('/head') && ++heads === 2) {
      comesLate = () => target.write(...(args as unknown as Parameters<typeof target.write>));
      throw new TargetError('line-lost', 'one of the connections was lost');
    }
    if (kind === 'rename' && to === HEAD) await comesLate?.();
  });
  await one.publish(broken, { ...NEW, 'y.css': 'y' });
  await expectExactly(target, { 'index.html': 'old', 'x.css': 'old' }, one);
});

it('a connection that is kept goes on where somebody removed the control area', async () => {
  const { target, one } = await makePlace();
  const snapshot = await one.plant(OLD);
  const kept = await Connection.open(one.job(target), one.options());
  await kept.cycle(Promise.resolve({ snapshot }), one.options());
  const control: RelPath[] = [];
  for await (const { path: at, kind } of target.list(path('.pushstatic'))) {
    if (kind === 'file') await target.remove(at);
    else control.push(at);
  }
  for (const folder of [...control.reverse(), path('.pushstatic')]) await target.removeFolder(folder);
  const next = await one.plant(NEW);
  await kept.cycle(Promise.resolve({ snapshot: next }), one.options());
  await expectExactly(target, NEW, one);
});
