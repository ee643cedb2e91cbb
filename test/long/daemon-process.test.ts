/** A daemon as a process: signals at any moment, a state folder that is of no use, and an event loop that turns. */
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  eventually,
  expectSettled,
  makeScene,
  PUBLISHED,
  QUICK,
  serves,
  staged,
  startDaemon,
  stateFolder,
  targetOf,
} from '../support/daemon.js';
import { type OpenSshServer, startOpenSsh } from '../support/openssh-server.js';
import { differences, on, published } from '../support/project.js';
import { plant, type Tree } from '../support/tree.js';

const REPORT_STALLS = fileURLToPath(new URL('../support/report-stalls.mjs', import.meta.url));
const { SIGTERM } = constants.signals;
const MOST_STALL_MS = 200; // of processor time; on a quiet machine it is about 30

let server: OpenSshServer;

beforeAll(async () => {
  server = await startOpenSsh();
});

afterAll(() => server.stop());

function manyFiles(count: number, text: string): Tree {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`many/${i % 20}/${i}.js`, `${text} ${i}`]));
}

/** Whether no `signal` waits for the process. */
async function hasTaken(pid: number, signal: number): Promise<boolean> {
  const [, waiting = '0'] = /ShdPnd:\s*(\w+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (BigInt(`0x${waiting}`) & (1n << BigInt(signal - 1))) === 0n;
}

describe('a signal in the middle of a push (F66)', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s ends the daemon with 0, and nothing is half done', async (signal) => {
    const scene = await makeScene(server);
    for (const [round, done] of [0, 1, 200, 600].entries()) {
      const daemon = await startDaemon(scene);
      await daemon.inSync();
      await plant(scene.assets, manyFiles(1000, `round ${round}`));
      await daemon.until(({ targets: [web], cycles }) => (web?.progress?.doneFiles ?? -1) >= done || cycles.length > 1);
      daemon.kill(signal);
      expect(await daemon.ended).toMatchObject({ status: 0 });
      expect(staged(scene.target)).toEqual([]);
      expect(await scene.program.run('status', '--json')).toMatchObject({ status: 0 });
    }
    const { status } = await scene.sync();
    expect(status).toBe(0);
    expect(differences(scene.root, scene.target)).toBe('');
    await expectSettled(scene);
  });

  it('SIGKILL leaves what the next daemon goes on with', async () => {
    const scene = await makeScene(server);
    for (const [round, done] of [0, 1, 200, 600].entries()) {
      const daemon = await startDaemon(scene);
      await daemon.inSync();
      await plant(scene.assets, manyFiles(1000, `round ${round}`));
      await daemon.until(({ targets: [web], cycles }) => (web?.progress?.doneFiles ?? -1) >= done || cycles.length > 1);
      daemon.kill('SIGKILL');
      await daemon.ended;
    }
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    expect(differences(join(scene.assets, 'many'), join(scene.target, 'many'))).toBe('');
    await daemon.stop();
    expect(await scene.program.run('verify', '--content')).toMatchObject({ status: 0 });
    await expectSettled(scene);
  });

  it('a push that takes longer than shutdownTimeout is abandoned, and the next run goes on', async () => {
    const scene = await makeScene(server, {
      daemon: { http: false, shutdownTimeout: '1s' },
      push: { bandwidth: '50K' },
    });
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await plant(scene.assets, manyFiles(400, 'x'.repeat(2000)));
    await daemon.until(({ targets: [web] }) => web?.state === 'pushing');
    const asked = performance.now();
    daemon.kill('SIGTERM');
    expect(await daemon.ended).toMatchObject({ status: 0 });
    expect(performance.now() - asked).toBeLessThan(10_000);
    expect(await published(scene.target)).toEqual(PUBLISHED);
    await scene.configure({ push: {} });
    expect(await scene.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 400 }] });
    await expectSettled(scene);
  });

  it('a second SIGTERM ends it at once', async () => {
    const scene = await makeScene(server, {
      daemon: { http: false, shutdownTimeout: '1h' },
      push: { bandwidth: '50K' },
    });
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await plant(scene.assets, manyFiles(400, 'x'.repeat(2000)));
    await daemon.until(({ targets: [web] }) => web?.state === 'pushing');
    daemon.kill('SIGTERM');
    await eventually('the first one was taken', () => hasTaken(daemon.pid, SIGTERM)); // two that wait are one
    daemon.kill('SIGTERM');
    expect(await daemon.ended).toMatchObject({ status: 143 });
    expect(await published(scene.target)).toEqual(PUBLISHED);
  });
});

it('a daemon whose socket the configuration names no more is found, and not joined by a second one', async () => {
  const scene = await makeScene(server);
  const { folder, program, target } = scene;
  const daemon = await startDaemon(scene);
  await daemon.inSync();
  const moved = { http: false, socket: join(folder, 'run', 'elsewhere.sock') };
  await scene.configure({ targets: { web: on(server, target) }, watch: QUICK, daemon: moved });
  expect((await program.run('status')).status).toBe(0);
  expect(await program.run('daemon')).toMatchObject({ status: 4, stderr: expect.stringContaining('daemon') });
  expect((await program.run('stop')).status).toBe(0);
  await daemon.ended;
  expect(await program.run('stop')).toMatchObject({ status: 1, stderr: expect.stringContaining('no daemon runs') });
});

it('a daemon whose socket somebody takes away makes it again', async () => {
  const scene = await makeScene(server);
  const daemon = await startDaemon(scene);
  await daemon.inSync();
  await rm(daemon.client.socketPath);
  await eventually('it is found again', () => existsSync(daemon.client.socketPath), 20_000);
  expect((await scene.program.run('stop')).status).toBe(0);
  expect(await daemon.ended).toMatchObject({ status: 0 });
  expect(existsSync(daemon.client.socketPath)).toBe(false);
});

describe('the state folder (F68)', () => {
  it('is believed by the next daemon, which finds what changed meanwhile', async () => {
    const scene = await makeScene(server);
    const first = await startDaemon(scene);
    await first.inSync();
    await first.stop();
    expect(await readdir(await stateFolder(scene))).toContain('warm');
    await writeFile(join(scene.assets, 'index.html'), 'changed while nobody looked');
    await rm(join(scene.assets, 'js/app.js'));
    const second = await startDaemon(scene);
    const { 'js/app.js': _, ...left } = PUBLISHED;
    await serves(scene.target, { ...left, 'index.html': 'changed while nobody looked' });
    const { cycles } = await second.inSync();
    expect(cycles.at(-1)).toMatchObject({ cause: 'start', targets: [{ uploaded: 1 }] });
  });

  it.each(['garbage', 'cut off', 'empty'])('may hold files that are %s', async (how) => {
    const scene = await makeScene(server);
    const first = await startDaemon(scene);
    await first.inSync();
    await first.stop();
    const folder = await stateFolder(scene);
    for (const each of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!each.isFile()) continue;
      const path = join(each.parentPath, each.name);
      const content = await readFile(path);
      const half = content.subarray(0, content.length / 2);
      await writeFile(path, how === 'garbage' ? 'garbage' : how === 'empty' ? '' : half);
    }
    await writeFile(join(scene.assets, 'index.html'), 'changed');
    const second = await startDaemon(scene);
    await second.inSync();
    expect(await published(scene.target)).toEqual({ ...PUBLISHED, 'index.html': 'changed' });
    await second.stop();
    await expectSettled(scene);
  });

  it('may be one that cannot be written to', async () => {
    const scene = await makeScene(server);
    const first = await startDaemon(scene);
    await first.inSync();
    await first.stop();
    const folder = await stateFolder(scene);
    await rm(folder, { recursive: true });
    await writeFile(folder, 'a file, where nothing can be made');
    const second = await startDaemon(scene);
    await second.inSync();
    await writeFile(join(scene.assets, 'index.html'), 'changed');
    await second.until((status) => status.cycles[0]?.cause === 'change');
    await second.inSync();
    expect(await published(scene.target)).toEqual({ ...PUBLISHED, 'index.html': 'changed' });
    expect(second.output.stderr).toContain(folder);
    expect(await second.stop()).toMatchObject({ status: 0 });
  });
});

describe('the event loop', () => {
  it('turns while 20,000 files are collected and pushed (F72)', { timeout: 180_000 }, async () => {
    const plain = await makeScene(server, { watch: { ...QUICK, sweep: '1h' } });
    const file = join(plain.folder, 'stalls');
    const program = plain.program.with({ NODE_OPTIONS: `--import ${REPORT_STALLS}`, STALLS_FILE: file });
    const scene = { ...plain, program };
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    daemon.kill('SIGUSR2');
    await plant(scene.assets, manyFiles(20_000, 'first'));
    await daemon.until(({ local, targets: [web] }) => local.files > 20_000 && web?.files === 20_005, 120_000);
    await daemon.inSync();
    expect(targetOf(await daemon.client.status()).problems).toEqual([]);
    await daemon.stop();
    const stalls = JSON.parse(await readFile(file, 'utf8')) as { readonly busyMs: number }[];
    expect(stalls.length).toBeGreaterThan(0);
    expect(Math.max(...stalls.map(({ busyMs }) => busyMs))).toBeLessThan(MOST_STALL_MS);
  });
});
