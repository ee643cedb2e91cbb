/** One target in a process that lasts: what it owes after an outage. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { Round } from '../src/daemon/round.js';
import { TargetLine } from '../src/daemon/target-line.js';
import { TargetError } from '../src/errors.js';
import { StateFolder } from '../src/fs/state.js';
import { MemoryTarget } from '../src/targets/memory.js';
import { publicTree } from './support/cycle.js';
import { entry, snapshot } from './support/entries.js';
import { plant, temporaryFolder } from './support/tree.js';

const CONTENT = 'body{}';
const STYLE = entry('app.css', CONTENT);
const WANTED = { snapshot: snapshot(STYLE), places: [STYLE.path] };
const contents = { of: () => Buffer.from(CONTENT) };

test('an outage that is met while the settle time runs leaves nothing undone', async () => {
  const target = new MemoryTarget();
  let tries = 0;
  const line = await lineTo(async () => {
    if (tries++ === 0) throw new TargetError('unreachable', 'cannot connect: nobody there');
    return target;
  });
  const round = new Round();
  round.foreseen([STYLE], contents);
  const taking = line.take(round);
  await expect.poll(() => line.status().state).toBe('unreachable');
  round.collected(WANTED, contents);
  expect((await taking)?.kind).toBe('error');
  expect(line.status().pending).toBe(null);
  await vi.waitFor(() => expect(line.status().state).toBe('in-sync'), { timeout: 10_000 });
  expect(await publicTree(target)).toEqual({ 'app.css': CONTENT });
});

test('a round that is whole only after the cycle before it has ended is served, and not put off', async () => {
  const target = new MemoryTarget();
  const line = await lineTo(async () => target);
  const [first, second] = [new Round(), new Round()];
  const endings = [line.take(first), line.take(second)];
  first.collected({ ...WANTED, places: [] }, contents);
  expect((await endings[0])?.kind).toBe('result');
  second.collected(WANTED, contents);
  const ending = await endings[1];
  expect(ending?.kind).toBe('result');
  expect(line.report(ending)).toMatchObject({ ok: true });
  expect(line.status()).toMatchObject({ state: 'in-sync', pending: 0 });
});

async function lineTo(open: () => Promise<MemoryTarget>): Promise<TargetLine> {
  const folder = await temporaryFolder();
  await plant(folder, { [STYLE.path]: CONTENT });
  const job = {
    name: 'target',
    terms: '',
    url: 'memory:',
    open,
    accepts: () => true,
    allows: () => false,
    allowNonAtomic: false,
    fileMode: 0o644,
    folderMode: 0o755,
    deletion: 'delete',
    limit: undefined,
    cache: new StateFolder(folder),
  } as const;
  const nothing = (): void => undefined;
  const line = new TargetLine(job, {
    options: () => ({
      site: 'site',
      fileOf: (at) => `${folder}/${at}`,
      concurrency: 'auto',
      bandwidth: undefined,
      run: 'run',
      now: Date.now,
    }),
    signal: new AbortController().signal,
    mayRemove: () => true,
    latest: () => WANTED.snapshot,
    now: Date.now,
    chance: () => 0,
    onEvent: nothing,
    onChange: nothing,
    onCaughtUp: nothing,
  });
  onTestFinished(() => line.close());
  return line;
}
