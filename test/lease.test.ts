/** One writer to a target: who has the lease, who waits for it, and what becomes of one that was taken for dead. */
import { appendFileSync, readdirSync, utimesSync } from 'node:fs';
import { mkdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { nameOfHolder } from '../src/core/lease.js';
import { CONTROL, type RelPath, STAGE } from '../src/core/relpath.js';
import { emptyIndex } from '../src/core/target-index.js';
import { TargetError } from '../src/errors.js';
import { StateFolder } from '../src/fs/state.js';
import { IndexStore } from '../src/push/index/store.js';
import { type LeaseTerms, Waiting } from '../src/push/lease/holders.js';
import { dropLease, holdersOf, Lease } from '../src/push/lease/lease.js';
import { holderFor } from '../src/push/lease/self.js';
import { MemoryTarget } from '../src/targets/memory.js';
import { openSftp } from '../src/targets/sftp/sftp.js';
import { connectSsh } from '../src/targets/ssh/ssh.js';
import type { Target } from '../src/targets/target.js';
import { entry, path } from './support/entries.js';
import { hooked, makeGate } from './support/hooked-target.js';
import { type OpenSshServer, startOpenSsh } from './support/openssh-server.js';
import { temporaryFolder } from './support/tree.js';

const SHORT: LeaseTerms = { ttl: 1000, patience: 10_000 };
const IMPATIENT: LeaseTerms = { ttl: 60_000, patience: 0 };
/** For one to whom all others are dead. */
const AT_ONCE: LeaseTerms = { ttl: -60_000, patience: 0 };
const ELSEWHERE = { run: 'other', host: 'build2', machine: 'ffffffff', pid: 7 };

let server: OpenSshServer;
beforeAll(async () => {
  server = await startOpenSsh();
});
afterAll(() => server.stop());

/** A folder on a real server, and connections to it, as of several machines. */
async function makePlace(): Promise<{ root: string; stage: string; connect: () => Promise<Target> }> {
  const root = join(await temporaryFolder(), 'served');
  await mkdir(join(root, CONTROL), { recursive: true });
  const { host, port, user, identityFile, knownHosts } = server;
  const connect = async (): Promise<Target> => {
    const connection = await connectSsh({ host, port, user, identityFile, knownHosts, sshConfig: false }, { env: {} });
    const target = openSftp(connection, { url: `sftp://${host}${root}`, root, control: join(root, CONTROL) });
    onTestFinished(() => target.close());
    return target;
  };
  return { root, stage: join(root, STAGE), connect };
}

describe('a lease', () => {
  it('is had by one, and given up without a trace but the mark', async () => {
    const { stage, connect } = await makePlace();
    const lease = new Lease(await connect(), { run: 'one' });
    expect(await lease.take()).toEqual({ left: [], marks: [], isAlone: true });
    expect(readdirSync(stage)).toEqual([nameOfHolder(holderFor('one'))]);
    await lease.unmark(undefined);
    await lease.letGo('ab'.repeat(32));
    expect(readdirSync(stage)).toEqual([`at-${'ab'.repeat(12)}`]);
    await lease.release('done');
    const next = new Lease(await connect(), { run: 'next' });
    expect([await next.isSince('ab'.repeat(32)), await next.isSince('cd'.repeat(32))]).toEqual([true, false]);
    await next.unmark('ab'.repeat(32));
    await next.release('done');
    expect(readdirSync(stage)).toEqual([]);
  });

  it('is never had by two of ten that come at once, and in the end each of them had it', async () => {
    const { connect } = await makePlace();
    let [having, most, turns] = [0, 0, 0];
    const come = async (i: number): Promise<void> => {
      const target = await connect();
      for (let turn = 0; turn < 5; turn++) {
        const lease = new Lease(target, { run: `run-${i}-${turn}`, lease: { ttl: 60_000, patience: 170_000 } });
        await lease.take();
        most = Math.max(most, ++having);
        turns++;
        await target.stat(path('x')); // a round trip
        having--;
        await lease.release('done');
      }
    };
    await Promise.all(Array.from({ length: 10 }, (_, i) => come(i)));
    expect([most, turns]).toEqual([1, 50]);
  });

  it('that somebody else keeps is refused, with who that is and what to do', async () => {
    const { stage, connect } = await makePlace();
    await mkdir(join(stage, nameOfHolder(ELSEWHERE)), { recursive: true });
    const lease = new Lease(await connect(), { run: 'one', lease: IMPATIENT });
    await expect(lease.take()).rejects.toMatchObject({
      code: 'LOCKED',
      exitStatus: 4,
      message: expect.stringMatching(/build2 \(process 7\) is writing to it; .*pushstatic unlock/) as string,
    });
    expect(readdirSync(stage)).toEqual([nameOfHolder(ELSEWHERE)]);
  });

  it('is waited for, with a word to the user, and had once it is free', async () => {
    const { connect } = await makePlace();
    const first = new Lease(await connect(), { run: 'first' });
    await first.take();
    let say: (text: string) => void = () => undefined;
    const word = new Promise<string>((resolve) => (say = resolve));
    const taken = new Lease(await connect(), { run: 'second', onWait: (text) => say(text) }).take();
    expect(await word).toMatch(/process \d+\) is writing to it; waiting for that to end$/);
    await first.release('done');
    expect((await taken).left).toEqual([]);
  });

  it('is not waited for any more once the run is interrupted', async () => {
    const { stage, connect } = await makePlace();
    await mkdir(join(stage, nameOfHolder(ELSEWHERE)), { recursive: true });
    const interrupt = new AbortController();
    const onWait = (): void => interrupt.abort();
    const lease = new Lease(await connect(), { run: 'one', signal: interrupt.signal, onWait });
    await expect(lease.take()).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('a holder that died', () => {
  it('on this machine is known to be dead at once', async () => {
    const { stage, connect } = await makePlace();
    const dead = nameOfHolder({ ...holderFor('dead'), pid: 2 ** 22 + 1 }); // above the largest number of a process
    await mkdir(join(stage, dead), { recursive: true });
    const { left } = await new Lease(await connect(), { run: 'one', lease: IMPATIENT }).take();
    expect(left.map((each) => each.path)).toEqual([path(`${STAGE}/left-one.0`)]);
    expect(readdirSync(stage)).not.toContain(dead);
  });

  it('elsewhere is taken for dead by the clock of the server', async () => {
    const { stage, connect } = await makePlace();
    const place = join(stage, nameOfHolder(ELSEWHERE));
    await mkdir(place, { recursive: true });
    const old = Date.now() / 1000 - 61;
    await utimes(place, old, old);
    const lease = new Lease(await connect(), { run: 'one', lease: { ttl: 4000, patience: 10_000 } });
    expect((await lease.take()).left).toHaveLength(1);
  });

  it('is not taken for one whose signs are late, while what it brings grows', async () => {
    const { stage, connect } = await makePlace();
    const place = join(stage, nameOfHolder(ELSEWHERE));
    await mkdir(place, { recursive: true });
    const content = join(place, 'digest.0');
    const grow = (): void => {
      appendFileSync(content, 'more');
      utimesSync(place, 1e9, 1e9);
    };
    grow();
    const growing = setInterval(grow, 50);
    onTestFinished(() => clearInterval(growing));
    const lease = new Lease(await connect(), { run: 'one', lease: { ttl: 2000, patience: 4000 } });
    await expect(lease.take()).rejects.toMatchObject({ code: 'LOCKED' });
  });

  it('elsewhere, whose server has a clock that went back, when it gave no sign for long enough', async () => {
    const { stage, connect } = await makePlace();
    const place = join(stage, nameOfHolder(ELSEWHERE));
    await mkdir(place, { recursive: true });
    const ahead = Date.now() / 1000 + 86_400;
    utimesSync(place, ahead, ahead);
    const { left } = await new Lease(await connect(), { run: 'one', lease: SHORT }).take();
    expect(left).toHaveLength(1);
  });

  it('is not taken for one of which nobody knows what it did since it was looked at', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const waiting = new Waiting(SHORT);
    const name = nameOfHolder(ELSEWHERE);
    const found = [{ path: join(STAGE, name) as RelPath, kind: 'folder', size: 0, mtime: 1000, mode: 0o700 }] as const;
    expect(waiting.livingAmong(found, { now: 1000, asked: performance.now() })).toBe(name);
    vi.advanceTimersByTime(900);
    const asked = performance.now();
    vi.advanceTimersByTime(5000); // as when this process was stopped
    expect(waiting.livingAmong(found, { now: 1000, asked })).toBe(name);
    expect(waiting.livingAmong(found, { now: 1000, asked: performance.now() })).toBeUndefined();
  });

  it('is not taken for one that is alive and gives signs, however long that takes', async () => {
    const { connect } = await makePlace();
    const first = new Lease(await connect(), { run: 'first', lease: { ttl: 6000, patience: 0 } });
    await first.take();
    const second = new Lease(await connect(), { run: 'second', lease: { ttl: 6000, patience: 9000 } });
    await expect(second.take()).rejects.toMatchObject({ code: 'LOCKED' });
    await first.require();
    await first.release('done');
  });
});

describe('one that was taken for dead and wakes up', () => {
  it('learns it as soon as it wants to go on', async () => {
    const target = new MemoryTarget();
    await target.makeFolder(CONTROL, 0o700);
    const late = new Lease(target, { run: 'late', lease: { ttl: -60_000, patience: 0 } });
    await late.take();
    await target.removeFolder(late.folder);
    await expect(late.require()).rejects.toMatchObject({ code: 'LOCKED' });
    await late.release('done');
    expect([...(await holdersOf(target)).keys()]).toEqual([]);
  });

  it('learns it after a sleep in which its own clock stood still', async () => {
    const target = new MemoryTarget();
    await target.makeFolder(CONTROL, 0o700);
    const late = new Lease(target, { run: 'late' });
    await late.take();
    await target.removeFolder(late.folder);
    await late.require(); // its last sign is young
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    onTestFinished(() => void vi.useRealTimers());
    await expect(late.require()).rejects.toMatchObject({ code: 'LOCKED' });
    await late.release('done');
  });

  it('says so of whatever it failed of', async () => {
    const target = new MemoryTarget();
    await target.makeFolder(CONTROL, 0o700);
    const late = new Lease(target, { run: 'late' });
    const error = new Error('not found');
    await late.take();
    expect(await late.causeOf(error)).toBe(error);
    await target.removeFolder(late.folder);
    expect(await late.causeOf(error)).toMatchObject({ code: 'LOCKED' });
  });
});

describe('what a run brought over and did not publish', () => {
  async function interrupted() {
    const { stage, connect } = await makePlace();
    const target = await connect();
    const lease = new Lease(target, { run: 'one' });
    await lease.take();
    await target.append(join(lease.folder, 'digest.0') as RelPath, 0, Buffer.from('content'));
    return { stage, connect, target, lease };
  }

  it('is left to the next one, which need not wait for it', async () => {
    const { stage, connect, lease } = await interrupted();
    await lease.release('failed');
    expect(readdirSync(stage)).toEqual(['left-one']);
    const { left } = await new Lease(await connect(), { run: 'two', lease: IMPATIENT }).take();
    expect(left.map((each) => each.path)).toContain(path(`${STAGE}/left-two.0/digest.0`));
  });

  it('is out of its own reach, and in that of the next one, when its lease is dropped', async () => {
    const { stage, target, lease } = await interrupted();
    const [name = ''] = [...(await holdersOf(target)).keys()];
    await dropLease(target, name, 'two');
    expect(readdirSync(stage)).toEqual(['left-two']);
    const publishing = target.rename(join(lease.folder, 'digest.0') as RelPath, path('published'));
    await expect(publishing).rejects.toMatchObject({ kind: 'not-found' });
  });
});

async function storeOn(target: Target, run: string, lease?: LeaseTerms): Promise<IndexStore> {
  return new IndexStore(target, {
    site: 'site',
    cache: new StateFolder(await temporaryFolder()),
    run,
    lease,
    now: () => 0,
  });
}

/** A target with an empty index, and its mark. */
async function makeMarked(): Promise<MemoryTarget> {
  const memory = new MemoryTarget();
  for (const folder of [CONTROL, STAGE]) await memory.makeFolder(path(folder), 0o700);
  await (await storeOn(memory, 'zero')).commit(emptyIndex('site'), new Map(), new Map());
  return memory;
}

/** What it will write to a target whose index it has read. */
async function readBy(store: IndexStore) {
  const loaded = await store.load();
  if (loaded.kind !== 'index') throw new TypeError(loaded.kind);
  const announced = new Map([[path('a'), entry('a')]]);
  return {
    begin: () => store.begin(loaded.index, announced),
    commit: () => store.commit(loaded.index, announced, announced),
  };
}

async function stageOf(target: Target): Promise<string[]> {
  const found: string[] = [];
  for await (const each of target.list(STAGE)) found.push(each.path.slice(STAGE.length + 1));
  return found;
}

describe('a mark', () => {
  it('is not believed by one that was not alone, though who was there is gone by now', async () => {
    const memory = await makeMarked();
    const [listed, begun] = [makeGate(), makeGate()];
    const first = await storeOn(
      hooked(memory, async (kind, [at]) => {
        if (kind === 'removeFolder' && String(at).includes('/at-')) await listed.opened;
      }),
      'first',
    );
    const second = await storeOn(
      hooked(memory, async (kind, [from]) => {
        if (kind !== 'moveFolder' || from !== first.lease.folder) return;
        listed.open();
        await begun.opened;
      }),
      'second',
      AT_ONCE,
    );
    const [beginning, other] = [await readBy(first), await readBy(second)];
    const finished = beginning.begin();
    await vi.waitUntil(async () => (await stageOf(memory)).length > 1, { timeout: 30_000 });
    const late = other.begin();
    late.catch(() => undefined);
    await finished;
    await (await storeOn(memory, 'third', AT_ONCE)).hold(); // it takes over from both
    begun.open();
    await expect(late).rejects.toMatchObject({ code: 'LOCKED' });
    const now = await (await storeOn(memory, 'fourth')).load();
    expect(now.kind === 'index' && [...now.index.pending.keys()]).toEqual(['a']);
  });

  it('is not made by one from which somebody has taken over', async () => {
    const memory = await makeMarked();
    const [letsGo, goesOn] = [makeGate(), makeGate()];
    const first = await storeOn(
      hooked(memory, async (_, args) => {
        if (!args.some((each) => String(each).includes('/at-')) || !(await isCommitted(memory))) return;
        letsGo.open();
        await goesOn.opened;
      }),
      'first',
    );
    const work = await readBy(first);
    await work.begin();
    const committing = work.commit();
    await letsGo.opened;
    const second = await storeOn(memory, 'second', AT_ONCE);
    await (await readBy(second)).begin();
    goesOn.open();
    await committing;
    expect((await stageOf(memory)).filter((name) => name.startsWith('at-'))).toEqual([]);
  });

  it('is taken away by one that takes over, though it was made just before that', async () => {
    const memory = await makeMarked();
    const first = await storeOn(memory, 'first');
    const work = await readBy(first);
    await work.begin();
    const second = await storeOn(
      hooked(memory, async (kind, [from]) => {
        if (kind === 'moveFolder' && from === first.lease.folder) await work.commit();
      }),
      'second',
      AT_ONCE,
    );
    await second.hold();
    await (await readBy(second)).begin();
    expect((await stageOf(memory)).filter((name) => name.startsWith('at-'))).toEqual([]);
  });
});

it('is had on a disk that is so full that a mark has to go for it', async () => {
  const memory = await makeMarked();
  const full = hooked(memory, async (kind) => {
    const isFull = kind === 'makeFolderAmong' && (await stageOf(memory)).length > 0;
    if (isFull) throw new TargetError('no-space', 'no space left');
  });
  await (await storeOn(full, 'first')).hold();
  expect(await stageOf(memory)).toEqual([nameOfHolder(holderFor('first'))]);
});

/** Whether the second commit of an index has come. */
async function isCommitted(target: Target): Promise<boolean> {
  const store = await storeOn(target, 'reader');
  const loaded = await store.load();
  return loaded.kind === 'index' && loaded.index.generation > 1;
}

it('removes nothing that the next writer has begun to write, once it is given up', async () => {
  const memory = new MemoryTarget();
  for (const folder of [CONTROL, STAGE, `${STAGE}/left-dead`]) await memory.makeFolder(path(folder), 0o700);
  const stuck = makeGate();
  // It has taken over from somebody, so it begins with a snapshot of its own.
  const second = await storeOn(
    hooked(memory, (kind) => (kind === 'rename' ? stuck.opened : undefined)),
    'second',
  );
  let beginning: Promise<void> | undefined;
  const first = await storeOn(
    hooked(memory, async (kind, [at]) => {
      if (kind !== 'removeFolder' || at !== first.lease.folder || beginning !== undefined) return;
      await memory.removeFolder(first.lease.folder);
      const now = await second.load();
      if (now.kind !== 'index') throw new TypeError(now.kind);
      beginning = second.begin(now.index, new Map([[path('b'), entry('b')]]));
      await setImmediate();
    }),
    'first',
  );
  await (await storeOn(memory, 'zero')).commit(emptyIndex('site'), new Map(), new Map());
  const loaded = await first.load();
  if (loaded.kind !== 'index') throw new TypeError(loaded.kind);
  const announced = new Map([[path('a'), entry('a')]]);
  await first.begin(loaded.index, announced);
  await first.commit(loaded.index, announced, announced);
  await first.reap();
  expect(beginning).toBeDefined();
  stuck.open();
  await beginning;
  expect(await (await storeOn(memory, 'third')).load()).toMatchObject({ kind: 'index' });
});
