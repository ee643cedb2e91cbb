import { mkdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SFTPWrapper } from 'ssh2';
import SftpClient from 'ssh2-sftp-client';
import { afterEach, describe, expect, test } from 'vitest';
import { PacketReader, readRequest, status } from '../src/demo/sftp-wire.js';
import { connectSsh } from '../src/targets/ssh/ssh.js';
import { type SftpServer, startSftpServer, type TestServerOptions } from './support/sftp-server.js';

const cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function start(
  options?: TestServerOptions,
): Promise<{ server: SftpServer; channel: SFTPWrapper; folder: string }> {
  const server = await startSftpServer(options);
  cleanUps.push(() => server.stop());
  const { host, port, user: username, identityFile, folder } = server;
  // Another client than ours, so that one does not make up for the other's mistakes.
  const session = new SftpClient('test', {});
  const channel = await session.connect({ host, port, username, privateKey: await readFile(identityFile) });
  cleanUps.push(() => session.end());
  return { server, channel, folder };
}

type Done<T> = (error: (Error & { code?: number }) | null | undefined, value?: T) => void;

/** The value, or the status code of the failure. */
function ask<T>(request: (done: Done<T>) => void): Promise<T | number | undefined> {
  return new Promise((resolve) => request((error, value) => resolve(error ? error.code : value)));
}

async function put(channel: SFTPWrapper, path: string, content: string): Promise<void> {
  await ask((done) => channel.writeFile(path, content, done));
}

describe('the SFTP server of the demo', () => {
  test('never lets a path climb out of its folder', async () => {
    const { channel } = await start();
    expect(await ask((done) => channel.realpath('/a/../../../etc', done))).toBe('/etc');
    expect(await ask((done) => channel.stat('/../../../../etc/passwd', done))).toBe(2);
  });

  test('follows no link out of its folder, to read, to write or to list', async () => {
    const { channel, folder } = await start();
    await symlink('/etc', join(folder, 'etc'));
    await symlink('/etc/passwd', join(folder, 'file'));
    await symlink(join(tmpdir(), 'pushstatic-not-there'), join(folder, 'dangling'));
    expect(await ask((done) => channel.stat('/etc/passwd', done))).toBe(3);
    expect(await ask((done) => channel.open('/file', 'r', done))).toBe(3);
    expect(await ask((done) => channel.opendir('/etc', done))).toBe(3);
    expect(await ask((done) => channel.mkdir('/etc/made', done))).toBe(3);
    expect(await ask((done) => channel.open('/dangling', 'w', done))).toBe(2);
    await expect(stat(join(tmpdir(), 'pushstatic-not-there'))).rejects.toThrow('ENOENT');
  });

  test('keeps an absolute link within its folder', async () => {
    const { channel, folder } = await start();
    await writeFile(join(folder, 'file'), 'inside');
    await ask((done) => channel.symlink('/file', '/link', done));
    expect(await readlink(join(folder, 'link'))).toBe(join(folder, 'file'));
    expect(await ask((done) => channel.readlink('/link', done))).toBe('/file');
    expect(await ask((done) => channel.readFile('/link', 'utf8', done))).toBe('inside');
  });

  test('does not rename over a file, and does so when asked the POSIX way', async () => {
    const { channel, folder } = await start();
    await put(channel, '/new', 'new');
    await put(channel, '/old', 'old');
    expect(await ask((done) => channel.rename('/new', '/old', done))).toBe(4);
    expect(await readFile(join(folder, 'old'), 'utf8')).toBe('old');
    expect(await ask((done) => channel.ext_openssh_rename('/new', '/old', done))).toBeUndefined();
    expect(await readFile(join(folder, 'old'), 'utf8')).toBe('new');
  });

  test('can be without extensions', async () => {
    const { channel } = await start({ extensions: {} });
    expect(() => channel.ext_openssh_rename('/a', '/b', () => undefined)).toThrow('does not support');
  });

  test('sets size, mode and times, of a path and of a handle', async () => {
    const { channel, folder } = await start();
    await put(channel, '/file', 'content');
    const changes = { size: 3, mode: 0o640, atime: 1_700_000_000, mtime: 1_700_000_001 };
    expect(await ask((done) => channel.setstat('/file', changes, done))).toBeUndefined();
    const found = await stat(join(folder, 'file'));
    expect([found.size, found.mode & 0o777, found.mtimeMs]).toEqual([3, 0o640, 1_700_000_001_000]);
  });

  test('lists a folder of many files, each once', async () => {
    const { channel, folder } = await start();
    const names = Array.from({ length: 250 }, (_, index) => `f${index}`);
    await Promise.all(names.map((name) => writeFile(join(folder, name), '')));
    await mkdir(join(folder, 'sub'));
    const list = await ask<{ filename: string; longname: string }[]>((done) => channel.readdir('/', done));
    const found = Array.isArray(list) ? list : [];
    expect(found.map((entry) => entry.filename).toSorted()).toEqual([...names, 'sub'].toSorted());
    expect(found.find((entry) => entry.filename === 'sub')?.longname).toMatch(/^drwx/);
  });

  test('answers a thousand requests at once, in their order', async () => {
    const { channel, server } = await start();
    const order: number[] = [];
    const asked = Array.from({ length: 1000 }, (_, index) =>
      ask((done) => channel.lstat('/', done)).then(() => order.push(index)),
    );
    await Promise.all(asked);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(server.requests.get('LSTAT')).toBe(1000);
  });

  test('refuses one handle more than it has', async () => {
    const { channel } = await start({ maxHandles: 2 });
    await put(channel, '/file', '');
    const handles = [
      await ask((done) => channel.open('/file', 'r', done)),
      await ask((done) => channel.opendir('/', done)),
    ];
    expect(handles.every((handle) => Buffer.isBuffer(handle))).toBe(true);
    expect(await ask((done) => channel.open('/file', 'r', done))).toBe(4);
  });

  test('lets nobody in with another key', async () => {
    const { server } = await start();
    const other = await startSftpServer();
    cleanUps.push(() => other.stop());
    const settings = { host: server.host, port: server.port, user: 'deploy', sshConfig: false } as const;
    const withOther = { ...settings, identityFile: other.identityFile, knownHosts: server.knownHosts };
    await expect(connectSsh(withOther, { env: { HOME: tmpdir() } })).rejects.toMatchObject({ kind: 'auth' });
  });
});

describe('a fault', () => {
  test('takes the place of one request', async () => {
    const { channel } = await start({
      fault: ({ kind, path, count }) => (kind === 'MKDIR' && path === '/b' && count === 2 ? { status: 4 } : undefined),
    });
    const answers = [];
    for (const path of ['/a', '/b', '/c']) answers.push(await ask((done) => channel.mkdir(path, done)));
    expect(answers).toEqual([undefined, 4, undefined]);
  });

  test('that hangs holds up no other request', async () => {
    const { channel } = await start({ fault: ({ kind }) => (kind === 'MKDIR' ? 'hang' : undefined) });
    let answered = false;
    channel.mkdir('/a', () => {
      answered = true;
    });
    expect(await ask((done) => channel.realpath('/', done))).toBe('/');
    expect(answered).toBe(false);
  });

  test('can be that files cannot be opened exclusively', async () => {
    const { channel, server } = await start({ denyExclusive: true });
    expect(await ask((done) => channel.open('/file', 'wx', done))).toBe(4);
    expect(Buffer.isBuffer(await ask((done) => channel.open('/file', 'w', done)))).toBe(true);
    expect(server.opened).toEqual(['/file', '/file']);
  });
});

describe('a packet', () => {
  test('arrives whole however the bytes are cut', () => {
    const bytes = Buffer.concat([status(1, 4, 'first'), status(2, 0, '')]);
    const reader = new PacketReader();
    const packets = Array.from(bytes, (byte) => reader.push(Buffer.of(byte))).flat();
    expect(packets).toEqual(new PacketReader().push(bytes));
    expect(packets).toHaveLength(2);
  });

  test('that announces more than any client sends is refused before it is waited for', () => {
    expect(() => new PacketReader().push(Buffer.from([0xff, 0xff, 0xff, 0xff]))).toThrow('4294967295 bytes');
  });

  test('that ends too early is refused', () => {
    const cut = Buffer.from([17, 0, 0, 0, 1, 0, 0, 0, 9, 0x2f]);
    expect(() => readRequest(cut, 'link-first')).toThrow('ends in the middle of a string');
    expect(() => readRequest(Buffer.from([17, 0]), 'link-first')).toThrow(RangeError);
  });
});
