import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { SITE, startDaemon } from './support/daemon.js';
import { inFolder, makeProject, published } from './support/project.js';
import { plant, readTree, temporaryFolder } from './support/tree.js';

describe('a daemon that was about to serve a change', () => {
  test.each(['when it is paused', 'at once'])('does what it is asked for %s', async (when) => {
    const project = await makeProject({ targets: {} }, { 'assets/a.css': 'a', 'var/static/': '' });
    const target = join(project.folder, 'target');
    await plant(project.folder, {
      'pushstatic.yaml': stringify({
        site: 'test',
        source: { dirs: ['assets'] },
        static: { root: 'var/static', storage: 'plain' },
        targets: { target: inFolder(target) },
        watch: { settle: '24s', maxWait: '60s' },
        daemon: { http: false },
      }),
    });
    const daemon = project.program.start('daemon');
    onTestFinished(async () => {
      daemon.kill('SIGTERM');
      await daemon.ended;
    });
    await vi.waitFor(async () => expect(await published(target)).toEqual({ 'a.css': 'a' }), WAIT);
    await plant(project.assets, { 'a.css': 'longer' });
    // After a quarter of the settle time it is brought over already.
    const staged = async () => Object.values(await readTree(join(target, '.pushstatic/stage')));
    await vi.waitFor(async () => expect(await staged()).toContain('longer'), WAIT);
    if (when !== 'at once') expect((await project.program.run('pause')).status).toBe(0);
    const triggered = project.program.run('trigger', '--wait');
    await vi.waitFor(async () => expect(await published(target)).toEqual({ 'a.css': 'longer' }), WAIT);
    expect((await triggered).status).toBe(0);
  });
});

test('a daemon that goes on after a pause removes nothing that came back meanwhile', async () => {
  const target = join(await temporaryFolder(), 'static');
  const watch = { settle: '20ms', maxWait: '2s' };
  const scene = await makeProject({ targets: { web: inFolder(target) }, watch, daemon: { http: false } }, SITE);
  const daemon = await startDaemon(scene);
  await daemon.inSync();
  const lost = join(scene.assets, 'css/app.css');
  const content = await readFile(lost);
  await rm(lost);
  await vi.waitFor(() => expect(existsSync(join(scene.root, 'css/app.css'))).toBe(false), WAIT);
  await daemon.client.pause(); // before what is missing may go
  await writeFile(lost, content);
  await plant(scene.assets, { 'new.txt': 'new' });
  await daemon.until(({ local }) => local.unsettled > 0);
  const heardAt = performance.now();
  await vi.waitFor(() => expect(performance.now() - heardAt).toBeGreaterThan(2000), WAIT); // now it would be its time
  await daemon.client.resume();
  await vi.waitFor(async () => expect(await published(target)).toHaveProperty(['new.txt']), WAIT);
  const { cycles } = await daemon.inSync();
  expect(cycles.flatMap(({ targets }) => targets.map(({ removed }) => removed)).filter((count) => count > 0)).toEqual(
    [],
  );
});

test('what a sync has brought in a pause does not wait for its end', async () => {
  const target = join(await temporaryFolder(), 'static');
  const scene = await makeProject({ targets: { web: inFolder(target) }, daemon: { http: false } }, SITE);
  const daemon = await startDaemon(scene);
  await daemon.inSync();
  await daemon.client.pause();
  await plant(scene.assets, { 'new.txt': 'new' });
  await daemon.until(({ local }) => local.unsettled > 0);
  expect((await scene.program.run('healthcheck')).status).toBe(1);
  expect((await scene.program.run('sync')).status).toBe(0);
  expect(await published(target)).toHaveProperty(['new.txt']);
  // Its own writing to STATIC_ROOT is heard of, too.
  await vi.waitFor(async () => expect((await scene.program.run('healthcheck')).status).toBe(0), WAIT);
  const { local, paused } = await daemon.client.status();
  expect([paused, local.unsettled]).toEqual([true, 0]);
  // What others do to STATIC_ROOT meanwhile is put right after it.
  await rm(join(scene.root, 'new.txt'));
  await daemon.client.resume();
  await vi.waitFor(() => expect(existsSync(join(scene.root, 'new.txt'))).toBe(true), WAIT);
});

const WAIT = { timeout: 15_000, interval: 50 };
