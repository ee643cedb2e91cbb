/** The real systemd-notify, and a socket in the service manager's place. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Notify } from '../src/daemon/notify.js';
import { type NotifySocket, startNotifySocket } from './support/notify-socket.js';

const DEADLINE = { timeout: 20_000, interval: 20 };

let folder: string;
let socket: NotifySocket;
let warnings: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pushstatic-notify-'));
  socket = await startNotifySocket(join(folder, 'notify'));
  warnings = [];
});

afterEach(async () => {
  await socket.stop();
  await rm(folder, { recursive: true, force: true });
});

function notifyWith(env: NodeJS.ProcessEnv = {}): Notify {
  return new Notify({
    env: { PATH: process.env['PATH'], NOTIFY_SOCKET: join(folder, 'notify'), ...env },
    onWarning: (text) => warnings.push(text),
  });
}

describe('the service manager', () => {
  test('is told the life of the daemon in order', async () => {
    const before = process.hrtime.bigint() / 1000n;
    const notify = notifyWith();
    notify.ready('in sync');
    notify.reloading();
    notify.ready();
    notify.stopping(10_000);
    await notify.close();
    const after = process.hrtime.bigint() / 1000n;
    expect(await socket.stop()).toEqual([
      ['READY=1', 'STATUS=in sync'],
      ['RELOADING=1', expect.stringMatching(/^MONOTONIC_USEC=\d+$/)],
      ['READY=1'],
      ['STOPPING=1', 'EXTEND_TIMEOUT_USEC=20000000'],
    ]);
    const usec = BigInt(socket.messages[1]?.[1]?.split('=')[1] ?? 0);
    expect(usec >= before && usec <= after).toBe(true);
    expect(warnings).toEqual([]);
  });

  test('may listen in the abstract namespace', async () => {
    const name = `@pushstatic-${process.pid}-${Date.now()}`;
    const abstract = await startNotifySocket(name);
    const notify = notifyWith({ NOTIFY_SOCKET: name });
    notify.ready();
    await notify.close();
    expect(await abstract.stop()).toEqual([['READY=1']]);
  });

  test('has read each message before its sender is gone, so that it knows whose it is', async () => {
    const notify = notifyWith();
    socket.pause();
    notify.ready();
    const closed = notify.close().then(() => 'closed');
    const longEnough = new Promise((resolve) => setTimeout(resolve, 500, 'still waiting'));
    expect(await Promise.race([closed, longEnough])).toBe('still waiting');
    socket.resume();
    expect(await closed).toBe('closed');
  });

  test('is told nothing, and nothing is run, where it does not listen', async () => {
    const trap = await helperThat('touch "$0-ran"');
    const notify = notifyWith({ NOTIFY_SOCKET: undefined, PATH: trap, WATCHDOG_USEC: '1000' });
    notify.ready('in sync');
    notify.status(() => 'pushing');
    notify.stopping(0);
    await notify.close();
    await rm(join(trap, 'systemd-notify')); // fails if it is not there, so the trap was one
    await expect(rm(join(trap, 'systemd-notify-ran'))).rejects.toThrow('ENOENT');
    expect(warnings).toEqual([]);
  });
});

describe('the status', () => {
  test('is sent when it is new, and of several in a row the last one', async () => {
    const notify = notifyWith();
    for (const text of ['one', 'two', 'three']) notify.status(() => text);
    await vi.waitFor(() => expect(socket.messages).toEqual([['STATUS=three']]), DEADLINE);
    notify.status(() => 'three');
    notify.ready();
    await notify.close();
    expect((await socket.stop()).slice(1)).toEqual([['READY=1']]);
  });

  test('goes out before the end, whatever the wait', async () => {
    const notify = notifyWith();
    notify.status(() => 'done');
    await notify.close();
    expect(await socket.stop()).toEqual([['STATUS=done']]);
  });

  test('is one line of bounded length, so that no name on the disk can say anything else', async () => {
    const notify = notifyWith();
    notify.status(() => `cannot read a\nMAINPID=1\u0000\r\n${'😀'.repeat(5000)}`);
    await notify.close();
    expect(await socket.stop()).toHaveLength(1);
    expect(socket.messages[0]).toEqual([expect.stringMatching(/^STATUS=cannot read a MAINPID=1 😀+$/u)]);
    expect(Buffer.byteLength(socket.messages[0]?.[0] ?? '')).toBeLessThan(4096);
  });
});

describe('the watchdog', () => {
  test('gets signs of life from the moment the daemon is ready until it stops', async () => {
    const notify = notifyWith({ WATCHDOG_USEC: '400000', WATCHDOG_PID: String(process.pid) });
    notify.ready();
    await vi.waitFor(() => expect(signs().length).toBeGreaterThan(2), DEADLINE);
    notify.stopping(0);
    await notify.close();
    const messages = await socket.stop();
    expect(messages[0]).toEqual(['READY=1']);
    expect(messages.at(-1)?.[0]).toBe('STOPPING=1');
  });

  test.each([
    ['there is none', {}],
    ['it waits for another process', { WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' }],
    ['its time is no number', { WATCHDOG_USEC: 'soon' }],
  ])('gets none where %s', async (_, env) => {
    const notify = notifyWith(env);
    notify.ready();
    await vi.waitFor(() => expect(socket.messages).toHaveLength(1), DEADLINE);
    notify.ready();
    await notify.close();
    expect(await socket.stop()).toEqual([['READY=1'], ['READY=1']]);
  });

  function signs(): readonly (readonly string[])[] {
    return socket.messages.filter((message) => message.includes('WATCHDOG=1'));
  }
});

describe('a message that cannot be sent', () => {
  test.each([
    ['there is no systemd-notify', { PATH: '/nonexistent' }, 'there is no systemd-notify on the PATH'],
    ['nobody listens', { NOTIFY_SOCKET: '/nonexistent/notify' }, 'No such file or directory'],
  ])('because %s, is one warning', async (_, env, reason) => {
    const notify = notifyWith(env);
    notify.ready();
    notify.reloading();
    notify.ready();
    await notify.close();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(`cannot tell the service manager how the daemon is: `);
    expect(warnings[0]).toContain(reason);
  });

  test('does not keep the next one back', async () => {
    const path = await helperThat(
      `[ "$1" = RELOADING=1 ] && exit 1; PATH=${process.env['PATH']} exec systemd-notify "$@"`,
    );
    const notify = notifyWith({ PATH: path });
    notify.reloading();
    notify.ready();
    await notify.close();
    expect(await socket.stop()).toEqual([['READY=1']]);
    expect(warnings).toEqual(['cannot tell the service manager how the daemon is: systemd-notify failed']);
  });
});

/** A folder for PATH, with a systemd-notify of our own. */
async function helperThat(does: string): Promise<string> {
  const file = join(folder, 'systemd-notify');
  await writeFile(file, `#!/bin/sh\n${does}\n`);
  await chmod(file, 0o755);
  return folder;
}
