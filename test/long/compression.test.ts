/** `push.compress`: what travels is compressed where that is asked for or pays, against a real OpenSSH server. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { connectSsh } from '../../src/targets/ssh/ssh.js';
import { until } from '../bench/until.js';
import { noise } from '../support/noise.js';
import { type OpenSshServer, startOpenSsh } from '../support/openssh-server.js';
import { differences } from '../support/project.js';
import { makeRelayedRoot } from '../support/relayed-root.js';

const FILES = 40;
const KB = 1024;
const TEXT_BYTES = FILES * 100 * KB;

let server: OpenSshServer;

beforeAll(async () => {
  server = await startOpenSsh();
});

afterAll(() => server.stop());

describe('on', () => {
  it('sends text in a quarter of its bytes, and all of it is there', async () => {
    const { scene, relay } = await makeRelayedRoot(server, 'on');
    scene.put(texts());
    expect(await scene.sync()).toMatchObject({ status: 0, targets: [{ uploaded: FILES + 1 }] });
    expect(differences(scene.root, scene.target)).toBe('');
    expect(relay.bytes()).toBeLessThan(TEXT_BYTES / 4);
  });

  it('leaves alone what is compressed by its kind: that goes over a connection of its own', async () => {
    const { scene, relay } = await makeRelayedRoot(server, 'on');
    relay.setRate(KB * KB);
    const before = logins(server);
    scene.put({
      ...texts(),
      ...Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`${i}.png`, noise(500 * KB, i)])),
    });
    expect(await scene.sync()).toMatchObject({ status: 0, targets: [{ uploaded: FILES + 9 }] });
    expect(differences(scene.root, scene.target)).toBe('');
    expect(logins(server) - before).toBe(2);
  });

  it('does without where the server compresses nothing', async () => {
    const plain = await startOpenSsh({ extra: ['Compression no'] });
    onTestFinished(() => plain.stop());
    const { scene, relay } = await makeRelayedRoot(plain, 'on');
    scene.put(texts());
    expect(await scene.sync()).toMatchObject({ status: 0, targets: [{ uploaded: FILES + 1 }] });
    expect(differences(scene.root, scene.target)).toBe('');
    expect(relay.bytes()).toBeGreaterThan(TEXT_BYTES);
  });
});

describe('a compressed connection', () => {
  it.each(['is lost', 'is given up'] as const)('that %s is told like any other', async (how) => {
    const fragile = await startOpenSsh();
    onTestFinished(() => fragile.stop());
    const { scene, relay } = await makeRelayedRoot(fragile, 'on');
    relay.setRate(200 * KB);
    scene.put(Object.fromEntries(Array.from({ length: FILES }, (_, i) => [`${i}.js`, noise(100 * KB, i)])));
    const running = scene.program.start('-v', 'sync');
    await until(async () => relay.bytes() > 500 * KB || undefined, 20_000);
    if (how === 'is lost') fragile.dropSessions();
    else running.kill('SIGINT');
    relay.setRate(undefined);
    const { status, stderr } = await running.ended;
    expect([status, stderr]).toEqual([how === 'is lost' ? 0 : 130, expect.not.stringContaining('Zlib')]);
    expect(await scene.sync()).toMatchObject({ status: 0 });
    expect(differences(scene.root, scene.target)).toBe('');
  });
});

describe('a compressed connection that is busy', () => {
  it('and is lost at any moment fails what is asked of it, and nothing else', async () => {
    const fragile = await startOpenSsh();
    onTestFinished(() => fragile.stop());
    const { host, port, user, identityFile, knownHosts } = fragile;
    for (let time = 0; time < 16; time++) {
      const settings = { host, port, user, identityFile, knownHosts, sshConfig: false, compress: 'on' } as const;
      const connection = await connectSsh(settings, { env: {} });
      const channels = [connection.channel, await connection.openChannel()];
      const over = new AbortController();
      connection.onClose(() => over.abort());
      const asked: Promise<unknown>[] = [];
      for (let turn = 0; !over.signal.aborted; turn++) {
        if (turn === 20 * (time + 1)) fragile.dropSessions();
        for (const channel of channels) asked.push(channel.lstat('/').catch((error: unknown) => error));
        await setImmediate();
      }
      const failures = (await Promise.all(asked)).filter((each) => each instanceof Error);
      expect(failures.length).toBeGreaterThan(0);
      for (const each of failures) expect(each).toMatchObject({ kind: 'unreachable' });
      await connection.close();
    }
  });
});

describe('auto', () => {
  it('finds out that a line is slow, and goes on compressed over another connection', async () => {
    const { scene, relay } = await makeRelayedRoot(server, 'auto');
    relay.setRate(500 * KB);
    const before = logins(server);
    scene.put(texts());
    expect(await scene.sync()).toMatchObject({ status: 0, targets: [{ uploaded: FILES + 1 }] });
    expect(differences(scene.root, scene.target)).toBe('');
    expect(logins(server) - before).toBe(2);
    expect(relay.bytes()).toBeLessThan(TEXT_BYTES * 0.8);
  });

  it('goes on as it is where a second connection is refused', async () => {
    const { scene, relay } = await makeRelayedRoot(server, 'auto');
    relay.setRate(KB * KB);
    relay.takeAtMost(1);
    scene.put(texts());
    expect(await scene.sync()).toMatchObject({ status: 0, targets: [{ uploaded: FILES + 1 }] });
    expect(differences(scene.root, scene.target)).toBe('');
  });

  it('goes on by the first connection when the second one is lost', async () => {
    const { scene, relay } = await makeRelayedRoot(server, 'auto');
    relay.setRate(KB * KB);
    const before = logins(server);
    const leaves = Array.from({ length: 2 * FILES }, (_, i) => [`leaves/${i}.svg`, noise(100 * KB, i)] as const);
    scene.put({ ...Object.fromEntries(leaves), ...texts() });
    const running = scene.program.start('-v', 'sync');
    await until(async () => (logins(server) - before === 2 ? true : undefined), 20_000);
    const bytes = relay.bytes();
    await until(async () => relay.bytes() > bytes + 700 * KB || undefined, 20_000);
    relay.breakOff(2);
    relay.setRate(undefined);
    const { status, stderr } = await running.ended;
    expect([status, stderr]).toEqual([0, expect.not.stringContaining('trying again')]);
    expect(differences(scene.root, scene.target)).toBe('');
    expect(logins(server) - before).toBe(2);
    expect(leftOver(scene.target)).toEqual(['head', 'journal', 'snapshot']);
  });

  it('has one connection where there is little to send', async () => {
    const { scene } = await makeRelayedRoot(server, 'auto');
    const before = logins(server);
    scene.put({ '0.js': texts()['0.js'] ?? '', 'a.png': noise(100 * KB, 1) });
    expect(await scene.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 3 }] });
    expect(logins(server) - before).toBe(1);
  });
});

describe('off', () => {
  it('compresses nothing, however slow the line is', async () => {
    const { scene, relay } = await makeRelayedRoot(server, 'off');
    relay.setRate(2 * KB * KB);
    const before = logins(server);
    scene.put(texts());
    expect(await scene.sync()).toMatchObject({ status: 0, targets: [{ uploaded: FILES + 1 }] });
    expect(logins(server) - before).toBe(1);
    expect(relay.bytes()).toBeGreaterThan(TEXT_BYTES);
  });
});

/** Each another one, of words, which get shorter to about a tenth. */
function texts(): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: FILES }, (_, i) => [
      `${i}.js`,
      `/* ${i} */ const value = compute(value);\n`.repeat(4000).slice(0, 100 * KB),
    ]),
  );
}

/** The files in the control area: names without what differs from run to run. */
function leftOver(target: string): string[] {
  const found = readdirSync(join(target, '.pushstatic'), { recursive: true, withFileTypes: true });
  const files = found.filter((each) => each.isFile());
  return files.map(({ name }) => name.replace(/-\d.*$/, '')).sort();
}

function logins(place: OpenSshServer): number {
  return place.log().split('Accepted publickey').length - 1;
}
