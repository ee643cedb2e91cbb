/** The units for systemd, judged by systemd's own tools. Nothing is started. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../src/config/load.js';
import { parseDuration } from '../src/config/units.js';
import { EXIT } from '../src/errors.js';

const run = promisify(execFile);
const CONFIG = new URL('../config', import.meta.url).pathname;
const SERVICE = 'pushstatic.service';
const SYNC = 'pushstatic-sync.service';
const TIMER = 'pushstatic-sync.timer';

let folder: string;
let service: string;
let sync: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pushstatic-unit-'));
  service = await readFile(join(CONFIG, SERVICE), 'utf8');
  sync = await readFile(join(CONFIG, SYNC), 'utf8');
  for (const [name, unit] of [[SERVICE, service] as const, [SYNC, sync] as const]) {
    // That the program is installed is the one thing that a unit file alone cannot see to.
    await writeFile(join(folder, name), unit.replace('ExecStart=pushstatic ', `ExecStart=${process.execPath} `));
  }
  await cp(join(CONFIG, TIMER), join(folder, TIMER));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('each unit', () => {
  test.each([SERVICE, SYNC, TIMER])('is sound: %s', async (name) => {
    expect(await run('systemd-analyze', ['verify', '--man=no', join(folder, name)])).toEqual({
      stdout: '',
      stderr: '',
    });
  });

  test.each([SERVICE, SYNC])('exposes little: %s', async (name) => {
    const { stdout } = await run('systemd-analyze', ['security', '--offline=yes', '--no-pager', join(folder, name)]);
    expect(Number(/Overall exposure level for .*: (\d+\.\d+)/.exec(stdout)?.[1])).toBeLessThan(2);
  });
});

describe('the background service', () => {
  test('is started, told and ended as the program expects it', () => {
    expect(settings(service)).toMatchObject({
      Type: ['notify'],
      NotifyAccess: ['all'], // messages come from a child, systemd-notify
      ExecStart: ['pushstatic --config ${CONFIG} daemon'],
      ExecReload: ['kill -HUP $MAINPID'],
      KillMode: ['mixed'], // hooks are ended by the daemon
    });
  });

  test('is restarted, but not with a configuration that is wrong', () => {
    expect(settings(service)).toMatchObject({
      Restart: ['on-failure'],
      RestartPreventExitStatus: [String(EXIT.usage)],
      SuccessExitStatus: [String(EXIT.terminated)],
    });
  });

  test('gets more time to stop than it takes by default', async () => {
    await writeFile(join(folder, 'pushstatic.yaml'), 'source: { dirs: [a] }\nstatic: { root: out }\n');
    const { daemon } = await loadConfig({ cwd: folder, env: {} });
    const seconds = Number(settings(service)['TimeoutStopSec']?.[0]);
    expect(seconds * 1000).toBeGreaterThan(daemon.shutdownTimeoutMs);
  });

  test('may give a sign of life as seldom as costs nothing', () => {
    expect(parseDuration(`${settings(service)['WatchdogSec']?.[0]}s`)).toBeGreaterThanOrEqual(30_000);
  });

  test('lets V8 compile', () => {
    expect(settings(service)).not.toHaveProperty('MemoryDenyWriteExecute');
  });

  test('may speak to targets, to DNS and on its socket, and in no other way', () => {
    expect(settings(service)['RestrictAddressFamilies']).toEqual(['AF_INET AF_INET6 AF_UNIX']);
    expect(settings(service)).not.toHaveProperty('PrivateNetwork');
    expect(settings(service)).not.toHaveProperty('IPAddressDeny');
  });
});

describe('the sync that a timer starts', () => {
  test('runs once, under the same user and the same hardening', () => {
    const own = [
      /^Type=/,
      /^Exec/,
      /^Timeout/,
      /^NotifyAccess=/,
      /^Watchdog/,
      /^Restart/,
      /^RuntimeDirectoryPreserve=/,
    ];
    const shared = (unit: string): string[] =>
      serviceLines(unit).filter((line) => !own.some((pattern) => pattern.test(line)));
    expect(shared(sync)).toEqual(shared(service));
    expect(shared(sync).length).toBeGreaterThan(30);
    expect(settings(sync)).toMatchObject({ Type: ['oneshot'], ExecStart: ['pushstatic --config ${CONFIG} sync'] });
  });

  test('leaves the folder of the control socket to a service that runs', () => {
    expect(settings(sync)['RuntimeDirectory']).toEqual(settings(service)['RuntimeDirectory']);
    expect(settings(sync)['RuntimeDirectoryPreserve']).toEqual(['yes']);
  });
});

/** The settings of [Service], a line each. */
function serviceLines(unit: string): string[] {
  const parts = unit.split(/^\[(\w+)\]$/m); // alternately text and the name of the section that follows
  const text = parts[parts.indexOf('Service') + 1] ?? '';
  return text.split('\n').filter((line) => /^\w/.test(line));
}

/** Each key of [Service] with its values, in order. */
function settings(unit: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const line of serviceLines(unit)) {
    const at = line.indexOf('=');
    (found[line.slice(0, at)] ??= []).push(line.slice(at + 1));
  }
  return found;
}
