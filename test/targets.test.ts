import { chmod, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RelPath } from '../src/core/relpath.js';
import { openLocal } from '../src/targets/local.js';
import { MemoryTarget } from '../src/targets/memory.js';
import { openSftp } from '../src/targets/sftp/sftp.js';
import { connectSsh } from '../src/targets/ssh/ssh.js';
import type { Target } from '../src/targets/target.js';
import { type OpenSshServer, startOpenSsh } from './support/openssh-server.js';
import { type SftpServer, startSftpServer } from './support/sftp-server.js';
import { runContract } from './targets.contract.js';

let folder: string;
let openSsh: OpenSshServer;
let noExtensions: OpenSshServer;
let inProcess: SftpServer;
let roots = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pushstatic-targets-'));
  [openSsh, noExtensions, inProcess] = await Promise.all([
    startOpenSsh(),
    // What a server older than OpenSSH 8.5, or of another make, does not offer.
    startOpenSsh({ extra: ['Subsystem sftp internal-sftp -P limits,copy-data,statvfs', 'MaxSessions 1'] }),
    startSftpServer(),
  ]);
});

afterAll(async () => {
  await Promise.all([openSsh.stop(), noExtensions.stop(), inProcess.stop()]);
  await rm(folder, { recursive: true });
});

runContract('memory', async () => new MemoryTarget());

runContract('a folder of this machine', async () => {
  const root = join(folder, `local-${roots++}`);
  return openLocal({ url: `file://${root}`, root, control: join(root, '.pushstatic') });
});

runContract('a folder of this machine with its control area beside it', async () => {
  const root = join(folder, `local-${roots++}`);
  return openLocal({ url: `file://${root}`, root, control: `${root}.control` });
});

runContract('OpenSSH without a shell', async () => {
  const root = join(folder, `openssh-${roots++}`);
  return openOn(openSsh, root, `${root}/.pushstatic`);
});

runContract('OpenSSH over a connection that compresses', async () => {
  const root = join(folder, `openssh-${roots++}`);
  return openOn(openSsh, root, `${root}/.pushstatic`, 'on');
});

runContract('OpenSSH with the control area beside the tree', async () => {
  const root = join(folder, `openssh-${roots++}`);
  await mkdir(root);
  return openOn(openSsh, root, `${root}.control`);
});

runContract('OpenSSH with one channel and few extensions', async () => {
  const root = join(folder, `openssh-${roots++}`);
  return openOn(noExtensions, root, `${root}/.pushstatic`);
});

runContract('a server inside this process', async () => {
  const root = `/root-${roots++}`;
  return openOn(inProcess, root, `${root}/.pushstatic`);
});

test('a root that OpenSSH makes hands on the group of the folder above', async () => {
  const shared = join(folder, `shared-${roots++}`);
  await mkdir(shared);
  await chmod(shared, 0o2775);
  const root = join(shared, 'root');
  const target = await openOn(openSsh, root, `${root}/.pushstatic`);
  await target.makeFolder('.pushstatic' as RelPath, 0o700);
  await target.close();
  expect((await stat(root)).mode & 0o7777).toBe(0o2755);
});

async function openOn(
  server: { host: string; port: number; user: string; identityFile: string; knownHosts: string },
  root: string,
  control: string,
  compress: 'on' | 'off' = 'off',
): Promise<Target> {
  const { host, port, user, identityFile, knownHosts } = server;
  const account = { host, port, user, identityFile, knownHosts };
  const connection = await connectSsh({ ...account, sshConfig: false, compress }, { env: {} });
  return openSftp(connection, { url: `sftp://${host}${root}`, root, control, compress });
}
