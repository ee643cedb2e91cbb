/**
 * A daemon as a process of its own, as a service manager would run it, and what the system says of it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { type Client, connectDaemon } from '../../src/control/client.js';
import type { DaemonStatus } from '../../src/daemon/status.js';
import { until } from './until.js';

const CLI = new URL('../../dist/cli/main.js', import.meta.url).pathname;
const REPORT_HEAP = new URL('./report-heap.mjs', import.meta.url).href;
const TICK_MS = 10; // a processor's time is counted in hundredths of a second
const READY_WITHIN_MS = 120_000;
const STOPPED_WITHIN_MS = 30_000;

export interface DaemonSettings {
  readonly config: string;
  /** Where its `daemon.socket` says. */
  readonly socket: string;
  /** What it prints is appended here. */
  readonly log: string;
  readonly env: NodeJS.ProcessEnv;
  /** Whether it can be asked for the size of its heap. */
  readonly heap?: 'tell' | undefined;
}

export interface DaemonProcess {
  readonly client: Client;
  /** Milliseconds from the start of the process until all targets were in sync. */
  readonly readyMs: number;
  rssBytes(): Promise<number>;
  /** Of the main thread, after all garbage was collected. */
  heapBytes(): Promise<number>;
  descriptors(): Promise<number>;
  threads(): Promise<number>;
  /** Processor time since its start. */
  cpuMs(): Promise<number>;
  /** Ends it in good order, and gives its exit status; null if it had to be killed. */
  stop(): Promise<number | null>;
}

/** Resolves when all of its targets are in sync. */
export async function startDaemon({ config, socket, log, env, heap }: DaemonSettings): Promise<DaemonProcess> {
  const output = openSync(log, 'a');
  const heapFile = `${log}.heap`;
  const told = heap === undefined ? [] : ['--expose-gc', '--import', REPORT_HEAP];
  const started = performance.now();
  const child = spawn(process.execPath, [...told, CLI, '-c', config, 'daemon'], {
    env: { ...env, HEAP_FILE: heapFile },
    stdio: ['ignore', output, output],
  });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const proc = `/proc/${child.pid}`;
  const client = await until(async () => {
    if (child.exitCode !== null) throw new TypeError(`the daemon ended: ${await readFile(log, 'utf8')}`);
    const daemon = await connectDaemon(socket);
    return daemon !== undefined && isInSync(await daemon.status()) ? daemon : undefined;
  }, READY_WITHIN_MS);
  const readyMs = performance.now() - started;
  return {
    client,
    readyMs,
    rssBytes: async () => Number(await statusField(proc, 'VmRSS')) * 1024,
    heapBytes: async () => {
      await rm(heapFile, { force: true });
      child.kill('SIGUSR2');
      return until(async () => Number(await readFile(heapFile, 'utf8').catch(() => '')) || undefined, 10_000);
    },
    descriptors: async () => (await readdir(`${proc}/fd`)).length,
    threads: async () => Number(await statusField(proc, 'Threads')),
    cpuMs: async () => {
      const fields = (await readFile(`${proc}/stat`, 'utf8')).split(') ').at(-1)?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
    },
    stop: async () => {
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), STOPPED_WITHIN_MS);
      const [status] = await exited;
      clearTimeout(killer);
      return status;
    },
  };
}

export function isInSync({ local, targets }: DaemonStatus): boolean {
  return local.unsettled === 0 && targets.every(({ state }) => state === 'in-sync');
}

async function statusField(proc: string, name: string): Promise<string> {
  const status = await readFile(`${proc}/status`, 'utf8');
  return new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? '';
}
