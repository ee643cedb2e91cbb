/** What a run leaves undone, or finds out late: a later run makes up for it. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { QUICK, serves, startDaemon } from './support/daemon.js';
import { inFolder, makeProject, published } from './support/project.js';
import { plant, readTree, temporaryFolder } from './support/tree.js';

const HASHED = {
  source: { dirs: ['assets'] },
  static: { root: 'var/static', storage: 'manifest', url: '/static/', django: '5.1' },
  watch: QUICK,
  daemon: { http: false },
};

it('what was to go once all is there goes in the next run where one file could not be put', async () => {
  const target = join(await temporaryFolder(), 'static');
  const tree = { 'assets/css/a.css': 'body{}', 'assets/img/x.png': 'x', 'assets/c.txt': 'c' };
  const project = await makeProject({ ...HASHED, targets: { web: inFolder(target) } }, tree);
  expect((await project.sync()).status).toBe(0);
  const inTheWay = join(project.root, 'img/new.png');
  execFileSync('mkfifo', [inTheWay]);
  await writeFile(join(project.assets, 'img/new.png'), 'new');
  await writeFile(join(project.assets, 'css/a.css'), 'body{color:red}');
  await rm(join(project.assets, 'c.txt'));
  expect((await project.sync()).status).toBe(1);
  await rm(inTheWay);
  expect((await project.sync()).status).toBe(0);
  const names = Object.keys(await readTree(project.root));
  expect(names.filter((name) => name.startsWith('c.') || name.startsWith('css/'))).toEqual([
    expect.stringMatching(/^css\/a\.[0-9a-f]{12}\.css$/),
    'css/a.css',
  ]);
  expect(Object.keys(await published(target))).toEqual(names);
});

it('no manifest names what cannot be put because a file of somebody else is where its folder would be', async () => {
  const target = join(await temporaryFolder(), 'static');
  const tree = { 'assets/css/a.css': 'body{}' };
  const project = await makeProject({ ...HASHED, targets: { web: inFolder(target) } }, tree);
  expect((await project.sync()).status).toBe(0);
  const before = await published(target);
  await plant(project.root, { theirs: 'theirs' });
  await plant(project.assets, { 'theirs/logo.png': 'x', 'css/a.css': 'body{background:url(../theirs/logo.png)}' });
  const refused = await project.sync();
  expect(refused).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('"theirs" is in its way in STATIC_ROOT'),
  });
  const after = await published(target);
  expect(after['staticfiles.json']).toBe(before['staticfiles.json']);
  const hashed = Object.keys(before).filter((name) => /\.[0-9a-f]{12}\./.test(name));
  expect(Object.keys(after)).toEqual(expect.arrayContaining(hashed));
  await rm(join(project.root, 'theirs'));
  expect((await project.sync()).status).toBe(0);
  expect(await readFile(join(target, 'staticfiles.json'), 'utf8')).toContain('theirs/logo.png');
});

it('what a run that waited for rest found is no baseline, which was left before', async () => {
  const target = join(await temporaryFolder(), 'target');
  const settings = { targets: { web: inFolder(target, { delete: { max: '100%' } }) } };
  const { sync, root, state } = await makeProject({ ...settings, static: { root: 'var/static', storage: 'none' } });
  const names = ['css/a.css', 'css/b.css', 'f.txt', 'g.txt', 'h.txt', 'i.txt', 'j.txt'];
  await plant(root, Object.fromEntries(names.map((name) => [name, name])));
  expect((await sync()).status).toBe(0);
  await rm(join(root, 'f.txt'));
  const running = sync();
  // What it saw first is written down then, and it waits for the rest of a second.
  await expect.poll(() => isNotedIn(state), { interval: 5 }).toBe(true);
  await rename(join(root, 'css'), join(root, '../css.off'));
  await running;
  await rename(join(root, '../css.off'), join(root, 'css'));
  expect((await sync()).status).toBe(0);
  expect(Object.keys(await published(target))).toEqual(names.filter((name) => name !== 'f.txt'));
});

it('what loses most of it while a run waits for rest is refused as if it had been found so', async () => {
  const target = join(await temporaryFolder(), 'target');
  const settings = { targets: { web: inFolder(target, { delete: { max: '100%' } }) } };
  const { sync, root, state } = await makeProject({ ...settings, static: { root: 'var/static', storage: 'none' } });
  const names = Array.from({ length: 20 }, (_, i) => `${i}.css`);
  await plant(root, Object.fromEntries(names.map((name) => [name, name])));
  expect((await sync()).status).toBe(0);
  await rm(join(root, '0.css'));
  const filling = await keepRestless(root);
  const running = sync();
  await expect.poll(() => isNotedIn(state), { interval: 5 }).toBe(true);
  for (const name of names.slice(1, 18)) await rm(join(root, name));
  await filling.end();
  expect(await running).toMatchObject({
    status: 5,
    stderr: expect.stringContaining('it had 20 files at the last run and has 2 now'),
  });
  expect(Object.keys(await published(target))).toHaveLength(20);
});

describe('a daemon whose STATIC_ROOT something else is filling', () => {
  const names = ['css/a.css', 'css/b.css', 'f.txt', 'g.txt', 'h.txt'];

  it.each(['when it starts', 'when it is asked'])('takes nothing for gone %s', async (when) => {
    const target = join(await temporaryFolder(), 'target');
    const settings = { targets: { web: inFolder(target, { delete: { max: '100%' } }) }, daemon: { http: false } };
    const watch = { ...QUICK, maxWait: '2s' };
    const project = await makeProject({ ...settings, watch, static: { root: 'var/static', storage: 'none' } });
    await plant(project.root, Object.fromEntries(names.map((name) => [name, name])));
    expect((await project.sync()).status).toBe(0);
    let daemon = when === 'when it starts' ? undefined : await startDaemon(project);
    await daemon?.inSync();
    await rename(join(project.root, 'css'), join(project.root, '../css.off'));
    const filling = await keepRestless(project.root);
    try {
      daemon ??= await startDaemon(project);
      if (when === 'when it is asked') expect((await project.sync()).ok).toBe(true);
      await daemon.until(({ cycles }) => cycles.length >= (when === 'when it starts' ? 1 : 2));
      expect(Object.keys(await published(target))).toEqual(names);
    } finally {
      await filling.end();
    }
    // What does not come back is gone after a while.
    await serves(target, await readTree(project.root));
    expect((await daemon.stop()).status).toBe(0);
  });
});

it('what was edited while no daemon ran is put with the manifest that names it', async () => {
  const target = join(await temporaryFolder(), 'target');
  const tree = { 'assets/a.css': 'a {}', 'assets/b.css': 'b {}' };
  const project = await makeProject({ ...HASHED, targets: { web: inFolder(target) } }, tree);
  for (const content of ['a {}', 'a { color: red }']) {
    await writeFile(join(project.assets, 'a.css'), content);
    const daemon = await startDaemon(project);
    await daemon.inSync();
    expect((await daemon.stop()).status).toBe(0);
  }
  const served = await readTree(project.root);
  const manifest = await readFile(join(project.root, 'staticfiles.json'), 'utf8');
  const { paths } = JSON.parse(manifest) as { paths: Record<string, string> };
  expect(Object.keys(served).toSorted()).toEqual(
    [...Object.keys(paths), ...Object.values(paths), 'staticfiles.json'].toSorted(),
  );
  expect(await published(target)).toEqual(served);
});

/** Something comes and goes in `folder` from now on, until its end. */
async function keepRestless(folder: string): Promise<{ readonly end: () => Promise<void> }> {
  const filling = spawn('sh', ['-c', 'while mkdir coming && rmdir coming; do echo; sleep 0.02; done'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void filling.kill());
  await once(filling.stdout, 'data');
  filling.stdout.resume();
  const end = async (): Promise<void> => {
    filling.kill();
    await once(filling, 'exit');
    await rm(join(folder, 'coming'), { recursive: true, force: true });
  };
  return { end };
}

/** Which file it is: another one each time that it is left. */
/** Whether a run has noted what is otherwise than at the baseline. */
async function isNotedIn(state: string): Promise<boolean> {
  return (await readdir(state, { recursive: true })).some((each) => each.split('/').at(-1) === 'baseline-touched');
}
