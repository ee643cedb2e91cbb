import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { scanOnly } from '../src/collect/scan-only.js';
import { EntryTable } from '../src/core/entry-table.js';
import { type Places, placesOf } from '../src/core/places.js';
import type { Snapshot } from '../src/core/snapshot.js';
import { type Ending, targetReport } from '../src/cycle/report.js';
import { publicationOf } from '../src/daemon/cycle-of.js';
import { Round } from '../src/daemon/round.js';
import type { TargetStatus } from '../src/daemon/status.js';
import { type LineMeans, TargetLine } from '../src/daemon/target-line.js';
import { ConfigError, SourceError, TargetError } from '../src/errors.js';
import { StateFolder } from '../src/fs/state.js';
import type { CycleOptions, TargetJob } from '../src/sync.js';
import { MemoryTarget } from '../src/targets/memory.js';
import type { Target } from '../src/targets/target.js';
import { controlFiles, isStaged, publicTree, type Site } from './support/cycle.js';
import { path } from './support/entries.js';
import { plant, temporaryFolder } from './support/tree.js';

const FIRST_RETRY_MS = 500; // with chance at 0

describe('rounds', () => {
  test('bring the target up to date, over one connection', async () => {
    const bench = await makeLine({ a: 'a', b: 'b' });
    expect(kindOf(await bench.serve())).toBe('result');
    await bench.edit({ a: 'A' });
    expect(kindOf(await bench.serve(['a']))).toBe('result');
    expect(await bench.served()).toEqual({ a: 'A', b: 'b' });
    expect(bench.line.status()).toMatchObject({ state: 'in-sync', pending: 0, files: 2, reconnects: 0, failures: 0 });
    expect(bench.server.connections).toBe(1);
  });

  test('that come while a cycle runs are all served by the next one', async () => {
    const bench = await makeLine({ a: 'a' });
    const release = bench.server.hold();
    const first = bench.serve();
    await bench.edit({ b: 'b' });
    const second = bench.serve(['b']);
    await bench.edit({ c: 'c', a: 'A' });
    const third = bench.serve(['a', 'c']);
    await bench.state((status) => status.pending === 3);
    release();
    expect(kindOf(await first)).toBe('result');
    expect(await second).toBe(await third);
    expect(await bench.served()).toEqual({ a: 'A', b: 'b', c: 'c' });
    expect(bench.line.status()).toMatchObject({ state: 'in-sync', pending: 0, generation: 2 });
  });

  test('that were taken up before they were whole hold up those that come after, and lose none', async () => {
    const bench = await makeLine({ a: 'a' });
    await bench.serve();
    const begun = new Round();
    const first = bench.line.take(begun);
    await bench.edit({ b: 'b' });
    const second = bench.serve(['b']);
    await bench.edit({ c: 'c' });
    begun.collected({ places: [path('c')] }, undefined);
    await Promise.all([first, second]);
    expect(await bench.served()).toEqual({ a: 'a', b: 'b', c: 'c' });
    expect(bench.line.hasRest).toBe(false);
  });

  test('that come late bring what is known by then, and nothing older', async () => {
    const bench = await makeLine({ a: 'a', b: 'b' });
    await bench.serve();
    await bench.edit({ b: 'older' });
    const late = new Round();
    late.collected({ places: [path('b')] }, undefined);
    await bench.edit({ b: 'newer' });
    await bench.serve(['b']);
    await bench.line.take(late);
    expect(await bench.served()).toEqual({ a: 'a', b: 'newer' });
  });

  test('are tried again when an outage ends before anything is known', async () => {
    const bench = await makeLine({ a: 'a' });
    bench.server.goDown();
    await bench.serve();
    bench.server.comeUp();
    bench.forget();
    await bench.state(() => bench.server.connections > 0);
    await bench.edit({ b: 'b' });
    await bench.state(({ state }) => state === 'in-sync');
    expect(await bench.served()).toEqual({ a: 'a', b: 'b' });
  });

  test('that are abandoned remove nothing that was held', async () => {
    const bench = await makeLine({ a: 'a', held: 'held' });
    await bench.serve();
    await bench.edit({}, ['held']);
    await bench.serve(['held'], 'hold');
    const round = new Round();
    const taking = bench.line.take(round);
    round.abandoned();
    await taking;
    expect(await bench.served()).toEqual({ a: 'a', held: 'held' });
    expect(bench.line.hasRest).toBe(true);
  });

  test('wait until something is known', async () => {
    const bench = await makeLine({ a: 'a' });
    await bench.serve();
    bench.forget();
    await bench.serve();
    expect(await bench.served()).toEqual({ a: 'a' });
    await bench.edit({ b: 'b' });
    await bench.serve();
    expect(await bench.served()).toEqual({ a: 'a', b: 'b' });
  });

  test('that come to nothing leave all as it is', async () => {
    const bench = await makeLine({ a: 'a' });
    await bench.serve();
    const round = new Round();
    const taking = bench.line.take(round);
    round.failed(new SourceError('cannot collect'));
    expect(await taking).toBeUndefined();
    expect(bench.line.status()).toMatchObject({ state: 'in-sync', error: null, pending: 0 });
    await bench.edit({ b: 'b' });
    await bench.serve(['b']);
    expect(await bench.served()).toEqual({ a: 'a', b: 'b' });
  });

  test('that come to nothing lose nothing of what was to be done before', async () => {
    const bench = await makeLine({ a: 'a', gone: 'gone' });
    await bench.serve();
    await bench.edit({}, ['gone']);
    await bench.serve(['gone'], 'hold');
    const round = new Round();
    const taking = bench.line.take(round);
    round.failed(new SourceError('cannot collect'));
    await taking;
    expect(bench.line.hasRest).toBe(true);
    await bench.serve([]);
    expect(await bench.served()).toEqual({ a: 'a' });
  });

  test('that were foreseen are staged before they are collected', async () => {
    const bench = await makeLine({ a: 'a' });
    await bench.serve();
    await bench.edit({ b: 'soon' });
    const round = new Round();
    const [entry] = [...bench.snapshot().entries].filter((each) => each.path === 'b');
    round.foreseen(entry === undefined ? [] : [entry], { of: () => Buffer.from('soon') });
    const taking = bench.line.take(round);
    await expect.poll(async () => (await controlFiles(bench.server.memory)).join()).toContain('stage/');
    expect(await bench.served()).toEqual({ a: 'a' });
    round.collected({ places: [path('b')] }, undefined);
    await taking;
    expect(await bench.served()).toEqual({ a: 'a', b: 'soon' });
  });

  test('that were foreseen and abandoned leave nothing', async () => {
    const bench = await makeLine({ a: 'a' });
    await bench.serve();
    await bench.edit({ b: 'never' });
    const round = new Round();
    round.foreseen(
      [...bench.snapshot().entries].filter((each) => each.path === 'b'),
      { of: () => Buffer.from('never') },
    );
    const taking = bench.line.take(round);
    await expect.poll(async () => (await controlFiles(bench.server.memory)).join()).toContain('stage/');
    round.abandoned();
    await taking;
    expect(await bench.served()).toEqual({ a: 'a' });
    expect((await controlFiles(bench.server.memory)).filter((name) => name.includes('stage/'))).toEqual([]);
  });
});

test('what a target should hold and does not is noticed when everything was looked at', async () => {
  const bench = await makeLine({ a: 'a', gone: 'gone' });
  await bench.serve();
  await bench.edit({ a: 'A', b: 'b' }, ['gone']);
  expect(bench.line.status().state).toBe('in-sync');
  bench.line.confirm();
  await bench.state(({ state, generation }) => state === 'in-sync' && generation === 2);
  expect(await bench.served()).toEqual({ a: 'A', b: 'b' });
  bench.line.confirm();
  expect(bench.line.status()).toMatchObject({ state: 'in-sync', generation: 2 });
});

test('what it is getting just now it has not got yet', async () => {
  const bench = await makeLine({ a: 'a', 'css/b': 'b' });
  await bench.serve();
  const pending = bench.standings.filter(({ state }) => state === 'pushing').map((status) => status.pending);
  expect(pending).toContain(2);
  expect(bench.line.status()).toMatchObject({ state: 'in-sync', pending: 0 });
});

describe('removals that are held', () => {
  test('wait for the round that came to rest, and what was added does not', async () => {
    const bench = await makeLine({ a: 'a', gone: 'gone' });
    await bench.serve();
    await bench.edit({ b: 'b' }, ['gone']);
    await bench.serve(['b', 'gone'], 'hold');
    expect(await bench.served()).toEqual({ a: 'a', b: 'b', gone: 'gone' });
    expect(bench.line.status()).toMatchObject({ state: 'behind', pending: 1 });
    await bench.serve(['b', 'gone']);
    expect(await bench.served()).toEqual({ a: 'a', b: 'b' });
    expect(bench.line.status()).toMatchObject({ state: 'in-sync', pending: 0 });
  });

  test('never happen if the file comes back meanwhile', async () => {
    const bench = await makeLine({ a: 'a', back: 'back' });
    await bench.serve();
    await bench.edit({}, ['back']);
    await bench.serve(['back'], 'hold');
    await bench.edit({ back: 'back' });
    await bench.serve(['back']);
    expect(await bench.served()).toEqual({ a: 'a', back: 'back' });
    expect(bench.line.status().generation).toBe(1);
  });
});

describe('a pause', () => {
  test('lets changes wait, says so, and ends with all of them served', async () => {
    const bench = await makeLine({ a: 'a' });
    await bench.serve();
    bench.line.pause();
    await bench.edit({ b: 'b' });
    expect(await bench.serve(['b'])).toBeUndefined();
    expect(bench.line.report(undefined)).toMatchObject({ ok: false, error: { code: 'PAUSED' } });
    expect(bench.line.status()).toMatchObject({ state: 'behind', pending: 1 });
    bench.line.resume();
    await bench.state((status) => status.state === 'in-sync');
    expect(await bench.served()).toEqual({ a: 'a', b: 'b' });
    expect(bench.retried.map(kindOf)).toEqual(['result']);
  });

  test('lets what a look at everything found wait, and no more than that', async () => {
    const bench = await makeLine({ a: 'a', gone: 'gone' });
    await bench.serve();
    bench.line.pause();
    await bench.edit({ b: 'b' }, ['gone']);
    const round = new Round();
    round.collected({ found: [path('b'), path('gone')] }, undefined);
    expect(await bench.line.take(round)).toBeUndefined();
    expect(bench.line.status()).toMatchObject({ state: 'behind', pending: 2 });
    bench.line.resume();
    await bench.state((status) => status.state === 'in-sync');
    expect(await bench.served()).toEqual({ a: 'a', b: 'b' });
  });

  test('ends with all compared where nobody knows what a look at everything found', async () => {
    const bench = await makeLine({ a: 'a', gone: 'gone' });
    await bench.serve();
    bench.line.pause();
    await bench.edit({ b: 'b' }, ['gone']);
    expect(await bench.serve()).toBeUndefined();
    expect(bench.line.status()).toMatchObject({ state: 'behind', pending: null });
    bench.line.resume();
    await bench.state((status) => status.state === 'in-sync');
    expect(await bench.served()).toEqual({ a: 'a', b: 'b' });
  });

  test('does not stand against what a person asks for', async () => {
    const bench = await makeLine({ a: 'a' });
    await bench.serve();
    bench.line.pause();
    await bench.edit({ b: 'b' });
    expect(kindOf(await bench.serve(['b'], undefined, ASKED))).toBe('result');
    expect(await bench.served()).toEqual({ a: 'a', b: 'b' });
  });

  test('does not break off the cycle under way', async () => {
    const bench = await makeLine({ a: 'a' });
    const release = bench.server.hold();
    const serving = bench.serve();
    bench.line.pause();
    release();
    expect(kindOf(await serving)).toBe('result');
    expect(await bench.served()).toEqual({ a: 'a' });
  });
});

const ASKED = { isAsked: true, force: false };

describe('what a person asks for', () => {
  test('is done on these terms, though other rounds wait', async () => {
    const bench = await makeLine({ a: 'a', b: 'b', c: 'c' }, { limit: { kind: 'count', count: 1 } });
    await bench.serve();
    const release = bench.server.hold();
    await bench.edit({ d: 'd' });
    const [running, queued] = [bench.serve(['d']), bench.serve(['d'])];
    await bench.edit({}, ['a', 'b', 'c']);
    await bench.state((status) => status.pending === 1);
    const asked = bench.serve(undefined, undefined, { isAsked: true, force: true });
    release();
    await Promise.all([running, queued]);
    expect(kindOf(await asked)).toBe('result');
    expect(await bench.served()).toEqual({ d: 'd' });
  });
});

describe('a target that cannot be reached', () => {
  test('is tried again after a pause, and then gets all that changed meanwhile', async () => {
    const bench = await makeLine({ a: 'a', b: 'b' });
    await bench.serve();
    bench.server.goDown();
    await bench.edit({ a: 'A' });
    expect(kindOf(await bench.serve(['a']))).toBe('error');
    expect(bench.line.status()).toMatchObject({ state: 'unreachable', failures: 1, pending: null });
    const tries = bench.server.tries;
    await bench.edit({ c: 'c' }, ['b']);
    expect(await bench.serve(['b', 'c'])).toBeUndefined();
    expect(bench.server.tries).toBe(tries);
    bench.server.comeUp();
    await bench.state((status) => status.state === 'in-sync');
    expect(await bench.served()).toEqual({ a: 'A', c: 'c' });
    expect(bench.retried.map(kindOf)).toEqual(['result']);
    expect(bench.line.status()).toMatchObject({ failures: 0, error: null, retryAt: null, reconnects: 1 });
  });

  test('is tried less and less often, and an outage is told once', async () => {
    const bench = await makeLine({ a: 'a' });
    bench.server.goDown();
    await bench.serve();
    const first = Date.parse(bench.line.status().retryAt ?? '') - Date.now();
    await bench.state((status) => status.failures === 2);
    const second = Date.parse(bench.line.status().retryAt ?? '') - Date.now();
    expect(first).toBeLessThanOrEqual(FIRST_RETRY_MS);
    expect(second).toBeGreaterThan(FIRST_RETRY_MS);
    expect(bench.retried).toEqual([]); // the round has told it
    await bench.line.close();
    expect(bench.line.status().state).toBe('unreachable');
  });

  test('is tried at once when a person asks', async () => {
    const bench = await makeLine({ a: 'a' });
    bench.server.goDown();
    await bench.serve();
    bench.server.comeUp();
    expect(kindOf(await bench.serve(undefined, undefined, ASKED))).toBe('result');
    expect(bench.line.status().state).toBe('in-sync');
  });

  test('but was only gone for a moment is connected to again within the same cycle', async () => {
    const bench = await makeLine({ a: 'a' });
    await bench.serve();
    bench.server.drop();
    await bench.edit({ b: 'b' });
    expect(kindOf(await bench.serve(['b']))).toBe('result');
    expect(await bench.served()).toEqual({ a: 'a', b: 'b' });
    expect(bench.line.status()).toMatchObject({ state: 'in-sync', reconnects: 1, failures: 0 });
  });

  test('is not tried while there is a pause, and is when that ends', async () => {
    const bench = await makeLine({ a: 'a' });
    bench.server.goDown();
    await bench.serve();
    bench.line.pause();
    bench.server.comeUp();
    const due = Date.parse(bench.line.status().retryAt ?? '') + 100;
    await vi.waitUntil(() => Date.now() > due, { timeout: 5000, interval: 20 });
    expect(bench.line.status().state).toBe('unreachable');
    bench.line.resume();
    await bench.state((status) => status.state === 'in-sync');
    expect(await bench.served()).toEqual({ a: 'a' });
  });
});

describe('a target that a person has to help', () => {
  test('is left alone until one asks', async () => {
    const bench = await makeLine({ a: 'a' });
    bench.server.goDown(new TargetError('auth', 'it wants another key'));
    await bench.serve();
    expect(bench.line.status()).toMatchObject({
      state: 'halted',
      retryAt: null,
      error: { message: 'it wants another key' },
    });
    bench.server.comeUp();
    const tries = bench.server.tries;
    expect(await bench.serve(['a'])).toBeUndefined();
    expect([bench.server.tries - tries, bench.line.report(undefined).error?.message]).toEqual([
      0,
      'it wants another key',
    ]);
    expect(kindOf(await bench.serve(undefined, undefined, ASKED))).toBe('result');
    expect(await bench.served()).toEqual({ a: 'a' });
  });

  test('because a guard refused is asked anew whenever something changed', async () => {
    const tree = { a: 'a', b: 'b', c: 'c' };
    const bench = await makeLine(tree, { limit: { kind: 'count', count: 1 } });
    await bench.serve();
    await bench.edit({}, ['a', 'b']);
    expect(kindOf(await bench.serve(['a', 'b']))).toBe('error');
    expect(bench.line.status()).toMatchObject({ state: 'halted', error: { code: 'REFUSED' } });
    expect(await bench.served()).toEqual(tree);
    await bench.edit({ a: 'a' });
    expect(kindOf(await bench.serve(['a']))).toBe('result');
    expect(await bench.served()).toEqual({ a: 'a', c: 'c' });
    expect(bench.line.status()).toMatchObject({ state: 'in-sync', error: null });
  });

  test.each(['is owed what others were served with', 'goes on after a pause'])(
    'because a guard refused is asked anew when it %s',
    async (when) => {
      const bench = await makeLine({ a: 'a', b: 'b', c: 'c' }, { limit: { kind: 'count', count: 1 } });
      await bench.serve();
      await bench.edit({}, ['a', 'b']);
      await bench.serve(['a', 'b']);
      await bench.edit({ a: 'a', b: 'b' });
      if (when.startsWith('is owed')) bench.owe(['a', 'b']);
      else {
        bench.line.pause();
        bench.line.resume();
      }
      await bench.state((status) => status.state === 'in-sync');
    },
  );
});

test('a target of which the file of a secret is just being written anew is tried again', async () => {
  const bench = await makeLine({ a: 'a' });
  bench.server.goDown(
    new ConfigError('cannot log in to web: the file secret is empty; write it there', { retryable: true }),
  );
  await bench.serve();
  expect(bench.line.status()).toMatchObject({
    state: 'behind',
    retryAt: expect.any(String),
    error: { code: 'CONFIG' },
  });
  bench.server.comeUp();
  await bench.state((status) => status.state === 'in-sync');
  expect(await bench.served()).toEqual({ a: 'a' });
});

test('what is owed during a cycle comes right after it', async () => {
  const bench = await makeLine({ a: 'a' });
  await bench.serve();
  const release = bench.server.hold();
  await bench.edit({ b: 'b' });
  const serving = bench.serve(['b']);
  await bench.edit({ c: 'c' });
  bench.owe(['c']);
  release();
  await serving;
  await bench.state((status) => status.state === 'in-sync' && status.files === 3);
  expect(await bench.served()).toEqual({ a: 'a', b: 'b', c: 'c' });
});

test('a file that cannot be pushed is tried again after a pause, and the others are served', async () => {
  const bench = await makeLine({ a: 'a' });
  await bench.serve();
  bench.server.refuse(1);
  await bench.edit({ b: 'b', c: 'c' });
  await bench.serve(['b', 'c']);
  expect(bench.line.status()).toMatchObject({ state: 'behind', failures: 1, problems: [{ step: 'stage' }] });
  expect(Object.keys(await bench.served())).toHaveLength(2);
  await bench.state((status) => status.state === 'in-sync');
  expect(await bench.served()).toEqual({ a: 'a', b: 'b', c: 'c' });
  expect(bench.line.status()).toMatchObject({ problems: [], error: null });
});

test('a file that is another one each time it is to be read keeps no other waiting', async () => {
  const bench = await makeLine({ log: '0' });
  await bench.serve();
  for (let round = 1; round <= 4; round++) {
    const release = bench.server.hold();
    await bench.edit({ log: 'x'.repeat(round), [`${round}`]: 'other' });
    const serving = bench.serve(['log', `${round}`]);
    await bench.edit({ log: 'y'.repeat(10 + round) });
    release();
    await serving;
    // What changed again comes with the round that tells of it: that is no trouble.
    expect(bench.line.status()).toMatchObject({ problems: [], error: null, failures: 0 });
    expect(bench.line.hasRest).toBe(true);
    expect(await bench.served()).toHaveProperty(`${round}`);
  }
  await bench.serve(['log']);
  expect(bench.line.status()).toMatchObject({ state: 'in-sync', failures: 0 });
});

test('a push that broke off between two shares is told of as a whole by the cycle that goes on with it', async () => {
  const names = Array.from({ length: 10 }, (_, i) => `${i}.png`);
  const bench = await makeLine(Object.fromEntries(names.map((name) => [name, name])), {}, { filesInShare: 4 });
  bench.server.dropAfter(2);
  const broken = await bench.serve();
  expect(kindOf(broken)).toBe('error');
  expect(Object.keys(await bench.served())).toHaveLength(4);
  await bench.state(({ state }) => state === 'in-sync');
  const [ending] = bench.retried.slice(-1);
  expect(ending && targetReport('target', ending, 'push')).toMatchObject({ ok: true, uploaded: 10, unchanged: 0 });
  expect(publicationOf([bench.line], [ending])?.paths).toEqual(names);
  // And once only.
  await bench.edit({ '0.png': 'other' });
  expect(publicationOf([bench.line], [await bench.serve(['0.png'])])?.paths).toEqual(['0.png']);
});

describe('a line that is closed', () => {
  test('knows what was published by a push that broke off, for whoever is to be told', async () => {
    const names = Array.from({ length: 10 }, (_, i) => `${i}.png`);
    const bench = await makeLine(Object.fromEntries(names.map((name) => [name, name])), {}, { filesInShare: 4 });
    expect(bench.line.untold).toBeUndefined();
    bench.server.dropAfter(2);
    expect(kindOf(await bench.serve())).toBe('error');
    await bench.line.close();
    const { paths, targets } = bench.line.untold ?? {};
    expect(paths).toEqual(expect.arrayContaining(Object.keys(await bench.served())));
    expect(targets).toEqual([{ name: 'target', generation: 1 }]);
  });

  test('has ended its cycle, and begins nothing any more', async () => {
    const bench = await makeLine({ a: 'a' });
    const release = bench.server.hold();
    const serving = bench.serve();
    const closing = bench.line.close();
    release();
    await closing;
    await serving;
    expect(await bench.served()).toEqual({ a: 'a' });
    expect(bench.server.open).toBe(0);
    expect(await bench.serve(['a'], undefined, ASKED)).toBeUndefined();
    expect(bench.server.open).toBe(0);
  });

  test('says of what it has not served that it was broken off, and of nothing that all is well', async () => {
    const bench = await makeLine({ a: 'a' });
    await bench.serve();
    expect(bench.line.report(undefined)).toMatchObject({ ok: true });
    await bench.edit({ a: 'another' });
    const release = bench.server.hold();
    const serving = bench.serve(['a']);
    await bench.edit({ a: 'and yet another' });
    const asked = bench.serve(['a'], undefined, ASKED); // waits for the cycle under way
    const closing = bench.line.close();
    release();
    await closing;
    await serving;
    expect(await asked).toBeUndefined();
    expect(bench.line.report(undefined)).toMatchObject({ ok: false, error: { code: 'INTERRUPTED' } });
  });

  test('is well where nothing was left to do', async () => {
    const bench = await makeLine({ a: 'a' });
    await bench.serve();
    await bench.line.close();
    expect(bench.line.report(undefined)).toMatchObject({ ok: true });
  });
});

interface Bench {
  readonly line: TargetLine;
  readonly server: Server;
  /** Cycles that no round asked for. */
  readonly retried: Ending[];
  /** What its status was at each change. */
  readonly standings: readonly TargetStatus[];
  snapshot(): Snapshot;
  /** Nothing is known any more, as in a daemon that has just begun. */
  forget(): void;
  edit(tree: Site, gone?: readonly string[]): Promise<void>;
  /** A round of what there is now. */
  serve(places?: readonly string[], removals?: 'hold', terms?: typeof ASKED): Promise<Ending | undefined>;
  /** A round that others are asked for. */
  owe(places: readonly string[]): void;
  served(): Promise<Record<string, string>>;
  state(is: (status: ReturnType<TargetLine['status']>) => boolean): Promise<void>;
}

async function makeLine(
  tree: Site,
  rest: Partial<TargetJob> = {},
  { filesInShare }: Pick<CycleOptions, 'filesInShare'> = {},
): Promise<Bench> {
  const folder = await temporaryFolder();
  const root = join(folder, 'root');
  const state = new StateFolder(join(folder, 'state'));
  const server = new Server();
  const retried: Ending[] = [];
  const standings: TargetStatus[] = [];
  let runs = 0;
  let snapshot: Snapshot = { entries: EntryTable.EMPTY, problems: [] };
  let isKnown = true;
  const look = async (): Promise<void> => {
    snapshot = await scanOnly(root, { state: state.folder('local'), mode: 'dry-run', force: 'past-guards' });
    isKnown = true;
  };
  await plant(root, tree);
  await look();
  const means: LineMeans = {
    options: () => ({
      site: 'site',
      fileOf: (at) => join(root, at),
      concurrency: 'auto',
      bandwidth: undefined,
      filesInShare,
      run: `run${++runs}`,
      now: Date.now,
    }),
    latest: () => (isKnown ? snapshot : undefined),
    now: Date.now,
    chance: () => 0,
    onEvent: () => undefined,
    onChange: () => standings.push(line.status()),
    mayRemove: () => true,
    signal: new AbortController().signal,
    onCaughtUp: (ending) => retried.push(ending),
  };
  const job: TargetJob = {
    name: 'target',
    terms: '',
    url: 'memory:',
    open: () => server.connect(),
    accepts: () => true,
    allows: () => false,
    allowNonAtomic: false,
    fileMode: 0o644,
    folderMode: 0o755,
    deletion: 'delete',
    limit: undefined,
    cache: state.folder('target'),
    ...rest,
  };
  const line = new TargetLine(job, means);
  onTestFinished(() => line.close());
  return {
    line,
    server,
    retried,
    standings,
    snapshot: () => snapshot,
    forget: () => void (isKnown = false),
    async edit(change, gone = []) {
      await plant(root, change);
      for (const name of gone) await rm(join(root, name));
      await look();
    },
    serve(places, removals, terms) {
      const round = new Round();
      const taking = line.take(round, terms);
      const part: { places?: Places } = places === undefined ? {} : { places: placesOf(places.map(path)) };
      round.collected({ removals, ...part }, undefined);
      return taking;
    },
    owe(places) {
      const round = new Round();
      void line.owe(round);
      round.collected({ places: placesOf(places.map(path)) }, undefined);
    },
    served: () => publicTree(server.memory),
    state: async (is) => void (await vi.waitUntil(() => is(line.status()), { timeout: 10_000, interval: 10 })),
  };
}

/** A server in memory that can go away, keep everybody waiting, and refuse. */
class Server {
  readonly memory = new MemoryTarget();
  tries = 0;
  connections = 0;
  open = 0;
  #downBy: Error | undefined;
  #generation = 0;
  #gate: Promise<void> = Promise.resolve();
  #refusals = 0;
  #headsLeft = Number.POSITIVE_INFINITY;

  async connect(): Promise<Target> {
    this.tries++;
    if (this.#downBy !== undefined) throw this.#downBy;
    this.connections++;
    this.open++;
    const generation = this.#generation;
    const admit = async (request: string, at: unknown): Promise<void> => {
      await this.#gate;
      if (generation !== this.#generation) throw new TargetError('unreachable', 'the connection is lost');
      if (request !== 'write' || this.#refusals === 0 || !isStaged(String(at))) return;
      this.#refusals--;
      throw new TargetError('failed', `cannot write ${String(at)}: refused`);
    };
    return new Proxy<Target>(this.memory, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        if (key === 'close') return async () => void this.open--;
        if (key === 'list' || key === 'read') {
          return async function* (...args: unknown[]) {
            await admit(key, args[0]);
            yield* value.apply(target, args) as AsyncIterable<unknown>;
          };
        }
        return async (...args: unknown[]): Promise<unknown> => {
          await admit(String(key), args[0]);
          const answer: unknown = await value.apply(target, args);
          if (key === 'rename' && args[1] === '.pushstatic/head' && --this.#headsLeft === 0) this.drop();
          return answer;
        };
      },
    });
  }

  /** Requests wait from now on, until the answer is called. */
  hold(): () => void {
    let release: () => void = () => undefined;
    this.#gate = new Promise((resolve) => (release = resolve));
    return release;
  }

  goDown(by: Error = new TargetError('unreachable', 'nobody answers')): void {
    this.#downBy = by;
    this.drop();
  }

  comeUp(): void {
    this.#downBy = undefined;
  }

  /** Breaks the connections there are. */
  drop(): void {
    this.#generation++;
  }

  /** Breaks the connection once the head was replaced so many times: twice by each share of a push. */
  dropAfter(heads: number): void {
    this.#headsLeft = heads;
  }

  /** The next files that are to be staged cannot be. */
  refuse(times: number): void {
    this.#refusals = times;
  }
}

function kindOf(ending: Ending | undefined): Ending['kind'] | undefined {
  return ending?.kind;
}
