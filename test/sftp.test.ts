import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { RelPath } from '../src/core/relpath.js';
import { openSftp } from '../src/targets/sftp/sftp.js';
import { connectSsh } from '../src/targets/ssh/ssh.js';
import type { Target } from '../src/targets/target.js';
import { path } from './support/entries.js';
import { type SftpServer, startSftpServer, type TestServerOptions } from './support/sftp-server.js';

const CONTROL = path('.pushstatic');

it('never replaces a published file where the server lacks posix-rename, and says why', async () => {
  const { target } = await serve({ extensions: {} });
  await put(target, '.pushstatic/staged', 'old');
  await target.rename(path('.pushstatic/staged'), path('a.css'));
  await put(target, '.pushstatic/staged', 'new');
  await expect(target.rename(path('.pushstatic/staged'), path('a.css'))).rejects.toMatchObject({
    kind: 'unsupported',
    message: expect.stringContaining('the server offers no posix-rename@openssh.com') as string,
  });
  expect(await text(target, path('a.css'))).toBe('old');
});

it('replaces what is its own even there: an index may be missing for a moment', async () => {
  const { target } = await serve({ extensions: {} });
  for (const content of ['one', 'two']) {
    await put(target, '.pushstatic/head-new', content);
    await target.rename(path('.pushstatic/head-new'), path('.pushstatic/head'));
  }
  expect(await text(target, path('.pushstatic/head'))).toBe('two');
});

it('looks at each name where a list does not say what it is', async () => {
  const unlisted = new Set<string>();
  let place = '';
  const { target, server } = await serve({
    fault: ({ kind, path: at = '' }) => {
      if (kind === 'OPENDIR') unlisted.add(at);
      if (kind !== 'READDIR' || !unlisted.delete(at)) return undefined;
      return { names: readdirSync(join(place, at)).map((name) => ({ name })) };
    },
  });
  place = server.folder;
  mkdirSync(join(place, 'root/css'), { recursive: true });
  writeFileSync(join(place, 'root/css/app.css'), 'app');
  const found = new Set<string>();
  for await (const { path: at, kind, size } of target.list(undefined))
    found.add(kind === 'file' ? `${at} ${size}` : at);
  expect(found).toEqual(new Set(['css', 'css/app.css 3']));
});

it('leaves the head of who took over where it is, even there, once its own folder was taken away', async () => {
  const { target } = await serve({ extensions: {} });
  await put(target, '.pushstatic/head', 'of who took over');
  const renaming = target.rename(path('.pushstatic/taken/head'), path('.pushstatic/head'));
  await expect(renaming).rejects.toMatchObject({ kind: 'not-found' });
  expect(await text(target, path('.pushstatic/head'))).toBe('of who took over');
});

it('asks nothing that changes the server when it is only read from', async () => {
  const { target, server } = await serve({});
  await expect(text(target, path('.pushstatic/head'))).rejects.toMatchObject({ kind: 'not-found' });
  await target.close();
  expect([...server.requests.keys()].sort()).toEqual(['OPEN', 'REALPATH', 'STAT']);
});

it('opens no file exclusively, so that a server which refuses that is no trouble (F19)', async () => {
  const { target } = await serve({ denyExclusive: true });
  await target.makeFolder(CONTROL, 0o700);
  await put(target, '.pushstatic/staged', 'content');
  expect(await text(target, path('.pushstatic/staged'))).toBe('content');
});

it('writes hundreds of files at once to a server with two handles (F21)', async () => {
  const { target } = await serve({ maxHandles: 2 });
  await target.makeFolder(CONTROL, 0o700);
  const names = Array.from({ length: 200 }, (_, i) => `.pushstatic/${i}`);
  await Promise.all(names.map((name) => put(target, name, name)));
  expect(await Promise.all(names.map((name) => text(target, path(name))))).toEqual(names);
});

it('has as many files open as ever, once a server that said "Failure" to each is well again', async () => {
  let isFull = true;
  let [asked, open, most] = [0, 0, 0];
  const { target } = await serve({
    fault: ({ kind, path: at }) => {
      if (kind === 'CLOSE') open--;
      if (kind !== 'OPEN') return undefined;
      asked++;
      if (isFull && at?.includes('/new-') === true) return { status: 4 };
      most = Math.max(most, ++open);
      return undefined;
    },
  });
  await target.makeFolder(CONTROL, 0o700);
  await put(target, '.pushstatic/old', 'the further channels are there');
  const names = Array.from({ length: 200 }, (_, i) => `.pushstatic/new-${i}`);
  asked = 0;
  const refused = await Promise.allSettled(names.map((name) => put(target, name, name)));
  expect(refused.filter(({ status }) => status === 'rejected')).toHaveLength(names.length);
  expect(asked).toBeLessThanOrEqual(2 * names.length);
  isFull = false;
  [asked, most] = [0, 0];
  await Promise.all(names.map((name) => put(target, name, name)));
  expect(asked).toBe(names.length);
  expect(most).toBeGreaterThan(20);
});

it('closes while a further channel is opened on which the server never speaks', async () => {
  const { target } = await serve({ speakingChannels: 1 });
  await target.makeFolder(CONTROL, 0o700);
  await put(target, '.pushstatic/staged', 'content');
  await expect(target.close()).resolves.toBeUndefined();
});

it('fails whatever is under way when the connection breaks, and all that is asked afterwards', async () => {
  const { target, server } = await serve({
    fault: ({ kind, count }) => (kind === 'WRITE' && count === 3 ? 'drop' : undefined),
  });
  await target.makeFolder(CONTROL, 0o700);
  const writes = await Promise.allSettled([1, 2, 3, 4, 5].map((i) => put(target, `.pushstatic/${i}`, 'x')));
  expect(
    writes.filter((write) => write.status === 'rejected').map((write) => (write.reason as { kind: string }).kind),
  ).toContain('unreachable');
  server.dropAll();
  await expect(target.stat(CONTROL)).rejects.toMatchObject({ kind: 'unreachable', retryable: true });
});

async function serve(options: TestServerOptions): Promise<{ target: Target; server: SftpServer }> {
  const server = await startSftpServer(options);
  onTestFinished(() => server.stop());
  const { host, port, user, identityFile, knownHosts } = server;
  const connection = await connectSsh({ host, port, user, identityFile, knownHosts, sshConfig: false }, { env: {} });
  const target = openSftp(connection, { url: server.url('/root'), root: '/root', control: '/root/.pushstatic' });
  onTestFinished(() => target.close());
  if (options.extensions !== undefined) await target.makeFolder(CONTROL, 0o700);
  return { target, server };
}

async function put(target: Target, name: string, content: string): Promise<void> {
  const bytes = Buffer.from(content);
  await target.write(path(name), () => bytes, { size: bytes.length, mtime: 1_700_000_000, mode: 0o644 });
}

async function text(target: Target, at: RelPath): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of target.read(at)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces).toString();
}
