/** A daemon through every kind of outage of its targets: it ends in sync, without a restart, and bothers nobody meanwhile. */
import { execFile } from 'node:child_process';
import { appendFile, copyFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  eventually,
  expectSettled,
  isInSync,
  lastCycle,
  makeScene,
  PUBLISHED,
  type Scene,
  serves,
  startDaemon,
  targetOf,
} from '../support/daemon.js';
import { makeKey, type OpenSshServer, startOpenSsh } from '../support/openssh-server.js';
import { differences, inFolder, on, published } from '../support/project.js';
import { plant, type Tree, temporaryFolder } from '../support/tree.js';

const AFTER_PAUSE_MS = 90_000; // the longest pause between two tries is a minute

async function ownServer(): Promise<OpenSshServer> {
  const server = await startOpenSsh();
  onTestFinished(() => server.stop());
  return server;
}

function manyFiles(count: number, text: string): Tree {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`many/${i % 20}/${i}.js`, `${text} ${i}`]));
}

function connectionsTo(server: OpenSshServer): number {
  return server.log().split('Connection from ').length - 1;
}

describe('a server that is down', () => {
  it('at the start is a state, not an exit, and is served when it appears (F1)', { timeout: 120_000 }, async () => {
    const server = await ownServer();
    const scene = await makeScene(server);
    await server.down();
    const daemon = await startDaemon(scene);
    const status = await daemon.until(
      ({ local, targets }) => local.state === 'ready' && targets[0]?.state === 'unreachable',
    );
    expect(targetOf(status)).toMatchObject({
      error: { code: 'UNREACHABLE' },
      inSyncAt: null,
      retryAt: expect.any(String),
    });
    expect(status.local).toMatchObject({ state: 'ready', files: 5, error: null });
    expect(await scene.program.run('healthcheck')).toMatchObject({ status: 1 });
    expect(await scene.program.run('trigger', '--wait')).toMatchObject({ status: 1 });
    await server.up();
    await serves(scene.target, PUBLISHED, AFTER_PAUSE_MS);
    expect(targetOf(await daemon.inSync())).toMatchObject({ error: null, failures: 0, retryAt: null });
    expect(await scene.program.run('healthcheck')).toMatchObject({ status: 0 });
    await daemon.stop();
    await expectSettled(scene);
  });

  it('is tried once a pause, and the pauses double (F6)', async () => {
    const server = await ownServer();
    const scene = await makeScene(server);
    await server.down();
    const logins: number[] = [];
    const deaf = createServer((socket) => {
      logins.push(Date.now());
      socket.destroy();
    }).listen(server.port, server.host);
    onTestFinished(() => void deaf.close());
    const daemon = await startDaemon(scene);
    for (let failures = 1; failures <= 3; failures++) {
      const { retryAt } = targetOf(await daemon.until(({ targets }) => targets[0]?.failures === failures));
      expect(logins.filter((at) => at < Date.parse(retryAt ?? ''))).toHaveLength(failures);
      const pause = Date.parse(retryAt ?? '') - Date.now();
      expect(pause).toBeLessThanOrEqual(1000 * 2 ** (failures - 1));
      for (let i = 0; i < 3; i++) await writeFile(join(scene.assets, 'index.html'), `${failures} ${i}`);
    }
  });

  it('misses many saves and gets all of them (F1, F2)', async () => {
    const server = await ownServer();
    const scene = await makeScene(server);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await server.down();
    await plant(scene.assets, manyFiles(500, 'first'));
    await daemon.until(({ local }) => local.files === 505);
    await plant(scene.assets, manyFiles(400, 'second'));
    await rm(join(scene.assets, 'many/3'), { recursive: true });
    await rename(join(scene.assets, 'many/4'), join(scene.assets, 'many/3'));
    await rm(join(scene.assets, 'js/app.js'));
    await daemon.until(({ local, targets }) => local.files === 479 && targets[0]?.state === 'unreachable');
    await server.up();
    await eventually('it is served', () => differences(scene.root, scene.target) === '', AFTER_PAUSE_MS);
    await daemon.inSync();
    expect(differences(join(scene.assets, 'many'), join(scene.target, 'many'))).toBe('');
    await daemon.stop();
    await expectSettled(scene);
  });

  it('holds up no other one', async () => {
    const server = await ownServer();
    const folder = join(await temporaryFolder(), 'folder');
    const scene = await makeScene(server);
    await scene.configure({ targets: { web: on(server, scene.target), folder: inFolder(folder) } });
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await server.down();
    for (let i = 0; i < 5; i++) {
      await writeFile(join(scene.assets, 'index.html'), `version ${i}`);
      await serves(folder, { ...PUBLISHED, 'index.html': `version ${i}` });
    }
    await daemon.until(({ targets: [web, other] }) => web?.state === 'unreachable' && other?.state === 'in-sync');
    expect(await published(scene.target)).toEqual(PUBLISHED);
    await server.up();
    await serves(scene.target, { ...PUBLISHED, 'index.html': 'version 4' }, AFTER_PAUSE_MS);
  });
});

describe('a connection', () => {
  it('that breaks while it is idle is made again without a word (F4)', async () => {
    const server = await ownServer();
    const scene = await makeScene(server);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    for (let i = 1; i <= 3; i++) {
      server.dropSessions();
      await writeFile(join(scene.assets, 'index.html'), `version ${i}`);
      await serves(scene.target, { ...PUBLISHED, 'index.html': `version ${i}` });
      const status = await daemon.inSync();
      expect(targetOf(status)).toMatchObject({ reconnects: i, error: null });
      expect(status.cycles.every(({ ok }) => ok)).toBe(true);
    }
    expect(daemon.output.stderr).not.toContain('connection');
  });

  it('that the server closes because it is idle is made again without a word (F4)', async () => {
    const server = await startOpenSsh({ extra: ['ChannelTimeout session:*=5'] });
    onTestFinished(() => server.stop());
    const scene = await makeScene(server);
    const daemon = await startDaemon(scene);
    for (let i = 1; i <= 3; i++) {
      await daemon.inSync();
      const closed = (): number => server.log().split('seconds of inactivity').length - 1;
      const before = closed();
      await eventually('the server closes an idle channel', () => closed() > before);
      await writeFile(join(scene.assets, 'index.html'), `version ${i}`);
      await serves(scene.target, { ...PUBLISHED, 'index.html': `version ${i}` });
    }
    const status = await daemon.inSync();
    expect(targetOf(status)).toMatchObject({ failures: 0, error: null });
    expect(status.cycles.every(({ ok }) => ok)).toBe(true);
    expect(daemon.output.stderr).not.toContain('connection');
  });

  it.each([
    ['a session that is killed (F2)', async (server: OpenSshServer) => server.dropSessions()],
    [
      'a server that is killed and comes back (F7, F8)',
      async (server: OpenSshServer) => {
        await server.down();
        await server.up();
      },
    ],
  ])('that breaks in the middle of a push goes on after that: %s', async (_, breakIt) => {
    const server = await ownServer();
    const scene = await makeScene(server);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    let breaks = 0;
    for (let round = 0; round < 3; round++) {
      await plant(scene.assets, manyFiles(2000, `round ${round}`));
      // How many files a cycle takes depends on how fast they were planted: any of them will do.
      await daemon.until(({ targets }) => (targets[0]?.progress?.doneFiles ?? 0) > 0);
      await breakIt(server);
      breaks++;
      await eventually(
        'it is served',
        () => differences(join(scene.assets, 'many'), join(scene.target, 'many')) === '',
        AFTER_PAUSE_MS,
      );
      // A push may have ended just before the break: what is saved after it needs a connection again.
      await writeFile(join(scene.assets, 'index.html'), `after round ${round}`);
      const isServed = async () =>
        (await readFile(join(scene.target, 'index.html'), 'utf8')) === `after round ${round}`;
      await eventually('what is saved after it is served', isServed, AFTER_PAUSE_MS);
    }
    const status = await daemon.inSync(AFTER_PAUSE_MS);
    expect(targetOf(status).reconnects).toBeGreaterThanOrEqual(breaks);
    expect(await scene.program.run('verify', '--content')).toMatchObject({ status: 0 });
    await daemon.stop();
    await expectSettled(scene);
  });

  it('over which nothing comes any more is given up in bounded time (F3)', { timeout: 240_000 }, async () => {
    const server = await ownServer();
    const scene = await makeScene(server);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    server.freezeSessions();
    await writeFile(join(scene.assets, 'index.html'), 'into the hole');
    await serves(scene.target, { ...PUBLISHED, 'index.html': 'into the hole' }, 150_000);
    await daemon.inSync();
    expect(targetOf(await daemon.client.status()).reconnects).toBeGreaterThan(0);
  });

  it('over which nothing comes any more does not keep the daemon from its end (F3, F66)', async () => {
    const server = await ownServer();
    const scene = await makeScene(server, { daemon: { http: false, shutdownTimeout: '2s' } });
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    server.freezeSessions();
    await writeFile(join(scene.assets, 'index.html'), 'into the hole');
    await eventually(
      'it was collected',
      async () => (await readFile(join(scene.root, 'index.html'), 'utf8')) === 'into the hole',
    );
    const asked = performance.now();
    daemon.kill('SIGTERM');
    expect(await daemon.ended).toMatchObject({ status: 0 });
    expect(performance.now() - asked).toBeLessThan(10_000);
  });
});

describe('a server that lets nobody in', () => {
  const ways = {
    'without its key (F11)': {
      code: 'AUTH',
      shut: async ({ folder }: OpenSshServer) => {
        await rename(join(folder, 'authorized_keys'), join(folder, 'authorized_keys.away'));
      },
      open: ({ folder }: OpenSshServer) =>
        rename(join(folder, 'authorized_keys.away'), join(folder, 'authorized_keys')),
    },
    'with another host key (F10)': {
      code: 'HOST_KEY',
      shut: async ({ hostKeyFile }: OpenSshServer) => {
        await copyFile(hostKeyFile, `${hostKeyFile}.away`);
        await rm(hostKeyFile);
        await rm(`${hostKeyFile}.pub`);
        await makeKey(hostKeyFile, 'ed25519');
      },
      open: ({ hostKeyFile }: OpenSshServer) => rename(`${hostKeyFile}.away`, hostKeyFile),
    },
  };

  it.each(Object.entries(ways))(
    '%s is not tried again until a person has acted (F6)',
    async (_, { code, shut, open }) => {
      const server = await ownServer();
      const scene = await makeScene(server);
      const daemon = await startDaemon(scene);
      await daemon.inSync();
      await server.down();
      await shut(server);
      await server.up();
      await writeFile(join(scene.assets, 'index.html'), 'changed');
      const halted = await daemon.until(({ targets }) => targets[0]?.state === 'halted');
      expect(targetOf(halted)).toMatchObject({ error: { code }, retryAt: null });
      expect(await scene.program.run('healthcheck')).toMatchObject({ status: 1 });
      const tries = connectionsTo(server);
      for (let i = 0; i < 5; i++) {
        await plant(scene.assets, { [`more-${i}.css`]: 'more' });
        await daemon.until(({ local }) => local.files === 6 + i && local.state === 'ready');
      }
      expect(connectionsTo(server)).toBe(tries);
      expect(await published(scene.target)).toEqual(PUBLISHED);

      await server.down();
      await open(server);
      await server.up();
      expect(await scene.program.run('trigger', '--wait')).toMatchObject({ status: 0 });
      expect(Object.keys(await published(scene.target))).toHaveLength(10);
      const status = await daemon.until(isInSync);
      expect(targetOf(status)).toMatchObject({ error: null, failures: 0 });
      expect(lastCycle(status)).toMatchObject({ cause: 'trigger', ok: true });
      await writeFile(join(scene.assets, 'index.html'), 'changed again');
      await eventually(
        'it is served',
        async () => (await readFile(join(scene.target, 'index.html'), 'utf8')) === 'changed again',
      );
    },
  );
});

describe('a passphrase in a file that was changed with its key', () => {
  const change = promisify(execFile);

  async function sceneWithKey(): Promise<
    Scene & { server: OpenSshServer; changeKey: () => Promise<void>; file: string }
  > {
    const server = await ownServer();
    const file = join(await temporaryFolder(), 'passphrase');
    const identityFile = join(await temporaryFolder(), 'key');
    await makeKey(identityFile, 'ed25519', 'the first one');
    await appendFile(join(server.folder, 'authorized_keys'), await readFile(`${identityFile}.pub`));
    await writeFile(file, 'the first one\n');
    const scene = await makeScene(server, { target: { identityFile, passphraseFile: file } });
    const words = ['-q', '-p', '-P', 'the first one', '-N', 'the second one', '-f', identityFile];
    return { ...scene, server, file, changeKey: async () => void (await change('ssh-keygen', words)) };
  }

  it('is read when the connection is made again (F70)', async () => {
    const scene = await sceneWithKey();
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await scene.changeKey();
    await writeFile(scene.file, 'the second one\n');
    scene.server.dropSessions();
    await writeFile(join(scene.assets, 'index.html'), 'with the second one');
    await serves(scene.target, { ...PUBLISHED, 'index.html': 'with the second one' });
    expect(targetOf(await daemon.inSync())).toMatchObject({ error: null, failures: 0 });
  });

  it.each([['reload'], ['trigger', '--wait']])(
    'is read at %s where the login had failed (F11, F70)',
    async (...words) => {
      const scene = await sceneWithKey();
      const daemon = await startDaemon(scene);
      await daemon.inSync();
      await scene.changeKey();
      scene.server.dropSessions();
      await writeFile(join(scene.assets, 'index.html'), 'with the second one');
      const halted = await daemon.until(({ targets }) => targets[0]?.state === 'halted');
      expect(targetOf(halted)).toMatchObject({
        error: { code: 'AUTH', message: expect.stringContaining('passphrase') },
      });
      await writeFile(scene.file, 'the second one\n');
      expect(await scene.program.run(...words)).toMatchObject({ status: 0 });
      await serves(scene.target, { ...PUBLISHED, 'index.html': 'with the second one' });
      expect(targetOf(await daemon.inSync())).toMatchObject({ error: null, failures: 0 });
    },
  );
});
