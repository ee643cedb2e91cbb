/** Content that a target has already under another name: it is not sent, on a real OpenSSH server without a shell. */
import { linkSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isMark } from '../../src/core/lease.js';
import { problemsOf } from '../../src/core/outcome.js';
import { TargetError } from '../../src/errors.js';
import { MemoryTarget } from '../../src/targets/memory.js';
import type { Capabilities } from '../../src/targets/target.js';
import { Crash, crashAt } from '../support/crashing-target.js';
import { controlFiles, makeBench, publicTree, type Site } from '../support/cycle.js';
import { type FilledRoot, makeFilledRoot, FILLED_AT as TIME, writeDated as write } from '../support/filled-root.js';
import { type OpenSshServer, startOpenSsh } from '../support/openssh-server.js';
import { on, published } from '../support/project.js';
import { readTree } from '../support/tree.js';

const LONG = 'long content, '.repeat(1000);
const OTHER = 'OTHER content,'.repeat(1000);

/** Offers less and less of what saves sending. */
const SERVERS = {
  'that does both': 'internal-sftp',
  'without hardlink': 'internal-sftp -P hardlink',
  'without copy-data': 'internal-sftp -P copy-data',
  'that does neither': 'internal-sftp -P hardlink,copy-data',
} as const;

const servers = new Map<string, OpenSshServer>();

beforeAll(async () => {
  for (const [name, subsystem] of Object.entries(SERVERS))
    servers.set(name, await startOpenSsh({ extra: [`Subsystem sftp ${subsystem}`] }));
});

afterAll(async () => {
  for (const server of servers.values()) await server.stop();
});

const makeScene = (server: keyof typeof SERVERS = 'that does both'): Promise<FilledRoot> =>
  makeFilledRoot(servers.get(server) as OpenSshServer);

describe('content that lies on the server already', () => {
  it('is one file under two names, where both have its time and mode', async () => {
    const { put, sync, target, root } = await makeScene();
    put({ 'a.png': LONG, 'a.0123456789ab.png': LONG });
    expect(await sync()).toMatchObject({
      status: 0,
      targets: [{ uploaded: 2, linked: 1, sentBytes: LONG.length + 4 }],
    });
    expect(inode(target, 'a.png')).toBe(inode(target, 'a.0123456789ab.png'));
    put({ 'b.png': LONG });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 0, linked: 1, sentBytes: 0 }] });
    expect(inode(target, 'b.png')).toBe(inode(target, 'a.png'));
    expect(await published(target)).toEqual(await readTree(root));
  });

  it('is copied there, where another time is wanted', async () => {
    const { put, sync, target, root } = await makeScene();
    put({ 'a.png': LONG });
    put({ 'twin.png': LONG }, TIME + 100);
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 2, linked: 1 }] });
    put({ 'b.png': LONG }, TIME + 200);
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 0, linked: 1, sentBytes: 0 }] });
    const times = ['a.png', 'twin.png', 'b.png'].map((name) => statSync(join(target, name)).mtimeMs / 1000);
    expect(times).toEqual([TIME, TIME + 100, TIME + 200]);
    expect(new Set(['a.png', 'twin.png', 'b.png'].map((name) => inode(target, name))).size).toBe(3);
    expect(await published(target)).toEqual(await readTree(root));
  });

  it('is not sent when its file was renamed, and goes under its old name', async () => {
    const { put, sync, target, root } = await makeScene();
    put({ 'a.png': LONG });
    await sync();
    rmSync(join(root, 'a.png'));
    put({ 'b.png': LONG }, TIME + 1);
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 0, linked: 1, removed: 1, sentBytes: 0 }] });
    expect(await published(target)).toEqual(await readTree(root));
  });

  it('is not changed with its second name', async () => {
    const { put, sync, target, root } = await makeScene();
    put({ 'a.png': LONG, 'b.png': LONG });
    await sync();
    put({ 'a.png': OTHER });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1, linked: 0 }] });
    expect(await published(target)).toEqual(await readTree(root));
    put({ 'a.png': LONG });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 0, linked: 1, sentBytes: 0 }] });
    expect(await published(target)).toEqual(await readTree(root));
  });

  it('gets another mode under all of its names', async () => {
    const { put, sync, target, configure } = await makeScene();
    put({ 'a.png': LONG, 'b.png': LONG });
    await sync();
    const server = servers.get('that does both') as OpenSshServer;
    await configure({ targets: { web: on(server, target, { mode: { file: '0600' } }) } });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 0, linked: 0, sentBytes: 0 }] });
    expect(['a.png', 'b.png'].map((name) => statSync(join(target, name)).mode & 0o777)).toEqual([0o600, 0o600]);
    expect(await sync()).toMatchObject({ status: 0, targets: [{ unchanged: 3 }] });
  });

  it('keeps its mode under a name that is kept, when the others get another', async () => {
    const { put, sync, target, root, configure } = await makeScene();
    put({ 'a.png': LONG, 'b.png': LONG });
    await sync();
    rmSync(join(root, 'b.png'));
    const server = servers.get('that does both') as OpenSshServer;
    const rest = { mode: { file: '0600' }, delete: { enabled: false } };
    await configure({ targets: { web: on(server, target, rest) } });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ sentBytes: 0 }] });
    expect(['a.png', 'b.png'].map((name) => statSync(join(target, name)).mode & 0o777)).toEqual([0o600, 0o644]);
  });

  it('leaves nothing on the stage where somebody had linked it there already', async () => {
    const { put, sync, target, root } = await makeScene();
    put({ 'a.png': LONG, 'b.png': OTHER });
    await sync();
    rmSync(join(target, 'b.png'));
    linkSync(join(target, 'a.png'), join(target, 'b.png')); // to rename one over the other does nothing
    put({ 'b.png': LONG });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ linked: 1 }] });
    expect(await published(target)).toEqual(await readTree(root));
    expect(readdirSync(join(target, '.pushstatic/stage')).filter((name) => !isMark(name))).toEqual([]);
  });

  for (const name of Object.keys(SERVERS) as (keyof typeof SERVERS)[]) {
    it(`arrives whole by way of a server ${name}`, async () => {
      const { put, sync, target, root } = await makeScene(name);
      put({ 'a.png': LONG, 'b.png': LONG });
      put({ 'c.png': LONG }, TIME + 1);
      const linked = { 'that does both': 2, 'without hardlink': 2, 'without copy-data': 1, 'that does neither': 0 }[
        name
      ];
      expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 4 - linked, linked }] });
      expect(await published(target)).toEqual(await readTree(root));
    });
  }
});

describe('content that somebody changed on the server', () => {
  const SPOILED: readonly (readonly [string, (file: string) => void])[] = [
    ['another size', (file) => write(file, `${LONG}more`, TIME)],
    ['another time', (file) => write(file, OTHER, TIME + 5)],
    ['its name for a link that leads to the like', (file) => replaceByLink(file, OTHER)],
    ['its name for a folder', (file) => replaceByFolder(file)],
    ['no name any more', (file) => rmSync(file)],
  ];

  it.each(SPOILED)('and that has %s is not taken for what is wanted', async (_, spoil) => {
    for (const mtime of [TIME, TIME + 1]) {
      const { put, sync, target } = await makeScene();
      put({ 'a.png': LONG });
      await sync();
      spoil(join(target, 'a.png'));
      put({ 'b.png': LONG }, mtime);
      expect(await sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1, linked: 0, sentBytes: LONG.length }] });
      expect((await published(target))['b.png']).toBe(LONG);
      expect(statSync(join(target, 'b.png')).mtimeMs / 1000).toBe(mtime);
    }
  });
});

describe('a target that copies and does not link', () => {
  const OLD: Site = { 'a.png': LONG, 'gone.png': OTHER, 'index.html': 'old' };
  const NEW: Site = { 'a.png': LONG, 'index.html': 'new', 'moved.png': OTHER, 'set/a.png': LONG, 'set/b.png': OTHER };

  it.each(['before', 'after'] as const)('is left sound by a crash %s any change', async (moment) => {
    const bench = await makeBench();
    const counted = crashAt(new CopyingTarget(), Number.POSITIVE_INFINITY, 'before');
    await bench.publish(counted, OLD);
    const before = counted.changes();
    await bench.publish(counted, NEW);
    const total = counted.changes() - before;
    expect(total).toBeGreaterThan(12);
    for (let at = 1; at <= total; at++) {
      const target = new CopyingTarget();
      await bench.forgetState();
      await bench.publish(target, OLD);
      await expect(bench.publish(crashAt(target, at, moment), NEW)).rejects.toBeInstanceOf(Crash);
      if (at % 2 === 0) await bench.forgetState();
      const { outcomes } = await bench.publish(target, NEW);
      expect(problemsOf(outcomes)).toEqual([]);
      expect(await publicTree(target)).toEqual(NEW);
      await bench.publish(target, { ...NEW, 'index.html': 'newer' });
      expect(await controlFiles(target)).toEqual(['head', 'journal', 'snapshot']);
    }
  });

  it('gets what it does not copy after all', async () => {
    const bench = await makeBench();
    const target = new CopyingTarget();
    target.patch = async () => false;
    await bench.publish(target, OLD);
    const { linked, sentBytes } = await bench.publish(target, NEW);
    expect([linked, sentBytes]).toEqual([0, 2 * OTHER.length + LONG.length + 3]);
    expect(await publicTree(target)).toEqual(NEW);
  });

  it('that is out of reach meanwhile ends the push', async () => {
    const bench = await makeBench();
    const target = new CopyingTarget();
    await bench.publish(target, OLD);
    target.patch = async () => {
      throw new TargetError('unreachable', 'gone');
    };
    await expect(bench.publish(target, NEW)).rejects.toMatchObject({ kind: 'unreachable' });
    expect(await publicTree(target)).toEqual(OLD);
  });
});

class CopyingTarget extends MemoryTarget {
  override readonly capabilities: Capabilities = {
    atomicReplace: true,
    storesMtime: true,
    hardlink: false,
    serverCopy: true,
    roundTripMs: 0,
  };
}

function inode(folder: string, name: string): number {
  return statSync(join(folder, name)).ino;
}

function replaceByLink(file: string, content: string): void {
  const other = join(file, '..', '..', 'elsewhere');
  write(other, content, TIME);
  rmSync(file);
  symlinkSync(other, file);
}

function replaceByFolder(file: string): void {
  rmSync(file);
  mkdirSync(file);
}
