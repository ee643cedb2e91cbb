/** What a changed configuration means to a daemon at work: it is taken at once, and holds up nobody. */
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventually, startDaemon, targetOf } from './support/daemon.js';
import { inFolder, makeProject, type Project, type Settings } from './support/project.js';
import { temporaryFolder } from './support/tree.js';

const SLOW = { bandwidth: '100K' };
const LARGE_BYTES = 20_000_000; // minutes, at that
const WATCH = { settle: '50ms', maxWait: '1s', sweep: '1h' };

interface Busy {
  readonly project: Project;
  readonly targets: Settings['targets'];
  readonly fast: string;
  readonly slow: string;
}

/** A project with a target that has all it needs, and one to which a large file is on its way for as long as a test takes. */
async function makeBusy(): Promise<Busy> {
  const place = await temporaryFolder();
  const [fast, slow] = [join(place, 'fast'), join(place, 'slow')];
  const targets = { fast: inFolder(fast, { exclude: ['*.bin'] }), slow: inFolder(slow) };
  const project = await makeProject(
    { targets, push: SLOW, watch: WATCH, daemon: { http: false } },
    { 'assets/a': 'a' },
  );
  await writeFile(join(project.assets, 'large.bin'), Buffer.alloc(LARGE_BYTES, 'x'));
  return { project, targets, fast, slow };
}

async function startBusy({ project, targets }: Busy) {
  const daemon = await startDaemon(project);
  await daemon.until(
    (status) => targetOf(status, 'fast').state === 'in-sync' && targetOf(status, 'slow').state === 'pushing',
  );
  const use = (hooks: object, rest: Partial<Settings> = {}): Promise<void> =>
    project.configure({ targets, push: SLOW, watch: WATCH, daemon: { http: false }, hooks, ...rest });
  return { daemon, use };
}

/** A daemon that has nothing to do, and what its project was configured with. */
async function startQuiet() {
  const place = await temporaryFolder();
  const settings = { targets: { web: inFolder(join(place, 'web')) }, watch: WATCH, daemon: { http: false } };
  const project = await makeProject(settings, { 'assets/a': 'a' });
  const daemon = await startDaemon(project);
  await daemon.inSync();
  return { place, settings, project, daemon };
}

it('is in force while a push to another target goes on, and so is the next one', async () => {
  const busy = await makeBusy();
  const { daemon, use } = await startBusy(busy);
  const { project, targets, fast } = busy;
  for (const name of ['one', 'two', 'three']) {
    const folder = join(fast, '..', name);
    await use({}, { targets: { ...targets, [name]: inFolder(folder, { exclude: ['*.bin'] }) } });
    expect(await project.program.run('reload')).toMatchObject({ status: 0 });
    await writeFile(join(project.assets, name), name);
    for (const each of [fast, folder]) await serves(each, name);
  }
  expect(targetOf(await daemon.client.status(), 'slow').state).toBe('pushing');
});

it('is noticed also where it was changed again while it was taken up', async () => {
  const busy = await makeBusy();
  const { daemon, use } = await startBusy(busy);
  const names = Array.from({ length: 12 }, (_, at) => `target-${at}`);
  for (const name of names)
    await use(
      {},
      { targets: { ...busy.targets, [name]: inFolder(join(busy.fast, '..', name), { exclude: ['*.bin'] }) } },
    );
  await daemon.until(({ targets }) => targets.some(({ name }) => name === 'target-11'));
  await serves(join(busy.fast, '..', 'target-11'), 'a');
});

function serves(folder: string, name: string): Promise<unknown> {
  return eventually(`${folder} holds ${name}`, () => existsSync(join(folder, name)));
}

it('lets a target go that it does not name any more, and one that is named anew wait for who wrote there', async () => {
  const busy = await makeBusy();
  const { daemon, use } = await startBusy(busy);
  await use({}, { targets: { fast: busy.targets['fast'] ?? inFolder(busy.fast) } });
  await daemon.until(({ targets }) => targets.length === 1);
  await writeFile(join(busy.project.assets, 'b'), 'b');
  await eventually('it is served', () => existsSync(join(busy.fast, 'b')));
  await use({}, { targets: { ...busy.targets, slow: inFolder(busy.slow, { exclude: ['*.bin'] }) } });
  await daemon.until(({ targets }) => targets.length === 2);
  expect(targetOf(await daemon.client.status(), 'slow').error).toBeNull();
  expect(existsSync(join(busy.slow, 'b'))).toBe(false); // who wrote there still does
});

it('that cannot be used is told once, however often it is tried', async () => {
  const { project, settings, daemon } = await startQuiet();
  const told: string[] = [];
  const events = daemon.client.events();
  const listening = (async () => {
    for await (const event of events) {
      if (event.kind === 'warning') told.push(event.text);
    }
  })();
  await project.configure({ ...settings, targets: { web: { url: 'sftp://h/s', passwordEnv: 'PS_NOT_THERE' } } });
  for (let times = 0; times < 3; times++) await daemon.client.reload().catch(() => undefined);
  await eventually('it is told', async () => told.length > 0);
  await daemon.stop();
  await listening.catch(() => undefined);
  expect(told).toEqual([expect.stringMatching(/the old configuration stays in force: .*PS_NOT_THERE is not set/)]);
});

it('collects nothing while the daemon is paused, and what waited once it goes on', async () => {
  const { place, settings, project, daemon } = await startQuiet();
  await daemon.client.pause();
  await writeFile(join(project.assets, 'b'), 'b');
  await daemon.until(({ local }) => local.unsettled > 0);
  await project.configure({ ...settings, hooks: { after: 'true' } });
  expect(await project.program.run('reload')).toMatchObject({ status: 0 });
  expect(await daemon.client.status()).toMatchObject({ paused: true, local: { state: 'starting' } });
  expect(existsSync(join(project.root, 'b'))).toBe(false);
  expect(await project.program.run('trigger', '--wait')).toMatchObject({ status: 0 });
  expect(existsSync(join(place, 'web/b'))).toBe(true);
  await rm(join(project.assets, 'a'));
  await daemon.client.resume();
  await daemon.inSync();
  await eventually('both are there', () => existsSync(join(place, 'web/b')) && !existsSync(join(place, 'web/a')));
});

it('does not begin to count anew', async () => {
  const place = await temporaryFolder();
  const settings = {
    targets: { web: inFolder(join(place, 'web')) },
    watch: { ...WATCH, sweep: '1s' },
    daemon: { http: false },
  };
  const project = await makeProject(settings, { 'assets/a': 'a' });
  const daemon = await startDaemon(project);
  const { watch } = await daemon.until(({ watch: { sweeps } }) => sweeps >= 2);
  await project.configure({ ...settings, hooks: { after: 'true' } });
  await daemon.client.reload();
  expect((await daemon.client.status()).watch.sweeps).toBeGreaterThanOrEqual(watch.sweeps);
});

it('that is wrong by now, or gone, keeps nobody from the daemon, wherever that listens', async () => {
  const place = await temporaryFolder();
  const settings = { targets: { web: inFolder(join(place, 'web')) }, watch: WATCH };
  const daemon = { http: false, socket: join(place, 'd.sock') };
  const project = await makeProject({ ...settings, daemon }, { 'assets/a': 'a' });
  const running = project.program.start('daemon');
  const { run } = project.program;
  await eventually('it runs', async () => (await run('healthcheck')).status === 0);
  await writeFile(join(project.folder, 'pushstatic.yaml'), 'nonsense: 1');
  expect(await run('pause')).toMatchObject({ status: 0 });
  await rm(join(project.folder, 'pushstatic.yaml'));
  expect(await run('stop')).toMatchObject({ status: 0 });
  expect(await running.ended).toMatchObject({ status: 0 });
  expect(await run('stop')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('cannot find pushstatic.yaml'),
  });
});

it('is what a person goes by who asks for a sync, however short a time ago it was changed', async () => {
  const { place, settings, project } = await startQuiet();
  for (const [words, name] of [
    [['sync'], 'one'],
    [['trigger', '--wait'], 'two'],
  ] as const) {
    await project.configure({ ...settings, targets: { ...settings.targets, [name]: inFolder(join(place, name)) } });
    expect(await project.program.run(...words)).toMatchObject({ status: 0 });
    expect(existsSync(join(place, name, 'a'))).toBe(true);
  }
  await writeFile(join(project.folder, 'pushstatic.yaml'), 'nonsense: 1');
  for (const words of [['trigger', '--wait'], ['trigger']])
    expect(await project.program.run(...words)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('nonsense'),
    });
});
