/** A daemon on bad days: thin lines, few sessions, names and clocks that move, little memory. */
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startRelay } from '../bench/relay.js';
import {
  eventually,
  expectSettled,
  lastCycle,
  makeScene,
  PUBLISHED,
  QUICK,
  type Scene,
  serves,
  startDaemon,
  targetOf,
} from '../support/daemon.js';
import { type OpenSshOptions, type OpenSshServer, startOpenSsh } from '../support/openssh-server.js';
import { type Access, differences, inFolder } from '../support/project.js';
import { plant, type Tree, temporaryFolder } from '../support/tree.js';

const HOUR_MS = 3_600_000;

async function ownServer(options?: OpenSshOptions): Promise<OpenSshServer> {
  const server = await startOpenSsh(options);
  onTestFinished(() => server.stop());
  return server;
}

/** The same server under another name and port. */
function behind(server: OpenSshServer, host: string, port: number): Access {
  return { ...server, url: (path) => server.url(path).replace(`127.0.0.1:${server.port}`, `${host}:${port}`) };
}

/** Known by its key alone, wherever it is. */
function byKey({ fingerprint }: OpenSshServer): object {
  return { knownHosts: undefined, hostKey: fingerprint };
}

/** The program with a module loaded into it, which reads the file that `variable` names. */
async function loaded(scene: Scene, module: string, variable: string): Promise<Scene & { file: string }> {
  const file = join(await temporaryFolder(), 'file');
  const url = new URL(`../support/${module}`, import.meta.url).href;
  return { ...scene, file, program: scene.program.with({ NODE_OPTIONS: `--import=${url}`, [variable]: file }) };
}

async function save(scene: Scene, text: string): Promise<void> {
  await writeFile(join(scene.assets, 'index.html'), text);
  await serves(scene.target, { ...PUBLISHED, 'index.html': text });
}

it('a server that allows one session for each connection is served as any other (F5)', async () => {
  const server = await ownServer({ extra: ['MaxSessions 1'] });
  const scene = await makeScene(server);
  const daemon = await startDaemon(scene);
  await daemon.inSync();
  const many: Tree = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`many/${i % 10}/${i}.js`, `${i}`]));
  await plant(scene.assets, many);
  await eventually('they are served', () => differences(join(scene.assets, 'many'), join(scene.target, 'many')) === '');
  const status = await daemon.inSync();
  expect(targetOf(status)).toMatchObject({ reconnects: 0, error: null });
  expect(status.cycles.every(({ ok }) => ok)).toBe(true);
  await daemon.stop();
  await expectSettled(scene);
});

it('a name that stands for another address is looked up when the connection is made again (F9)', async () => {
  const server = await ownServer();
  const first = await startRelay(server.port, 0, '127.0.0.2');
  const bare = await makeScene(behind(server, 'static.test', first.port), { target: byKey(server) });
  const scene = await loaded(bare, 'names-from-file.mjs', 'NAMES_FILE');
  await writeFile(scene.file, '127.0.0.2');
  const daemon = await startDaemon(scene);
  await serves(scene.target, PUBLISHED);
  await daemon.inSync();
  const moved = await startRelay(server.port, 0, '127.0.0.3', first.port);
  onTestFinished(() => moved.stop());
  await writeFile(scene.file, '127.0.0.3');
  await first.stop();
  await save(scene, 'from the other one');
  expect(targetOf(await daemon.inSync())).toMatchObject({ reconnects: 1, error: null });
  await daemon.stop();
});

it.each([
  ['is refused', '::1'],
  ['leads nowhere', '2001:db8::1'],
])('a name with a first address that %s, and another that answers, is served by that (F9)', async (_, dead) => {
  const server = await ownServer();
  const bare = await makeScene(behind(server, 'static.test', server.port), { target: byKey(server) });
  const scene = await loaded(bare, 'names-from-file.mjs', 'NAMES_FILE');
  await writeFile(scene.file, `${dead}\n127.0.0.1\n`);
  expect((await scene.program.run('sync')).status).toBe(0);
  await serves(scene.target, PUBLISHED);
});

it('a line that becomes slow, and thin, and good again is waited for (F13)', { timeout: 120_000 }, async () => {
  const server = await ownServer();
  const relay = await startRelay(server.port, 2.5);
  onTestFinished(() => relay.stop());
  const scene = await makeScene(behind(server, '127.0.0.1', relay.port), { target: byKey(server) });
  const daemon = await startDaemon(scene);
  await serves(scene.target, PUBLISHED);
  relay.setDelay(250);
  await save(scene, 'half a second away');
  relay.setDelay(2.5);
  await save(scene, 'near again');
  relay.setRate(8000); // 64 kbit/s
  await save(scene, Array.from({ length: 40_000 }, () => String.fromCharCode(33 + Math.random() * 90)).join(''));
  relay.setRate(undefined);
  await save(scene, 'fast again');
  const status = await daemon.inSync();
  expect(targetOf(status)).toMatchObject({ reconnects: 0, error: null });
  expect(status.cycles.every(({ ok }) => ok)).toBe(true);
  await daemon.stop();
  await expectSettled(scene);
});

describe('a daemon that has no thread to watch with', () => {
  it('ends, and says why, when it starts', async () => {
    const server = await ownServer();
    const scene = await loaded(await makeScene(server), 'no-threads.mjs', 'NO_THREADS_FILE');
    await writeFile(scene.file, '');
    const { status, stderr } = await scene.program.run('daemon');
    expect([status, stderr]).toEqual([1, expect.stringContaining('cannot watch for changes: no thread is left')]);
  });

  it('ends, and says why, when its configuration has changed', async () => {
    const server = await ownServer();
    const scene = await loaded(await makeScene(server), 'no-threads.mjs', 'NO_THREADS_FILE');
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await writeFile(scene.file, '');
    await scene.configure({ watch: { ...QUICK, sweep: '6s' } });
    expect(await daemon.ended).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('cannot watch for changes: no thread is left'),
    });
  });
});

describe('time that is not what it was (F69)', () => {
  it.each([
    ['back by an hour', -HOUR_MS],
    ['forward by a day', 24 * HOUR_MS],
  ])('a clock that jumps %s keeps nothing from being served', async (_, jumpMs) => {
    const server = await ownServer();
    const scene = await loaded(await makeScene(server), 'clock-that-jumps.mjs', 'CLOCK_FILE');
    await writeFile(scene.file, `${jumpMs}`);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    daemon.kill('SIGUSR2');
    await save(scene, 'after the jump');
    const { at } = lastCycle(await daemon.inSync());
    expect(Math.abs(Date.parse(at) - Date.now() - jumpMs)).toBeLessThan(60_000);
    const { sweeps } = (await daemon.client.status()).watch;
    await daemon.until(({ watch }) => watch.sweeps > sweeps);

    await server.down();
    await writeFile(join(scene.assets, 'index.html'), 'while it was away');
    await daemon.until(({ targets }) => targets[0]?.state === 'unreachable');
    daemon.kill('SIGUSR2');
    await server.up();
    await serves(scene.target, { ...PUBLISHED, 'index.html': 'while it was away' });
    await daemon.inSync();
    await daemon.stop();
  });

  it('a machine that was suspended finds what changed, and its connections again', async () => {
    const server = await ownServer();
    const scene = await makeScene(server);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    daemon.kill('SIGSTOP');
    server.dropSessions();
    await writeFile(join(scene.assets, 'index.html'), 'saved meanwhile');
    daemon.kill('SIGCONT');
    await serves(scene.target, { ...PUBLISHED, 'index.html': 'saved meanwhile' });
    expect(targetOf(await daemon.inSync())).toMatchObject({ error: null });
    await daemon.stop();
    await expectSettled(scene);
  });
});

it('a daemon outlives the folder that it was started in, and takes up a configuration after that', async () => {
  const scene = await makeScene(await ownServer());
  const file = join(scene.folder, 'pushstatic.yaml');
  const nowhere = { ...scene.program, start: (...words: string[]) => scene.program.nowhere('-c', file, ...words) };
  const daemon = await startDaemon({ ...scene, program: nowhere });
  await daemon.inSync();
  await scene.configure({ watch: { ...QUICK, settle: '30ms' } });
  await daemon.client.reload();
  await save(scene, 'after the reload');
  await daemon.stop();
});

it('who asks a daemon that does not answer can break off', async () => {
  const scene = await makeScene(await ownServer());
  const daemon = await startDaemon(scene);
  await daemon.inSync();
  daemon.kill('SIGSTOP');
  onTestFinished(() => daemon.kill('SIGCONT'));
  for (const words of [
    ['stop', '--json'],
    ['status'],
    ['healthcheck'],
    ['pause'],
    ['resume'],
    ['reload'],
    ['trigger'],
  ]) {
    const asking = scene.program.start(...words);
    await eventually('it asks', () => isAsking(asking.pid));
    asking.kill('SIGINT');
    const { status, stdout, stderr } = await asking.ended;
    expect([words, status, stderr]).toEqual([words, 130, expect.stringMatching(/^pushstatic: interrupted; [^\n]*\n$/)]);
    if (words.includes('--json')) expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'INTERRUPTED' } });
  }
});

/** Whether the process `pid` has a socket open. */
function isAsking(pid: number): boolean {
  const folder = `/proc/${pid}/fd`;
  const linkOf = (name: string): string => {
    try {
      return readlinkSync(join(folder, name));
    } catch {
      return ''; // it was closed meanwhile
    }
  };
  return (
    existsSync(folder) &&
    readdirSync(folder)
      .map(linkOf)
      .filter((link) => link.startsWith('socket:')).length > 2
  );
}

it('a small heap is enough for many changes while a target is away (F67)', { timeout: 180_000 }, async () => {
  const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'pushstatic-heap-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const [sources, near] = [join(folder, 'sources'), join(folder, 'near')];
  const server = await ownServer();
  const scene = await makeScene(server, { watch: { ...QUICK, maxWait: '200ms' }, tree: {} });
  const away = { ...byKey(server), url: server.url('/away'), identityFile: server.identityFile };
  await scene.configure({
    source: { dirs: [sources] },
    static: { root: join(folder, 'static'), storage: 'plain' },
    targets: { away, near: inFolder(near) },
  });
  await plant(sources, {});
  await server.down();
  const tree = (text: string): Tree =>
    Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`d${i % 100}/${i}.js`, `${text} ${i}`]));
  const daemon = await startDaemon({
    ...scene,
    program: scene.program.with({ NODE_OPTIONS: '--max-old-space-size=64' }),
  });
  for (const text of ['first', 'second', 'third']) {
    await plant(sources, tree(text));
    const said = () => `it is served; it wrote ${daemon.output.stderr.slice(-2000)}`;
    await eventually(said, () => differences(sources, near) === '', 60_000);
  }
  expect(targetOf(await daemon.client.status(), 'away')).toMatchObject({ state: 'unreachable' });
  await daemon.stop();
});
