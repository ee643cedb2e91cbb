/** What was sent already is not sent again where bytes are dear, over a compressed connection to a real OpenSSH server. */
import { existsSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { RelPath } from '../../src/core/relpath.js';
import { openSftp } from '../../src/targets/sftp/sftp.js';
import { connectSsh } from '../../src/targets/ssh/ssh.js';
import type { Body, Target } from '../../src/targets/target.js';
import { type Relay, startRelay } from '../bench/relay.js';
import { path } from '../support/entries.js';
import { noise } from '../support/noise.js';
import { type OpenSshServer, startOpenSsh } from '../support/openssh-server.js';
import { differences } from '../support/project.js';
import { makeRelayedRoot } from '../support/relayed-root.js';
import { temporaryFolder } from '../support/tree.js';

const KB = 1024;
const SFTP_SERVER = '/usr/lib/openssh/sftp-server'; // that can be given limits
const META = { mtime: 1_700_000_000, mode: 0o644 };
/** Text that compression leaves nearly as long as it is. */
const LONG = text(200 * KB, 1);
/** So much was sent after it that compression does not see it any more. */
const BETWEEN = text(64 * KB, 2);

let server: OpenSshServer;

beforeAll(async () => {
  server = await startOpenSsh();
});

afterAll(() => server.stop());

describe('a push', () => {
  it.each([0, 20])('sends once what several files have, %i ms away', async (delayMs) => {
    const { scene, relay } = await makeRelayedRoot(server, 'on');
    relay.setDelay(delayMs);
    const part = (from: number, to: number): string => LONG.toString().slice(from * KB, to * KB);
    scene.put({
      'a.css': LONG,
      'between.js': BETWEEN,
      'b.css': `/* b */ ${part(0, 200)}`,
      'c/c.css': `${part(100, 200)} /* and */ ${part(0, 100)}`,
      'd.js': Buffer.concat([BETWEEN, LONG.subarray(50 * KB, 150 * KB)]),
    });
    const { status, targets } = await scene.sync();
    expect([status, targets[0]]).toMatchObject([0, { uploaded: 6, problems: [] }]);
    expect(differences(scene.root, scene.target)).toBe('');
    const once = LONG.length + BETWEEN.length;
    expect(relay.bytes()).toBeLessThan(once + 50 * KB);
    expect(targets[0]?.sentBytes).toBeGreaterThan(once - KB);
    expect(targets[0]?.sentBytes).toBeLessThan(once + 2 * KB);
  });

  it('is right where hundreds of files are made of one another', async () => {
    const { scene, relay } = await makeRelayedRoot(server, 'on');
    const lines = Array.from({ length: 300 }, (_, i) => text(600, 10 + i).toString());
    const files = Array.from({ length: 600 }, (_, i) => {
      const most = lines.filter((__, line) => (line * 7 + i) % 5 !== 0);
      return [`${i % 9}/${i}.js`, `${i}\n${[...most.slice(i % 50), ...most.slice(0, i % 50)].join('\n')}`] as const;
    });
    relay.setRate(1000 * KB); // where bytes are not dear, what does not find room on the one channel takes others
    scene.put(Object.fromEntries(files));
    expect(await scene.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 601, problems: [] }] });
    expect(differences(scene.root, scene.target)).toBe('');
    expect(relay.bytes()).toBeLessThan(20_000 * KB); // of 80 MB
  });

  it('sends as it is what is too long to be read before it is begun', async () => {
    const { scene } = await makeRelayedRoot(server, 'on');
    const long = text(3 * KB * KB, 3);
    scene.put({ 'a.js': long, 'b.js': Buffer.concat([BETWEEN, long]), 'c.js': long.subarray(KB, 900 * KB) });
    expect(await scene.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 4, problems: [] }] });
    expect(differences(scene.root, scene.target)).toBe('');
  });

  it('goes on after a connection that broke in the middle of it', async () => {
    const { scene, relay } = await makeRelayedRoot(server, 'on');
    relay.setRate(300 * KB);
    const files = Array.from({ length: 40 }, (_, i) => [
      `${i}.js`,
      Buffer.concat([text(60 * KB, i % 7), text(9000, i)]),
    ]);
    scene.put(Object.fromEntries(files));
    const running = scene.sync();
    while (relay.bytes() < 150 * KB) await new Promise(setImmediate);
    relay.breakOff(1);
    await running;
    relay.setRate(undefined);
    expect(await scene.sync()).toMatchObject({ status: 0, targets: [{ problems: [] }] });
    expect(differences(scene.root, scene.target)).toBe('');
  });
});

describe('a file that repeats another one', () => {
  it('is sent whole where that one could not be written', async () => {
    const { target, write, read } = await open();
    const results = await Promise.allSettled([
      write('missing/a', LONG),
      write('between', BETWEEN),
      write('b', Buffer.concat([LONG, BETWEEN])),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(read('b').equals(Buffer.concat([LONG, BETWEEN]))).toBe(true);
    await target.close();
  });

  it('is sent whole where the content of that one failed while it was read', async () => {
    const { write, read } = await open();
    const failing: Body = async function* () {
      yield LONG;
      throw new TypeError('it changed');
    };
    const results = await Promise.allSettled([
      write('a', failing, LONG.length),
      write('between', BETWEEN),
      write('b', LONG),
    ]);
    expect(results).toMatchObject([{ reason: { message: 'it changed' } }, {}, { status: 'fulfilled' }]);
    expect(read('b').equals(LONG)).toBe(true);
  });

  it.each([
    ['is gone', (file: string) => rmSync(file)],
    ['has become shorter', (file: string) => truncateSync(file, 100 * KB)],
  ])('is sent whole where that one %s', async (_, meddle) => {
    const { write, read, at, relay } = await open();
    await write('a', LONG);
    await write('between', BETWEEN);
    meddle(at('a'));
    const before = relay.bytes();
    await write('b', LONG);
    expect(read('b').equals(LONG)).toBe(true);
    expect(relay.bytes() - before).toBeGreaterThan(LONG.length / 2);
    await write('c', Buffer.concat([BETWEEN, LONG]));
    expect(read('c').equals(Buffer.concat([BETWEEN, LONG]))).toBe(true);
  });

  it('is right where that one is written anew at the same time', async () => {
    const { write, read } = await open();
    const other = text(LONG.length, 9);
    for (let round = 0; round < 20; round++) {
      await write('a', LONG);
      await write('between', BETWEEN);
      await Promise.all([write(`b${round}`, LONG), write('a', other), write(`c${round}`, LONG)]);
      for (const name of [`b${round}`, `c${round}`]) expect(read(name).equals(LONG)).toBe(true);
      expect(read('a').equals(other)).toBe(true);
    }
  });

  it.each(['rename', 'remove', 'moveFolder'] as const)('is sent whole after a %s', async (how) => {
    const { target, write, read, relay } = await open();
    await target.makeFolder(path('.pushstatic/stage/folder'), 0o755);
    await write('folder/a', LONG);
    await write('folder/between', BETWEEN);
    const [from, to] = [path('.pushstatic/stage/folder/a'), path('moved')];
    if (how === 'rename') await target.rename(from, to);
    else if (how === 'remove') await target.remove(from);
    else await target.moveFolder(path('.pushstatic/stage/folder'), to);
    const before = relay.bytes();
    await write('b', LONG);
    expect(read('b').equals(LONG)).toBe(true);
    expect(relay.bytes() - before).toBeGreaterThan(LONG.length / 2);
  });

  it('is refused where the server takes no more of it, though it says that it has copied all', async () => {
    const tight = await startOpenSsh({
      extra: [`ForceCommand exec /bin/sh -c 'trap "" XFSZ; ulimit -f ${(100 * KB) / 512}; exec ${SFTP_SERVER}'`],
    });
    onTestFinished(() => tight.stop());
    const { write, read } = await open(tight);
    const [first, second] = [LONG.subarray(0, 80 * KB), LONG.subarray(80 * KB, 160 * KB)];
    await write('a', first);
    await write('b', second);
    await write('between', BETWEEN);
    const both = Buffer.concat([first, second.subarray(0, 50 * KB)]);
    await expect(write('c', both)).rejects.toMatchObject({ name: 'TargetError' });
    expect(read('c').length).toBe(0); // and nothing is left of it
    await write('d', both.subarray(0, 90 * KB));
    expect(read('d').equals(both.subarray(0, 90 * KB))).toBe(true);
  });

  it('has the mode and the time that it is to have, and is refused where its content has another length', async () => {
    const { target, write } = await open();
    await write('a', LONG);
    await write('between', BETWEEN);
    expect(await write('b', LONG)).toBe(0); // all of it is copied
    expect(await target.stat(path('.pushstatic/stage/b'))).toMatchObject({ ...META, size: LONG.length });
    await expect(write('c', () => LONG, LONG.length + 1)).rejects.toMatchObject({ kind: 'failed' });
  });
});

/** Letters in which nothing repeats. */
function text(length: number, seed: number): Buffer {
  return Buffer.from(
    noise(Math.ceil((length * 3) / 4), seed)
      .toString('base64')
      .slice(0, length),
  );
}

interface Opened {
  readonly target: Target;
  readonly relay: Relay;
  /** Names lie in a folder of the control area. */
  readonly at: (name: string) => string;
  readonly read: (name: string) => Buffer;
  readonly write: (name: string, content: Buffer | Body, size?: number) => Promise<number>;
}

async function open(place = server): Promise<Opened> {
  const relay = await startRelay(place.port, 0);
  onTestFinished(() => relay.stop());
  const root = await temporaryFolder();
  const { host, user, identityFile, fingerprint } = place;
  const settings = {
    host,
    port: relay.port,
    user,
    identityFile,
    hostKey: fingerprint,
    sshConfig: false,
    compress: 'on',
  };
  const connection = await connectSsh(settings as Parameters<typeof connectSsh>[0], { env: {} });
  const target = openSftp(connection, { url: 'sftp://test', root, control: join(root, '.pushstatic'), compress: 'on' });
  onTestFinished(() => target.close());
  for (const folder of ['.pushstatic', '.pushstatic/stage']) await target.makeFolder(path(folder), 0o700);
  const at = (name: string): string => join(root, '.pushstatic/stage', name);
  return {
    target,
    relay,
    at,
    read: (name) => (existsSync(at(name)) ? readFileSync(at(name)) : Buffer.alloc(0)),
    write: (name, content, size) => {
      const body: Body = typeof content === 'function' ? content : () => content;
      const bytes = size ?? (content as Buffer).length;
      return target.write(`.pushstatic/stage/${name}` as RelPath, body, { ...META, size: bytes });
    },
  };
}
