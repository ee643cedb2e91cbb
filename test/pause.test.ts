import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { inFolder, makeProject, published } from './support/project.js';
import { plant, readTree } from './support/tree.js';

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

const WAIT = { timeout: 15_000, interval: 50 };
