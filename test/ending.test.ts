/** How a service ends, and what it is told before it has begun. */
import { existsSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { eventually, startDaemon, targetOf } from './support/daemon.js';
import { inFolder, makeProject, on } from './support/project.js';
import { startSftpServer } from './support/sftp-server.js';
import { temporaryFolder } from './support/tree.js';

const QUIET = { watch: { settle: '50ms', maxWait: '1s', sweep: '1h' }, daemon: { http: false } };
const PROMPT_MS = 8000; // less than the timers of a process that is at rest

async function makeSite(rest: object = {}) {
  const target = join(await temporaryFolder(), 'web');
  const project = await makeProject({ targets: { web: inFolder(target) }, ...QUIET, ...rest }, { 'assets/a': 'a' });
  return { ...project, target };
}

const contentOf = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');

it('lets the hook end that tells of what is published', async () => {
  const said = join(await temporaryFolder(), 'said');
  const site = await makeSite({ hooks: { after: `cat > ${said}; sleep 1; echo done >> ${said}` } });
  const daemon = await startDaemon(site);
  await eventually('the hook runs', async () => (await contentOf(said)) === 'a\n');
  daemon.kill('SIGTERM');
  expect(await daemon.ended).toMatchObject({ status: 0 });
  expect(await contentOf(said)).toBe('a\ndone\n');
});

it('is over once a first push was broken off', async () => {
  const site = await makeSite({ push: { bandwidth: '100K' }, daemon: { http: false, shutdownTimeout: '100ms' } });
  await writeFile(join(site.assets, 'large.bin'), Buffer.alloc(20_000_000, 'x'));
  const daemon = await startDaemon(site);
  await daemon.until((status) => targetOf(status).state === 'pushing');
  daemon.kill('SIGTERM');
  let isOver = false;
  void daemon.ended.then(() => (isOver = true));
  await eventually('it has ended', () => isOver, PROMPT_MS);
  expect(await daemon.ended).toMatchObject({ status: 0 });
});

it.each(['SIGTERM', 'SIGINT'] as const)(
  'ends well at %s while the project is asked, also after a SIGHUP',
  async (signal) => {
    const project = await makeProject({ targets: { web: inFolder(join(await temporaryFolder(), 'web')) }, ...QUIET });
    const [python, asked] = [join(project.folder, 'slow-python'), join(project.folder, 'asked')];
    await writeFile(python, `#!/bin/sh\ntouch ${asked}\nexec sleep 600\n`);
    await chmod(python, 0o755);
    await writeFile(join(project.folder, 'manage.py'), '');
    await project.configure({ source: { django: { python } }, static: {} });
    const daemon = project.program.start('daemon');
    await eventually('it is asked', () => existsSync(asked));
    daemon.kill('SIGHUP');
    daemon.kill(signal);
    expect(await daemon.ended).toMatchObject({ status: 0, stderr: '' });
  },
);

it('tells the hook of what was published beside what could not be, and of that problem once', async () => {
  const said = join(await temporaryFolder(), 'said');
  const site = await makeSite({ hooks: { after: `cat >> ${said}` } });
  await writeFile(join(site.assets, 'b'), 'b');
  await mkdir(join(site.target, 'b/inside'), { recursive: true });
  await writeFile(join(site.target, 'b/inside/foreign'), '');
  const daemon = await startDaemon(site);
  await eventually('the hook ran', async () => (await contentOf(said)) === 'a\n');
  const { cycles } = await daemon.until((status) => targetOf(status).failures >= 3);
  expect(cycles.length).toBe(1);
  expect(await contentOf(said)).toBe('a\n');
});

it.each([
  ['50 files of 100', { renames: 50, breaks: 1, at: 'POSIX_RENAME' }],
  ['50 files of 100, and then of others', { renames: 50, breaks: 2, at: 'POSIX_RENAME' }],
  ['all files, and not yet the index', { renames: 100, breaks: 1, at: 'POSIX_RENAME' }],
  ['all files and the index, of which nobody heard', { renames: 100, breaks: 1, at: 'RMDIR' }],
])('tells the hook also of what was published by a push that broke off: of %s', async (_, { renames, breaks, at }) => {
  const said = join(await temporaryFolder(), 'said');
  let [isEdited, left] = [false, breaks];
  const renamed = new Set<string>();
  const remote = await startSftpServer({
    fault: ({ kind, path }) => {
      if (!isEdited || left === 0) return undefined;
      if (kind === 'POSIX_RENAME') renamed.add(path ?? '');
      if (renamed.size <= renames || kind !== at) return undefined;
      renamed.clear();
      left--;
      return 'drop';
    },
  });
  onTestFinished(() => remote.stop());
  const names = Array.from({ length: 100 }, (_unused, i) => `${i}.css`);
  const tree = Object.fromEntries(names.map((name) => [`assets/${name}`, 'before']));
  const hooks = { after: `cat >> ${said}` };
  const project = await makeProject({ targets: { web: on(remote, 'static') }, ...QUIET, hooks }, tree);
  const daemon = await startDaemon(project);
  await daemon.inSync();
  const lines = async (): Promise<string[]> => (await contentOf(said)).split('\n').filter((line) => line !== '');
  await eventually('the hook ran', async () => (await lines()).length === 100);
  await writeFile(said, '');
  isEdited = true;
  for (const name of names) writeFileSync(join(project.assets, name), 'after');
  await eventually('the push broke off', () => left === 0);
  await eventually('all are told', async () => new Set(await lines()).size === 100);
});
