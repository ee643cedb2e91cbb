/** Connections to a real OpenSSH server that are unusual and no fault of ours. */
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { noise } from './support/noise.js';
import { type OpenSshServer, startOpenSsh } from './support/openssh-server.js';
import { differences, makeProject, on } from './support/project.js';
import { plant, temporaryFolder } from './support/tree.js';

const MIB = 1024 * 1024;

describe('a server', () => {
  it.each(['on', 'off'])(
    'that changes its keys every megabyte loses nothing, with compression %s (F12)',
    async (compress) => {
      const server = await serve('RekeyLimit 1M');
      const target = join(await temporaryFolder(), 'static');
      const project = await makeProject({ targets: { web: on(server, target) }, push: { compress } });
      const texts = Array.from({ length: 300 }, (_, i) => [`assets/${i}.css`, `rule ${i};`.repeat(500)] as const);
      await plant(project.folder, { ...Object.fromEntries(texts), 'assets/large.bin': noise(16 * MIB, 1) });
      expect(await project.sync()).toMatchObject({ status: 0, targets: [{ problems: [] }] });
      expect(differences(project.root, target)).toBe('');
    },
  );

  it('that is reached over a line which loses packets gets all of it (F13)', async (context) => {
    const server = await serve('MaxSessions 10');
    const lost = losePackets(server.port, context);
    const target = join(await temporaryFolder(), 'static');
    const project = await makeProject({ targets: { web: on(server, target) } });
    const texts = Array.from({ length: 500 }, (_, i) => [`assets/${i}.css`, `rule ${i};`.repeat(200)] as const);
    await plant(project.folder, { ...Object.fromEntries(texts), 'assets/large.bin': noise(8 * MIB, 1) });
    for (const edit of [{}, { 'assets/1.css': 'edited' }]) {
      await plant(project.folder, edit);
      expect(await project.sync()).toMatchObject({ status: 0, targets: [{ problems: [] }] });
      expect(differences(project.root, target)).toBe('');
    }
    expect(lost()).toBeGreaterThan(0);
  });

  it('whose login script prints something is named as that, and nothing hangs (F14)', async () => {
    const script = join(await temporaryFolder(), 'sftp');
    await writeFile(script, '#!/bin/sh\necho Welcome to this machine\nexec /usr/lib/openssh/sftp-server\n');
    await chmod(script, 0o755);
    const server = await serve(`Subsystem sftp ${script}`);
    const project = await makeProject(
      { targets: { web: on(server, join(await temporaryFolder(), 'static')) } },
      { 'assets/a.css': 'a' },
    );
    const { status, stderr } = await project.program.run('sync');
    expect([status, stderr]).toEqual([1, expect.stringContaining('does not speak SFTP: it sent "Welcome')]);
  });
});

/** From now on every fiftieth packet to and from `port`, by chance, until the test is over. Answers with how many were lost. */
function losePackets(port: number, context: TestContext): () => number {
  const table = `pushstatic-${port}`;
  const nft = (...words: string[]) => spawnSync('nft', words, { encoding: 'utf8' });
  const drop = 'numgen random mod 50 == 0 counter drop';
  const rules = `table inet ${table} {
    chain in { type filter hook input priority 0; tcp dport ${port} ${drop}; tcp sport ${port} ${drop}; }
  }`;
  const { status } = spawnSync('nft', ['-f', '-'], { input: rules });
  if (status !== 0) return context.skip('only root can have packets dropped, where there is nftables');
  onTestFinished(() => void nft('delete', 'table', 'inet', table));
  return () => {
    const counted = nft('list', 'table', 'inet', table).stdout.matchAll(/packets (\d+)/g);
    return Array.from(counted, ([, packets]) => Number(packets)).reduce((sum, packets) => sum + packets, 0);
  };
}

describe('an account that is locked into a folder (ChrootDirectory)', () => {
  it('is published to by the paths that it sees, and to its top not at all', async (context) => {
    const cell = await makeCell(context);
    const server = await serve(`ChrootDirectory ${cell}`);
    const site = { 'assets/a.css': 'a', 'assets/img/a.png': 'A', 'assets/img/b.png': 'B' };
    const project = await makeProject({ targets: { web: on(server, '/www/static') } }, site);
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 3 }] });
    expect(differences(project.root, join(cell, 'www/static'))).toBe('');
    await plant(project.folder, { 'assets/img/a.png': 'another' });
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1, unchanged: 2 }] });
    expect(differences(project.root, join(cell, 'www/static'))).toBe('');
    expect((await project.program.run('verify', '--content')).status).toBe(0);

    await project.configure({ targets: { web: on(server, '/nowhere/static') } });
    const { status, targets } = await project.sync();
    expect([status, targets[0]?.error?.message]).toEqual([
      1,
      'cannot make /nowhere/static on the server: the folder above it is missing; make it there, or correct the path in the URL',
    ]);
    await project.configure({ targets: { web: on(server, '/') } });
    expect((await project.program.run('sync')).status).toBe(2);
    expect(await readdir(cell)).toEqual(['www']);
  });
});

/** All folders above such a one must be root's, and closed to others (sshd_config(5)). */
async function makeCell(context: TestContext): Promise<string> {
  if (process.getuid?.() !== 0) return context.skip('only root can lock an account into a folder');
  const cell = await mkdtemp('/run/pushstatic-cell-');
  onTestFinished(() => rm(cell, { recursive: true }));
  await chmod(cell, 0o755);
  await mkdir(join(cell, 'www'));
  return cell;
}

async function serve(line: string): Promise<OpenSshServer> {
  const server = await startOpenSsh({ extra: [line] });
  onTestFinished(() => server.stop());
  return server;
}
