import { createHash } from 'node:crypto';
import { appendFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { chmod, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { digestFile } from '../src/collect/digest.js';
import { DigestCache } from '../src/collect/digest-cache.js';
import { scan } from '../src/collect/scan.js';
import type { Entry } from '../src/core/entry.js';
import type { Snapshot } from '../src/core/snapshot.js';
import { FileError, SourceError } from '../src/errors.js';
import { Pacer } from '../src/fs/pace.js';
import { StateFolder } from '../src/fs/state.js';
import { decodeCache, encodeCache } from './support/digest-cache.js';
import { path } from './support/entries.js';
import { MeddlingPacer } from './support/meddling-pacer.js';
import { clockTick, fifo, plant, symlink, temporaryFolder, withoutRoot } from './support/tree.js';

const MIB = 1024 * 1024;

afterEach(() => {
  vi.useRealTimers();
});

describe('digestFile', () => {
  test.each([0, 1, 4096, MIB, MIB + 1, 3 * MIB + 17])('digests a file of %d bytes', async (size) => {
    const content = Buffer.alloc(size, 'pushstatic');
    const file = await planted(content);
    expect(await digestFile(file, new Pacer())).toMatchObject({ size, digest: sha256(content) });
  });

  test('gives all pieces to its sink, in order', async () => {
    const content = Buffer.alloc(2 * MIB + 5, 'abc');
    const pieces: Buffer[] = [];
    await digestFile(await planted(content), new Pacer(), (bytes, position) => {
      expect(position).toBe(Buffer.concat(pieces).length);
      pieces.push(Buffer.from(bytes));
    });
    expect(Buffer.concat(pieces).equals(content)).toBe(true);
  });

  test.each([
    ['replaced', (file: string, content: Buffer) => replaceSync(file, content)],
    ['overwritten in place', (file: string, content: Buffer) => writeFileSync(file, content, { flag: 'r+' })],
    ['truncated and written anew', (file: string, content: Buffer) => writeFileSync(file, content)],
  ])('digests the new content of a file that is %s while it is read', async (_, change) => {
    const file = await planted(Buffer.alloc(3 * MIB, 'old'));
    const content = Buffer.alloc(3 * MIB, 'new');
    const pacer = new MeddlingPacer((breath) => breath === 1 && change(file, content));
    expect(await digestFile(file, pacer)).toMatchObject({ size: 3 * MIB, digest: sha256(content) });
  });

  test('digests what is left of a file that is cut off while it is read', async () => {
    const file = await planted(Buffer.alloc(3 * MIB, 'a'));
    const pacer = new MeddlingPacer((breath) => breath === 1 && truncateSync(file, 7));
    expect(await digestFile(file, pacer)).toMatchObject({ size: 7, digest: sha256('aaaaaaa') });
  });

  test('gives up on a file that grows whenever it is read', async () => {
    const file = await planted(Buffer.alloc(2 * MIB, 'a'));
    const pacer = new MeddlingPacer(() => appendFileSync(file, 'more'));
    await expect(digestFile(file, pacer)).rejects.toThrow(
      'it changed each of the 3 times it was read; the next run takes it up',
    );
    expect(pacer.breaths).toBeLessThanOrEqual(6);
  });

  test('gives up on a file that vanishes while it is read', async () => {
    const file = await planted(Buffer.alloc(2 * MIB, 'a'));
    const pacer = new MeddlingPacer((breath) => breath === 1 && rmSync(file));
    await expect(digestFile(file, pacer)).rejects.toMatchObject({
      code: 'CHANGED',
      message: 'it vanished while it was read',
    });
  });

  test('does not wait at a FIFO that has taken the place of a file', async () => {
    const folder = await temporaryFolder();
    await plant(folder, { file: fifo() });
    await expect(digestFile(join(folder, 'file'), new Pacer())).rejects.toMatchObject({ code: 'NOT_A_FILE' });
  });

  test('refuses a folder that has taken the place of a file', async () => {
    await expect(digestFile(await temporaryFolder(), new Pacer())).rejects.toMatchObject({ code: 'NOT_A_FILE' });
  });

  test('passes on what its sink throws', async () => {
    const full = new FileError('NO_SPACE', 'full');
    const fill = () => {
      throw full;
    };
    await expect(digestFile(await planted('a'), new Pacer(), fill)).rejects.toBe(full);
  });
});

describe('scan', () => {
  test('gives every file with its digest, sorted by path', async () => {
    const tree = await temporaryTree({ 'b.css': 'b', 'a/z.css': '', 'a-b.css': 'x' });
    const { entries, problems } = await tree.scan();
    expect([...entries].map((entry) => [entry.path, entry.size, entry.digest])).toEqual([
      ['a-b.css', 1, sha256('x')],
      ['a/z.css', 0, sha256('')],
      ['b.css', 1, sha256('b')],
    ]);
    expect(problems).toEqual([]);
  });

  test('takes whole seconds, rounded down and never before 1970, and permission bits', async () => {
    const tree = await temporaryTree({ a: '1', old: '1' });
    await utimes(join(tree.root, 'a'), 0, 1_700_000_000.999);
    await utimes(join(tree.root, 'old'), 0, new Date(-5000));
    await chmod(join(tree.root, 'a'), 0o4640);
    expect([...(await tree.scan()).entries]).toMatchObject([
      { path: 'a', mtime: 1_700_000_000, mode: 0o640 },
      { path: 'old', mtime: 0 },
    ]);
  });

  test('publishes what links lead to as content', async () => {
    const tree = await temporaryTree({ 'a.css': 'a', 'b.css': symlink('a.css') });
    expect(contents(await tree.scan())).toEqual({ 'a.css': sha256('a'), 'b.css': sha256('a') });
  });

  test('reports a file that it may not read, and keeps what was known of it', async () => {
    const tree = await temporaryTree({ 'a.css': 'a', 'b.css': 'b' });
    await tree.scan();
    await utimes(join(tree.root, 'a.css'), 0, 1000);
    await chmod(join(tree.root, 'a.css'), 0o000);
    const { entries, problems } = await withoutRoot(tree.folder, () => tree.scan());
    expect([...entries].map((entry) => entry.path)).toEqual(['b.css']);
    expect(problems).toEqual([
      { path: 'a.css', step: 'scan', code: 'UNREADABLE', message: 'it cannot be read: permission denied' },
    ]);
    await chmod(join(tree.root, 'a.css'), 0o644);
    const [first] = (await tree.scan()).entries;
    expect(first?.mtime).toBeGreaterThan(1000); // the time of that content, from before the touch
  });

  test('refuses a root that is missing', async () => {
    const tree = await temporaryTree({});
    rmSync(tree.root, { recursive: true });
    await expect(tree.scan()).rejects.toThrow(SourceError);
  });

  test('counts every file and byte in its last progress', async () => {
    const tree = await temporaryTree({ a: '12345', 'b/c': '', 'b/d': '123' });
    const onProgress = vi.fn();
    await scan(tree.root, { cache: await tree.cache(), onProgress });
    expect(onProgress).toHaveBeenLastCalledWith({ files: 3, bytes: 8 });
  });
});

describe('a scan in shares', () => {
  const names = ['a-b', 'a/c', 'a/d', 'b/e', 'b/f', 'c'];
  const site = Object.fromEntries(names.map((name) => [name, `content of ${name}`]));

  test.each([1, 2, 3, 100])('of %i files says what one of all of them does', async (filesInShare) => {
    const tree = await temporaryTree(site);
    const whole = await tree.scan();
    rmSync(join(tree.root, 'a/d'));
    await plant(tree.root, { 'a/c': 'other' });
    const seen: Entry[] = [];
    const cache = await tree.cache();
    const scanned = await scan(tree.root, { cache, filesInShare, onEntry: (entry) => seen.push(entry) });
    const { entries } = await tree.scan();
    expect(seen).toEqual([...entries]);
    expect(entries.length).toBe(whole.entries.length - 1);
    expect(scanned).toMatchObject({ files: 5, gone: 1, problems: [] });
    expect(cache.size).toBe(5);
  });

  test('reads those of the first before it has found all of them, and tells how many it knows of', async () => {
    const tree = await temporaryTree(site);
    const told: string[] = [];
    await scan(tree.root, {
      cache: await tree.cache(),
      filesInShare: 3,
      onFound: (files) => told.push(`${files} found`),
      onEntry: (entry) => told.push(entry.path),
    });
    expect(told).toEqual(['3 found', 'a-b', 'a/c', 'a/d', '6 found', 'b/e', 'b/f', 'c', '6 found']);
  });
});

describe('the digest cache', () => {
  test('spares reading a file whose stamp agrees, unless all are to be read again', async () => {
    laterByAnHour();
    const tree = await temporaryTree({ 'a.css': 'true' });
    await tree.scan();
    await tree.lie('a.css', sha256('a lie'));
    expect(contents(await tree.scan())).toEqual({ 'a.css': sha256('a lie') });
    const reread = await scan(tree.root, { cache: await tree.cache(), reread: 'all' });
    expect(contents(reread)).toEqual({ 'a.css': sha256('true') });
  });

  test.each([
    ['its content, with size and time as before', (file: string) => writeKeepingTime(file, 'eurt')],
    ['another file of that size and time', (file: string) => replaceKeepingTime(file, 'eurt')],
    ['its time', (file: string) => utimes(file, 5, 5)],
    ['its mode', (file: string) => chmod(file, 0o600)],
  ])('reads a file again that has changed in %s', async (_, change) => {
    laterByAnHour();
    const tree = await temporaryTree({ 'a.css': 'true' });
    await utimes(join(tree.root, 'a.css'), 1000, 1000);
    await tree.scan();
    await tree.lie('a.css', sha256('a lie'));
    await clockTick(tree.folder);
    await change(join(tree.root, 'a.css'));
    expect(contents(await tree.scan())).not.toEqual({ 'a.css': sha256('a lie') });
  });

  test('never trusts the stamp of a file that was changed within a tick before it was read', async () => {
    const tree = await temporaryTree({ 'a.css': 'one!' });
    const file = join(tree.root, 'a.css');
    vi.useFakeTimers({ toFake: ['Date'] });
    for (const content of ['two!', 'six!', 'ten!']) {
      await tree.scan();
      await writeKeepingTime(file, content);
      vi.setSystemTime((await stat(file)).ctimeMs); // however long the machine stands still
      expect(contents(await tree.scan())).toEqual({ 'a.css': sha256(content) });
    }
    expect((await tree.remembered()).get(path('a.css'))?.stamp).toBe('');
  });

  test('keeps the published time of a content, however often the file is touched or written anew', async () => {
    const tree = await temporaryTree({ 'a.css': 'same' });
    const file = join(tree.root, 'a.css');
    await utimes(file, 1000, 1000);
    expect([...(await tree.scan()).entries]).toMatchObject([{ mtime: 1000 }]);
    await utimes(file, 2000, 2000);
    expect([...(await tree.scan()).entries]).toMatchObject([{ mtime: 1000 }]);
    await plant(tree.root, { 'a.css': 'same' });
    expect([...(await tree.scan()).entries]).toMatchObject([{ mtime: 1000 }]);
    await writeFile(file, 'other');
    await utimes(file, 3000, 3000);
    expect([...(await tree.scan()).entries]).toMatchObject([{ mtime: 3000 }]);
  });

  test('forgets files that are gone', async () => {
    const tree = await temporaryTree({ a: '', b: '' });
    await tree.scan();
    rmSync(join(tree.root, 'a'));
    await tree.scan();
    expect([...(await tree.remembered()).keys()]).toEqual(['b']);
  });

  test('is not written again when nothing has changed', async () => {
    laterByAnHour();
    const tree = await temporaryTree({ a: '' });
    await tree.scan();
    const before = await stat(join(tree.state.path, 'root'));
    await tree.scan();
    const after = await stat(join(tree.state.path, 'root'));
    expect(after.ino).toBe(before.ino); // it would have been replaced
  });

  test.each([
    ['missing', (bytes: Buffer) => bytes.subarray(0, 0)],
    ['damaged', (bytes: Buffer) => bytes.fill(7, 10, 12)],
    ['cut off', (bytes: Buffer) => bytes.subarray(0, -1)],
  ])('costs only time when it is %s', async (_, spoil) => {
    const tree = await temporaryTree({ a: '1', b: '2' });
    const first = await tree.scan();
    await tree.state.write('root', spoil(await tree.bytes()));
    expect(await tree.scan()).toEqual(first);
  });
});

class TemporaryTree {
  readonly folder: string;
  readonly root: string;
  readonly state: StateFolder;

  constructor(folder: string) {
    this.folder = folder;
    this.root = join(folder, 'root');
    this.state = new StateFolder(join(folder, 'state'));
  }

  cache(): Promise<DigestCache> {
    return DigestCache.load(this.state, 'root', new Pacer());
  }

  /** As a run does it: the cache is read before and written after. */
  async scan(): Promise<Snapshot> {
    const cache = await this.cache();
    const snapshot = await scan(this.root, { cache });
    await cache.save(new Pacer());
    return snapshot;
  }

  async bytes(): Promise<Buffer> {
    const bytes = await this.state.read('root');
    if (bytes === undefined) throw new TypeError('no cache was written');
    return bytes;
  }

  async remembered() {
    return decodeCache(await this.bytes()) ?? new Map();
  }

  /** Makes the cache claim another digest, so that a test sees whether it is asked. */
  async lie(name: string, digest: string): Promise<void> {
    const entries = await this.remembered();
    const entry = entries.get(path(name));
    await this.state.write('root', encodeCache(new Map([...entries, [path(name), { ...entry, digest }]])));
  }
}

async function temporaryTree(tree: Parameters<typeof plant>[1]): Promise<TemporaryTree> {
  const made = new TemporaryTree(await temporaryFolder());
  await plant(made.root, tree);
  return made;
}

async function planted(content: string | Uint8Array): Promise<string> {
  const folder = await temporaryFolder();
  await plant(folder, { file: content });
  await clockTick(folder);
  return join(folder, 'file');
}

/** Lets files that are made now look an hour old to the code under test. */
function laterByAnHour(): void {
  const hence = Date.now() + 3_600_000;
  vi.useFakeTimers({ toFake: ['Date'], now: hence });
}

function contents({ entries }: Snapshot): Record<string, string> {
  return Object.fromEntries([...entries].map((entry: Entry) => [entry.path, entry.digest]));
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

function replaceSync(file: string, content: Buffer): void {
  writeFileSync(`${file}.new`, content);
  renameSync(`${file}.new`, file);
}

/** Writes content of the same size, and puts the time back to 1000 seconds. */
async function writeKeepingTime(file: string, content: string): Promise<void> {
  await writeFile(file, content);
  await utimes(file, 1000, 1000);
}

async function replaceKeepingTime(file: string, content: string): Promise<void> {
  await writeKeepingTime(`${file}.new`, content);
  await rename(`${file}.new`, file);
}
