/** The daemon and `watch`, as a user runs them: the built program, real files, and an OpenSSH server that offers no shell. */
import { existsSync } from 'node:fs';
import { appendFile, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { DaemonStatus } from '../src/daemon/status.js';
import {
  eventually,
  expectSettled,
  lastCycle,
  makeScene,
  PUBLISHED,
  QUICK,
  type Scene,
  SITE,
  serves,
  startDaemon,
  type TestDaemon,
  targetOf,
} from './support/daemon.js';
import { type OpenSshServer, startOpenSsh } from './support/openssh-server.js';
import { on, published } from './support/project.js';
import { plant, type Tree, temporaryFolder } from './support/tree.js';

let server: OpenSshServer;

beforeAll(async () => {
  server = await startOpenSsh();
});

afterAll(() => server.stop());

describe.each(['daemon', 'watch'] as const)('%s', (command) => {
  it('starts in sync, and serves what is saved, renamed, removed and made', async () => {
    const scene = await makeScene(server);
    const daemon = await startDaemon(scene, { command });
    await daemon.inSync();
    expect(await published(scene.target)).toEqual(PUBLISHED);

    await writeFile(join(scene.assets, 'css/app.css'), 'body { color: blue }');
    await serves(scene.target, { ...PUBLISHED, 'css/app.css': 'body { color: blue }' });
    await rm(join(scene.assets, 'js/app.js'));
    await rename(join(scene.assets, 'img/logo.png'), join(scene.assets, 'img/mark.png'));
    await plant(scene.vendor, { 'fonts/a/b/c/deep.woff': 'font', 'fonts/a/other.woff': 'font 2' });
    await serves(scene.target, {
      'css/app.css': 'body { color: blue }',
      'img/mark.png': 'logo',
      'index.html': '<p>page</p>',
      'vendor/fonts/a/b/c/deep.woff': 'font',
      'vendor/fonts/a/other.woff': 'font 2',
      'vendor/lib.js': 'library',
    });
    const { status } = await daemon.stop();
    expect(status).toBe(0);
    await expectSettled(scene);
  });
});

it('tells of a link that leads in a circle once, whatever changes beside it', async () => {
  const scene = await makeScene(server);
  await symlink('.', join(scene.assets, 'loop'));
  const daemon = await startDaemon(scene);
  await daemon.until(({ local }) => local.state === 'ready' && local.problems.length === 1);
  for (const content of ['one', 'two', 'three']) {
    await writeFile(join(scene.assets, 'js/app.js'), content);
    await serves(scene.target, { ...PUBLISHED, 'js/app.js': content });
  }
  expect((await daemon.client.status()).local.problems).toHaveLength(1);
  await daemon.stop();
});

it('publishes again what lay in a folder that somebody removed', async () => {
  const scene = await makeScene(server, {
    tree: { ...SITE, 'assets/css/more/b.css': 'b', 'assets/css/old.css': 'old' },
  });
  const daemon = await startDaemon(scene);
  await daemon.inSync();
  await rm(join(scene.target, 'css'), { recursive: true });
  await rm(join(scene.assets, 'css/old.css'));
  await writeFile(join(scene.assets, 'css/app.css'), 'body { color: blue }');
  await serves(scene.target, { ...PUBLISHED, 'css/app.css': 'body { color: blue }', 'css/more/b.css': 'b' });
  expect(targetOf(await daemon.inSync()).error).toBeNull();
  expect((await daemon.stop()).status).toBe(0);
  await expectSettled(scene);
});

it('publishes all anew into a tree that was removed beside its control area', async () => {
  const scene = await makeScene(server, { target: { control: '../control-of-static' } });
  const daemon = await startDaemon(scene);
  await daemon.inSync();
  await rm(scene.target, { recursive: true });
  await writeFile(join(scene.assets, 'js/app.js'), 'console.log(2)');
  await serves(scene.target, { ...PUBLISHED, 'js/app.js': 'console.log(2)' });
  expect((await daemon.stop()).status).toBe(0);
});

describe('the commands that talk to a daemon', () => {
  it('say how it stands, and end it', async () => {
    const scene = await makeScene(server);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    const { run } = scene.program;
    // What it wrote itself is looked at once more.
    const status = await eventually('it is at rest', async () => {
      const said = (await run('status', '--json')).json() as { daemon: DaemonStatus };
      return said.daemon.local.state === 'ready' ? said : undefined;
    });
    expect(status).toMatchObject({
      ok: true,
      daemon: { pid: daemon.pid, paused: false, local: { state: 'ready', files: 5 }, targets: [{ state: 'in-sync' }] },
      targets: [{ name: 'web', state: 'settled', files: 5 }],
    });
    expect((await run('status')).stdout).toContain(`daemon: process ${daemon.pid}`);
    expect(await run('healthcheck')).toMatchObject({ status: 0, stdout: expect.stringContaining('in sync as of') });
    expect(await run('stop')).toMatchObject({ status: 0 });
    expect(await daemon.ended).toMatchObject({ status: 0 });
    for (const words of [['stop'], ['trigger'], ['pause'], ['resume'], ['reload'], ['healthcheck']]) {
      expect(await run(...words)).toMatchObject({ status: 1, stderr: expect.stringContaining('no daemon runs') });
    }
  });

  it('trigger --wait returns when what was saved before is served', async () => {
    const scene = await makeScene(server, { watch: { settle: '1h', maxWait: '2h' } });
    const daemon = await startDaemon(scene);
    await daemon.until(({ targets: [web] }) => web?.state === 'in-sync'); // what it wrote itself settles in an hour
    for (let i = 0; i < 3; i++) {
      await writeFile(join(scene.assets, 'index.html'), `version ${i}`);
      expect(await scene.program.run('trigger', '--wait')).toMatchObject({ status: 0 });
      expect(await readFile(join(scene.target, 'index.html'), 'utf8')).toBe(`version ${i}`);
    }
    expect(await scene.program.run('trigger', 'nowhere')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('no such target'),
    });
  });

  it('pause: changes are noticed and not served; resume serves them at once', async () => {
    const scene = await makeScene(server);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    expect(await scene.program.run('pause')).toMatchObject({ status: 0 });
    await writeFile(join(scene.assets, 'index.html'), 'changed');
    await daemon.until(({ local }) => local.unsettled > 0);
    expect(await scene.program.run('healthcheck')).toMatchObject({ status: 1 });
    expect(await published(scene.target)).toEqual(PUBLISHED);
    expect(await scene.program.run('resume')).toMatchObject({ status: 0 });
    await serves(scene.target, { ...PUBLISHED, 'index.html': 'changed' });
  });

  it('trigger goes past a pause, this once', async () => {
    const scene = await makeScene(server);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await daemon.client.pause();
    await writeFile(join(scene.assets, 'index.html'), 'changed');
    expect(await scene.program.run('trigger', '--wait')).toMatchObject({ status: 0 });
    expect(await published(scene.target)).toEqual({ ...PUBLISHED, 'index.html': 'changed' });
    await writeFile(join(scene.assets, 'index.html'), 'again');
    await daemon.until(({ local, paused }) => paused && local.unsettled > 0);
    expect(await published(scene.target)).toEqual({ ...PUBLISHED, 'index.html': 'changed' });
  });
});

it('is found from a folder that a link leads to, by whatever name it goes', async () => {
  const scene = await makeScene(server);
  const daemon = await startDaemon(scene);
  await daemon.inSync();
  const link = `${scene.folder}-current`;
  await symlink(scene.folder, link);
  onTestFinished(() => rm(link));
  const { stdout } = await scene.program.with({ PWD: link }).run('status', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ daemon: { config: join(scene.folder, 'pushstatic.yaml') } });
});

describe('a sync from another terminal', () => {
  it('is handed to the daemon, and --standalone is not (F40)', async () => {
    const scene = await makeScene(server, { watch: { settle: '1h', maxWait: '2h', sweep: '1h' } });
    const daemon = await startDaemon(scene);
    await daemon.until(({ targets: [web] }) => web?.state === 'in-sync'); // what it wrote itself settles in an hour
    await writeFile(join(scene.assets, 'index.html'), 'one');
    expect(await scene.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1 }] });
    const handed = await daemon.client.status();
    expect(lastCycle(handed)).toMatchObject({ cause: 'trigger', targets: [{ uploaded: 1 }] });

    await writeFile(join(scene.assets, 'index.html'), 'two');
    expect(await scene.sync('--standalone')).toMatchObject({ status: 0, targets: [{ uploaded: 1 }] });
    expect(await daemon.client.status()).toMatchObject({ cycles: handed.cycles });
    expect(await published(scene.target)).toEqual({ ...PUBLISHED, 'index.html': 'two' });
  });

  it('cannot ask the daemon for what only a run by itself can do', async () => {
    const scene = await makeScene(server);
    await (await startDaemon(scene)).inSync();
    expect(await scene.program.run('sync', '--no-delete')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--standalone'),
    });
  });

  it('that wrote to the target between two cycles is noticed, and the index is right (F40)', async () => {
    const scene = await makeScene(server);
    const daemon = await startDaemon(scene);
    const { generation } = targetOf(await daemon.inSync());
    for (let i = 0; i < 3; i++) {
      await daemon.client.pause();
      await writeFile(join(scene.assets, `by-hand-${i}.css`), 'by hand');
      await rm(join(scene.assets, `by-hand-${i - 1}.css`), { force: true });
      expect(await scene.sync('--standalone')).toMatchObject({ status: 0 });
      await daemon.client.resume();
      await writeFile(join(scene.assets, 'index.html'), `version ${i}`);
      await serves(scene.target, { ...PUBLISHED, [`by-hand-${i}.css`]: 'by hand', 'index.html': `version ${i}` });
    }
    const status = await daemon.inSync();
    expect(targetOf(status)).toMatchObject({ files: 6, reconnects: 0 });
    expect(targetOf(status).generation).toBeGreaterThan(generation + 5);
    expect(await scene.program.run('verify')).toMatchObject({ status: 0 });
    await daemon.stop();
    await expectSettled(scene);
  });
});

describe('a second daemon', () => {
  it('ends with 4 and says who runs already', async () => {
    const scene = await makeScene(server);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    for (const command of ['daemon', 'watch']) {
      expect(await scene.program.run(command)).toMatchObject({
        status: 4,
        stderr: expect.stringContaining(`process ${daemon.pid}`),
      });
    }
    expect(await scene.program.run('healthcheck')).toMatchObject({ status: 0 });
  });

  it('takes the place of one that was killed (F66)', async () => {
    const scene = await makeScene(server);
    const first = await startDaemon(scene);
    await first.inSync();
    first.kill('SIGKILL');
    expect(await first.ended).toMatchObject({ status: 137 });
    await writeFile(join(scene.assets, 'index.html'), 'while nobody looked');
    const second = await startDaemon(scene);
    await second.inSync();
    expect(await published(scene.target)).toEqual({ ...PUBLISHED, 'index.html': 'while nobody looked' });
  });
});

describe('the configuration', () => {
  const reloads = {
    SIGHUP: async (_: Scene, daemon: TestDaemon) => daemon.kill('SIGHUP'),
    reload: async ({ program }: Scene) => expect(await program.run('reload')).toMatchObject({ status: 0 }),
    'the edit itself': async () => undefined,
  };

  it.each(Object.entries(reloads))('is read anew on %s, without a resync (F70)', async (_, act) => {
    const scene = await makeScene(server);
    const daemon = await startDaemon(scene);
    const { cycles } = await daemon.inSync();
    await scene.configure({ watch: { ...QUICK, settle: '60ms' }, source: { dirs: ['assets'] } });
    await act(scene, daemon);
    await daemon.until(({ watch }) => watch.folders.length === 2); // the source, and STATIC_ROOT
    await serves(
      scene.target,
      Object.fromEntries(Object.entries(PUBLISHED).filter(([path]) => path !== 'vendor/lib.js')),
    );
    const status = await daemon.inSync();
    expect(status.configError).toBeNull();
    expect(targetOf(status).reconnects).toBe(0);
    const later = status.cycles.filter(({ id }) => id > lastCycle({ ...status, cycles }).id);
    expect(later.flatMap(({ targets }) => targets.map(({ uploaded }) => uploaded)).filter((n) => n > 0)).toEqual([]);
    await writeFile(join(scene.assets, 'index.html'), 'changed');
    await eventually('it serves', async () => (await readFile(join(scene.target, 'index.html'), 'utf8')) === 'changed');
  });

  it('that is wrong is not taken: the old one stays, and the status says why (F70)', async () => {
    const scene = await makeScene(server);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await appendFile(join(scene.folder, 'pushstatic.yaml'), '\nnonsense: 1\n');
    const { configError } = await daemon.until((status) => status.configError !== null);
    expect(configError).toContain('nonsense');
    expect(await scene.program.run('status')).toMatchObject({ status: 2 });
    await writeFile(join(scene.assets, 'index.html'), 'changed');
    await serves(scene.target, { ...PUBLISHED, 'index.html': 'changed' });

    await scene.configure({});
    await daemon.until((status) => status.configError === null);
    await writeFile(join(scene.assets, 'index.html'), 'changed again');
    await serves(scene.target, { ...PUBLISHED, 'index.html': 'changed again' });
  });

  it('adds and removes a target while the other one goes on (F70)', async () => {
    const scene = await makeScene(server);
    const second = join(await temporaryFolder(), 'second');
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await scene.configure({ targets: { web: on(server, scene.target), second: on(server, second) } });
    await serves(second, PUBLISHED);
    await writeFile(join(scene.assets, 'index.html'), 'for both');
    await serves(second, { ...PUBLISHED, 'index.html': 'for both' });
    await serves(scene.target, { ...PUBLISHED, 'index.html': 'for both' });
    await daemon.inSync();

    await scene.configure({ targets: { second: on(server, second) } });
    await daemon.until(({ targets }) => targets.map(({ name }) => name).join() === 'second');
    await writeFile(join(scene.assets, 'index.html'), 'for one');
    await serves(second, { ...PUBLISHED, 'index.html': 'for one' });
    expect(await published(scene.target)).toEqual({ ...PUBLISHED, 'index.html': 'for both' });
    expect(targetOf(await daemon.inSync(), 'second').reconnects).toBe(0);
  });
});

describe('hooks.after', () => {
  it('gets the paths that changed', async () => {
    const hooks = { after: 'cat > got.part; echo "$PUSHSTATIC_TARGETS" >> got.part; mv got.part got' };
    const scene = await makeScene(server, { hooks });
    const got = (): Promise<string | false> => readFile(join(scene.folder, 'got'), 'utf8').catch(() => false);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await eventually('the hook ran', async () => (await got()) === `${Object.keys(PUBLISHED).join('\n')}\nweb\n`);
    await writeFile(join(scene.assets, 'index.html'), 'changed');
    await rm(join(scene.assets, 'js/app.js'));
    await eventually('the hook ran', async () => (await got()) === 'index.html\nweb\n');
    await eventually('the hook ran', async () => (await got()) === 'js/app.js\nweb\n'); // a removal waits for quiet
  });

  it('that fails, hangs or writes without end is told of and holds nothing up (F71)', async () => {
    const hooks = {
      after: 'read first; case "$first" in a) exit 3;; b) sleep 600;; c) yes;; esac; touch ran',
      timeout: '3s',
    };
    const scene = await makeScene(server, { hooks });
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    let served: Tree = PUBLISHED;
    for (const [name, said] of Object.entries({
      a: 'ended with status 3',
      b: 'hooks.timeout (3s)',
      c: 'hooks.timeout (3s)',
    })) {
      const before = daemon.output.stderr.length;
      await writeFile(join(scene.assets, name), name);
      served = { ...served, [name]: name };
      await serves(scene.target, served);
      await eventually(`it says ${said}`, () => daemon.output.stderr.slice(before).includes(said));
    }
    await rm(join(scene.folder, 'ran'), { force: true });
    await writeFile(join(scene.assets, 'd'), 'd');
    await eventually('the next one runs', () => existsSync(join(scene.folder, 'ran')));
    expect(await daemon.stop()).toMatchObject({ status: 0 });
  });

  it('that hangs does not keep the daemon from its end (F66, F71)', async () => {
    const scene = await makeScene(server, { hooks: { after: 'touch runs; sleep 600', timeout: '1h' } });
    const daemon = await startDaemon(scene);
    await eventually('the hook runs', () => existsSync(join(scene.folder, 'runs')));
    expect(await daemon.stop()).toMatchObject({ status: 0 });
  });
});
