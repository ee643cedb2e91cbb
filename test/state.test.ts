/** What is remembered on this machine: its folders. */
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFor } from '../src/fs/atomic-write.js';
import { StateFolder, stateFolderFor } from '../src/fs/state.js';
import { inFolder, makeProject } from './support/project.js';
import { temporaryFolder } from './support/tree.js';

const long = (end: string): string => `web sftp://deploy@example.com/${'folder/'.repeat(60)}${end}`;

describe('the folder of a target', () => {
  test('has its name and its URL for a name', () => {
    const { path } = new StateFolder('/state').folder('web file:///srv/static');
    expect(path).toBe('/state/web%20file%3A%2F%2F%2Fsrv%2Fstatic');
  });

  test('is another one for each of two long URLs that begin alike', async () => {
    const state = new StateFolder(await temporaryFolder());
    const [one, other] = [state.folder(long('a')), state.folder(long('b'))];
    await one.write('file', 'of a');
    await other.write('file', 'of b');
    expect([await one.read('file'), await other.read('file')].map(String)).toEqual(['of a', 'of b']);
    expect(basename(one.path)).toMatch(/^web%20sftp.*-[0-9a-f]{12}$/);
  });

  test('is there for a target with a long URL, and nobody is warned', async () => {
    const folder = join(await temporaryFolder(), 'folder/'.repeat(40));
    await mkdir(folder, { recursive: true });
    const { sync } = await makeProject({ targets: { web: inFolder(`${folder}static`) } }, { 'assets/a.css': 'a' });
    expect(await sync()).toMatchObject({ status: 0, stderr: '' });
  });
});

test('a relative folder in the environment is ignored', () => {
  const file = '/srv/shop/pushstatic.yaml';
  const usual = stateFolderFor(file, { HOME: '/home/a' });
  expect(usual).toMatch(/^\/home\/a\/\.local\/state\/pushstatic\/shop-[0-9a-f]{12}$/);
  expect(stateFolderFor(file, { HOME: '/home/a', XDG_STATE_HOME: 'state', STATE_DIRECTORY: 'b:/c' })).toBe(usual);
  expect(stateFolderFor(file, { HOME: '/home/a', STATE_DIRECTORY: '/var/lib/a:/b' })).toMatch(/^\/var\/lib\/a\/shop-/);
});

test('what runs that were killed had begun to write is removed, and what others write now is not', async () => {
  const state = new StateFolder(await temporaryFolder());
  const [old, fresh] = [temporaryFor(join(state.path, 'a')), temporaryFor(join(state.path, 'a'))];
  for (const file of [old, fresh]) await writeFile(file, 'half');
  await utimes(old, 1e9, 1e9);
  await state.write('file', 'content');
  expect((await state.names()).toSorted()).toEqual([basename(fresh), 'file'].toSorted());
});
