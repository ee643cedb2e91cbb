import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeFolders } from '../src/fs/make-folders.js';
import { temporaryFolder } from './support/tree.js';

it('makes a folder and those above it, with one mode, and leaves what is there', async () => {
  const folder = await temporaryFolder();
  await makeFolders(join(folder, 'a/b/c'), 0o700);
  for (const path of ['a', 'a/b', 'a/b/c']) expect((await stat(join(folder, path))).mode & 0o777).toBe(0o700);
  await mkdir(join(folder, 'open'), { mode: 0o755 });
  await symlink('open', join(folder, 'link'));
  await makeFolders(join(folder, 'link/d'), 0o700);
  await makeFolders(join(folder, 'link'), 0o700);
  expect((await stat(join(folder, 'open'))).mode & 0o777).toBe(0o755);
  expect((await stat(join(folder, 'open/d'))).isDirectory()).toBe(true);
});

it('is done by many at once', async () => {
  const path = join(await temporaryFolder(), 'a/b/c');
  await Promise.all(Array.from({ length: 20 }, () => makeFolders(path)));
  expect((await stat(path)).isDirectory()).toBe(true);
});

it('ends where nothing can be made', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'file'), '');
  await expect(makeFolders(join(folder, 'file/a'))).rejects.toThrow(/ENOTDIR|EEXIST/);
  await expect(makeFolders(join(folder, 'file'))).rejects.toThrow('EEXIST');
  await expect(makeFolders('/proc/pushstatic/state')).rejects.toThrow('ENOENT');
});
