/**
 * What a file system under a target refuses: it is named with its cause and what to do, concerns the paths that it concerns and no
 * others, and is the same on a server as in a folder of this machine.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RelPath } from '../src/core/relpath.js';
import type { Entry } from '../src/core/snapshot.js';
import { emptyIndex } from '../src/core/target-index.js';
import { StateFolder } from '../src/fs/state.js';
import { IndexStore } from '../src/push/index-store.js';
import { openLocal } from '../src/targets/local.js';
import { type OpenSshServer, startOpenSsh } from './support/openssh-server.js';
import { inFolder, makeProject, on, published, type TargetSettings } from './support/project.js';
import { plant, type Tree, temporaryFolder } from './support/tree.js';

let openSsh: OpenSshServer;

beforeAll(async () => {
  openSsh = await startOpenSsh();
});

afterAll(() => openSsh.stop());

const SITE: Tree = {
  'assets/css/app.css': 'body {}',
  'assets/img/a.png': 'a',
  'assets/img/b.png': 'b',
  'assets/top.txt': 't',
};
const SERVED = { 'css/app.css': 'body {}', 'img/a.png': 'a', 'img/b.png': 'b', 'top.txt': 't' };

/** A target in `folder` of this machine, as such or by way of the server. */
function reach(where: string, folder: string, rest: object = {}): TargetSettings {
  return where === 'OpenSSH' ? on(openSsh, folder, rest) : inFolder(folder, rest);
}

describe.each(['OpenSSH', 'a folder of this machine'])('a path that is too long for %s alone (F55)', (where) => {
  const FOLDERS = Array.from({ length: 57 }, (_, i) => `${i}`.padEnd(60, 'x'));
  const LONG = `${FOLDERS.join('/')}/a.png`;

  /** A root so deep that 4,096 bytes are not enough for root and path. */
  async function makeScene(tree: Tree) {
    const target = join(await temporaryFolder(), ...Array.from({ length: 4 }, () => 'r'.repeat(210)));
    await mkdir(target, { recursive: true });
    const project = await makeProject({ targets: { web: reach(where, target) } }, tree);
    return { ...project, target };
  }

  it('is a problem of that path, says why and what to do, and the others are published', async () => {
    const { sync, assets, target, program } = await makeScene({ ...SITE, [`assets/${LONG}`]: 'long' });
    const { status, targets } = await sync();
    expect(status).toBe(1);
    expect(targets[0]?.problems).toMatchObject([{ code: 'BAD_NAME', step: 'publish' }]);
    expect(targets[0]?.problems[0]?.message).toMatch(
      /the whole path has \d+ bytes there, and 4095 are the most; rename/,
    );
    expect(await published(target)).toEqual(SERVED);
    expect((await program.run('verify', '--content')).status).toBe(0);
    await plant(assets, { 'top.txt': 'T' });
    expect(await sync()).toMatchObject({ status: 1, targets: [{ uploaded: 1, problems: [{ code: 'BAD_NAME' }] }] });
    await rm(join(assets, FOLDERS[0] ?? ''), { recursive: true });
    expect(await sync()).toMatchObject({ status: 0, targets: [{ unchanged: 4, removed: 0 }] });
  });

  it('is a problem of its file alone where its folder is not too long, also of a folder that comes as a whole', async () => {
    const { sync, assets, target } = await makeScene({ 'assets/top.txt': 't' });
    const folder = LONG.slice(0, 4090 - target.length - 1);
    const names = ['four', 'one', 'three', 'two'].map((name) => `${folder}/${name}-more.svg`);
    await plant(assets, Object.fromEntries(names.map((name, i) => [name, `${i}`])));
    const { status, targets } = await sync();
    expect([status, targets[0]?.uploaded]).toEqual([1, 1]);
    const told = targets[0]?.problems.map(({ path, code }) => `${code} ${path}`).toSorted();
    expect(told?.join() === names.map((name) => `BAD_NAME ${name}`).join()).toBe(true);
    expect(await published(target)).toEqual({ 'top.txt': 't' });
  });

  it.each([
    ['which the sources still have', { [`assets/${LONG}`]: 'long' }, 1],
    ['which was taken away', {}, 0],
  ])('and pending in its index, %s, does not keep the others from being published', async (_, tree, expected) => {
    const { sync, target, state, program } = await makeScene({ ...SITE, ...tree });
    await announce(target, LONG, join(state, 'other'));
    expect(await sync()).toMatchObject({ status: expected, targets: [{ uploaded: 4 }] });
    expect(await published(target)).toEqual(SERVED);
    expect((await program.run('verify', '--repair')).status).toBe(0);
    expect((await program.run('status', '--json')).json()).toMatchObject({ targets: [{ pending: 0 }] });
  });
});

/** Leaves an index on the target in `folder` that says that `path` may hold a file. */
async function announce(folder: string, path: string, state: string): Promise<void> {
  const target = await openLocal({ url: 'file:', root: folder, control: join(folder, '.pushstatic') });
  const cache = new StateFolder(state);
  const store = new IndexStore(target, { site: 'test', run: 'earlier', cache, now: () => 0 });
  await store.load();
  const entry: Entry = { path: path as RelPath, size: 4, digest: 'd'.repeat(64), mtime: 0, mode: 0o644 };
  await store.begin(emptyIndex('test'), new Map([[entry.path, entry]]));
  await store.release('failed');
  await target.close();
}
