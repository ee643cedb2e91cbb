/** A folder of this machine as a target: what it does beyond the contract. */
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RelPath } from '../src/core/relpath.js';
import { TargetError } from '../src/errors.js';
import { openLocal } from '../src/targets/local.js';
import { memoryFolder } from './support/tree.js';

const META = { size: 6, mtime: 1_700_000_000, mode: 0o644 };
const FILE = '.pushstatic/stage/a' as RelPath;

async function openIn(folder: string, signal?: AbortSignal) {
  const root = join(folder, 'root');
  const target = await openLocal({ url: `file://${root}`, root, control: join(root, '.pushstatic'), signal });
  await target.makeFolder('.pushstatic' as RelPath, 0o700);
  await target.makeFolder('.pushstatic/stage' as RelPath, 0o700);
  return { root, target };
}

test('why a file could not be written is told, also where what is left of it cannot be removed', async () => {
  const { root, target } = await openIn(await memoryFolder());
  const trouble = new RangeError('the source went');
  const body = async function* (): AsyncIterable<Uint8Array> {
    yield Buffer.from('abc');
    const stage = join(root, '.pushstatic/stage');
    renameSync(stage, `${stage}.old`);
    writeFileSync(stage, 'a file in place of the folder');
    throw trouble;
  };
  await expect(target.write(FILE, body, META)).rejects.toBe(trouble);
});

test('a long copy ends when the run does, and leaves nothing behind', async () => {
  const ending = new AbortController();
  const { root, target } = await openIn(await memoryFolder(), ending.signal);
  let pieces = 0;
  const body = async function* (): AsyncIterable<Uint8Array> {
    for (; pieces < 6; pieces++) {
      if (pieces === 2) ending.abort();
      yield Buffer.from('a');
    }
  };
  await expect(target.write(FILE, body, META)).rejects.toMatchObject({ kind: 'failed', message: /interrupted/ });
  expect(pieces).toBe(2);
  expect(existsSync(join(root, FILE))).toBe(false);
  await expect(target.write(FILE, body, META)).rejects.toMatchObject({ kind: 'failed' });
});

test('a long file is read no further than the run goes', async () => {
  const ending = new AbortController();
  const { root, target } = await openIn(await memoryFolder(), ending.signal);
  writeFileSync(join(root, FILE), Buffer.alloc(10 * 1024 * 1024));
  let bytes = 0;
  const reading = async (): Promise<void> => {
    for await (const piece of target.read(FILE)) {
      bytes += piece.length;
      ending.abort();
    }
  };
  await expect(reading()).rejects.toMatchObject({ kind: 'failed', message: /interrupted/ });
  expect(bytes).toBeLessThan(10 * 1024 * 1024);
  await expect(reading()).rejects.toMatchObject({ kind: 'failed' });
});

test('a link in the place of what is written leads nowhere', async () => {
  const folder = await memoryFolder();
  const { root, target } = await openIn(folder);
  writeFileSync(join(folder, 'theirs'), 'theirs');
  symlinkSync(join(folder, 'theirs'), join(root, FILE));
  await expect(target.write(FILE, () => Buffer.from('abcdef'), META)).rejects.toBeInstanceOf(TargetError);
  symlinkSync(join(folder, 'theirs'), join(root, `${FILE}.log`));
  const appending = target.append(`${FILE}.log` as RelPath, 0, Buffer.from('abc'));
  await expect(appending).rejects.toBeInstanceOf(TargetError);
  expect(readFileSync(join(folder, 'theirs'), 'utf8')).toBe('theirs');
});

test('what could not be linked leaves nothing there, which the next write would write through', async () => {
  const { root, target } = await openIn(await memoryFolder());
  await target.write(FILE, () => Buffer.from('abcdef'), META);
  await target.rename(FILE, 'a' as RelPath);
  linkSync(join(root, 'a'), join(root, FILE)); // as by a server whose answer was lost
  expect(await target.link({ path: 'a' as RelPath, meta: META }, FILE)).toBe(false);
  expect(existsSync(join(root, FILE))).toBe(false);
});

test('a root that is made hands on the group of the folder above', async () => {
  const folder = await memoryFolder();
  const shared = join(folder, 'shared');
  mkdirSync(shared);
  chmodSync(shared, 0o2775);
  const { root } = await openIn(shared);
  expect(statSync(root).mode & 0o7777).toBe(0o2755);
});

test('a file of a time before 1970 has the first one that an index can hold', async () => {
  const { root, target } = await openIn(await memoryFolder());
  writeFileSync(join(root, 'old'), 'old');
  const before = new Date(-3_600_000); // a number below 0 would mean now
  utimesSync(join(root, 'old'), before, before);
  expect(statSync(join(root, 'old')).mtimeMs).toBe(-3_600_000);
  expect(await target.stat('old' as RelPath)).toMatchObject({ mtime: 0 });
});
